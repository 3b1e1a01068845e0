/* lock_pid_namespaces.c - processes that all believe to be pid 1, in namespaces of their own, exclude each other. */
#include "given.h"

enum { PROCESSES = 3 };

/* Runs `work` as pid 1 of a new namespace and says how that ended; kills it after `ready`, if given. */
static int as_pid_1(void (*work)(shm_array_t *, const int *), shm_array_t *array, const int *kill_when)
{
    CHECK(unshare(CLONE_NEWPID) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(getpid() == 1);
        work(array, kill_when);
        _exit(0);
    }
    if (kill_when) {
        hear(kill_when);
        CHECK(kill(child, SIGKILL) == 0);
    }
    return end_of(child);
}

static int rounds = 5000;

static void add(shm_array_t *array, const int *unused)
{
    (void)unused;
    volatile double *number = doubles(array);
    for (int n = 0; n < rounds; n++) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        *number = *number + 1;
        OK(shm_array_unlock(array));
    }
}

static void hold(shm_array_t *array, const int *ready)
{
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
    tell(ready);
    pause();
}

int main(void)
{
    char name[64];
    int ready[2];
    pid_t children[PROCESSES];
    own_mounts(); /* who is not root becomes it in a user namespace, and may then do all this */
    rounds = slowly() ? 500 : rounds;
    CHECK(pipe(ready) == 0);
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    for (int i = 0; i < PROCESSES; i++)
        if ((children[i] = fork()) == 0)
            _exit(as_pid_1(add, array, NULL));
    for (int i = 0; i < PROCESSES; i++)
        CHECK(end_of(children[i]) == 0);
    CHECK(doubles(array)[0] == (double)PROCESSES * rounds);

    /* A death in another namespace is noticed. */
    children[0] = fork();
    if (children[0] == 0)
        _exit(as_pid_1(hold, array, ready) == -SIGKILL ? 0 : 1);
    CHECK(end_of(children[0]) == 0);
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
