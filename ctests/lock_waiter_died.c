/* lock_waiter_died.c - a process that is killed while it waits for the lock hinders nobody, not even who only tries. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    const uint32_t modes[] = {SHM_ARRAY_EXCLUSIVE, SHM_ARRAY_SHARED};
    for (int i = 0; i < 2; i++) {
        int ready[2];
        CHECK(pipe(ready) == 0);
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        pid_t child = fork();
        if (child == 0) {
            tell(ready);
            shm_array_lock(array, modes[i], FOREVER);
            _exit(1);
        }
        hear(ready);
        usleep(200000); /* by now it sleeps, and has asked to be next */
        CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
        OK(shm_array_unlock(array));

        pid_t other = fork();
        if (other == 0) {
            OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
            OK(shm_array_unlock(array));
            _exit(0);
        }
        CHECK(end_of(other) == 0);
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        OK(shm_array_unlock(array));
        OK(shm_array_lock(array, SHM_ARRAY_SHARED, 0));
        OK(shm_array_unlock(array));
        close(ready[0]), close(ready[1]);
    }
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
