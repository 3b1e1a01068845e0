/* semaphore_owned.c - owned permits are a limit: who took one gives it back, and nobody gives what it does not hold. */
#include "objects.h"

int main(void)
{
    char name[64];
    shm_semaphore_t *first = new_semaphore(unique_name(name, sizeof name), SHM_SEMAPHORE_OWNED, 3);
    shm_semaphore_t *second = opened_semaphore(name, SHM_OBJECT_WRITE);
    RC(EPERM, shm_semaphore_post(first, 1));
    SAYS("holds 0 permits, not 1");
    OK(shm_semaphore_wait(first, 0));
    OK(shm_semaphore_wait(first, 0));
    OK(shm_semaphore_wait(second, SECONDS(1)));
    RC(EBUSY, shm_semaphore_wait(second, 0));
    SAYS("all 3 permits are taken");

    /* What one handle holds, another cannot give. */
    RC(EPERM, shm_semaphore_post(second, 2));
    RC(EPERM, shm_semaphore_post(first, 3));
    CHECK(value_of(second) == 0);
    shm_semaphore_stat_t figures = semaphore_stat_of(first);
    CHECK(figures.kind == SHM_SEMAPHORE_OWNED && figures.limit == 3 && figures.value == 0 && figures.reclaimed == 0);
    CHECK(figures.holders == 1 && figures.pids[0] == (uint32_t)getpid() && figures.held[0] == 3);
    OK(shm_semaphore_post(first, 2));
    CHECK(value_of(second) == 2 && semaphore_stat_of(second).held[0] == 1);

    /* Closing gives back. */
    shm_semaphore_close(second);
    CHECK(value_of(first) == 3 && semaphore_stat_of(first).holders == 0);

    /* Another process is another holder. */
    OK(shm_semaphore_wait(first, 0));
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        shm_semaphore_t *own = opened_semaphore(name, SHM_OBJECT_WRITE);
        OK(shm_semaphore_wait(own, 0));
        OK(shm_semaphore_wait(own, 0));
        tell(ready);
        stay();
    }
    hear(ready);
    figures = semaphore_stat_of(first);
    CHECK(figures.value == 0 && figures.holders == 2 && figures.held[0] + figures.held[1] == 3);
    RC(ETIMEDOUT, shm_semaphore_wait(first, MILLISECONDS(50)));
    CHECK(killed(child) == -SIGKILL);
    shm_semaphore_close(first);
    OK(shm_semaphore_unlink(name));
    return 0;
}
