/* semaphore_fork.c - a forked child holds none of its parent's permits, and a parent's death or exec gives them back. */
#include "objects.h"

static void *fork_and_end(void *semaphore)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        RC(EPERM, shm_semaphore_post((shm_semaphore_t *)semaphore, 1));
        SAYS("a child made by fork");
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    return NULL;
}

int main(void)
{
    char name[64];
    shm_semaphore_t *semaphore = new_semaphore(unique_name(name, sizeof name), SHM_SEMAPHORE_OWNED, 4);
    OK(shm_semaphore_wait(semaphore, 0));

    pid_t child = fork();
    if (child == 0) {
        RC(EPERM, shm_semaphore_post(semaphore, 1));
        OK(shm_semaphore_wait(semaphore, 0)); /* one of its own */
        OK(shm_semaphore_post(semaphore, 1));
        RC(EPERM, shm_semaphore_post(semaphore, 1));
        shm_semaphore_close(semaphore); /* gives back nothing of its parent's */
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    CHECK(value_of(semaphore) == 3);

    /* Threads that fork while others hold. */
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, fork_and_end, semaphore) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(value_of(semaphore) == 3);

    /* A parent dies, its child lives on: the permits are free. */
    int ready[2], end[2];
    CHECK(pipe(ready) == 0 && pipe(end) == 0);
    pid_t parent = fork();
    if (parent == 0) {
        OK(shm_semaphore_wait(semaphore, 0));
        OK(shm_semaphore_wait(semaphore, 0));
        OK(shm_semaphore_wait(semaphore, 0));
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, 0);
            tell(ready);
            hear(end);
            _exit(0);
        }
        stay();
    }
    hear(ready);
    RC(EBUSY, shm_semaphore_wait(semaphore, 0));
    CHECK(killed(parent) == -SIGKILL);
    OK(shm_semaphore_wait(semaphore, SECONDS(5)));
    CHECK(value_of(semaphore) == 2);
    tell(end);

    /* What execs is another program: it holds nothing any more. vfork before that changes nothing. */
    pid_t program = fork();
    if (program == 0) {
        OK(shm_semaphore_wait(semaphore, 0));
        OK(shm_semaphore_wait(semaphore, 0));
        tell(ready);
        pid_t short_lived = vfork();
        if (short_lived == 0)
            execl("/bin/true", "true", (char *)NULL), _exit(127);
        CHECK(end_of(short_lived) == 0);
        RC(EBUSY, shm_semaphore_wait(semaphore, 0)); /* still held */
        execl("/bin/sleep", "sleep", "60", (char *)NULL);
        _exit(127);
    }
    hear(ready);
    int64_t patience = now_ns() + SECONDS(10);
    while (shm_semaphore_wait(semaphore, MILLISECONDS(100)) != 0)
        CHECK(now_ns() < patience);
    CHECK(killed(program) == -SIGKILL);
    CHECK(value_of(semaphore) == 1);
    shm_semaphore_close(semaphore);
    OK(shm_semaphore_unlink(name));
    return 0;
}
