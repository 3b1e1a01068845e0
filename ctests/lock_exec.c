/* lock_exec.c - exec gives up what the process held; what a vfork child executes keeps nothing of its parent's. */
#include "given.h"

/* Volatile: vfork shares our memory with the child, and the compiler shall not be clever about it. */
static volatile pid_t sleeper;

int main(void)
{
    char name[64];
    int ready[2];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    CHECK(pipe(ready) == 0);

    /* A holder that becomes another program has died, as far as the lock is concerned. */
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        tell(ready);
        execl("/bin/sleep", "sleep", "60", (char *)NULL);
        _exit(127);
    }
    hear(ready);
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(20)));
    OK(shm_array_recover(array));
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);

    /* A program started by vfork leaves us what we hold... */
    sleeper = vfork();
    if (sleeper == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    CHECK(end_of(sleeper) == 0);
    child = fork();
    if (child == 0) {
        RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    OK(shm_array_unlock(array));

    /* ...and does not keep the lock when its parent is killed. */
    child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        sleeper = vfork();
        if (sleeper == 0) {
            execl("/bin/sleep", "sleep", "60", (char *)NULL);
            _exit(127);
        }
        pid_t executed = sleeper;
        CHECK(write(ready[1], &executed, sizeof executed) == sizeof executed);
        pause();
    }
    pid_t executed;
    CHECK(read(ready[0], &executed, sizeof executed) == sizeof executed);
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(20)));
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    CHECK(kill(executed, SIGKILL) == 0);

    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
