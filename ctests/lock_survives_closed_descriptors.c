/* lock_survives_closed_descriptors.c - a program that closes every descriptor keeps the lock it holds. */
#include "given.h"

int main(void)
{
    char name[64];
    int ready[2];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        for (int descriptor = 3; descriptor < 1024; descriptor++)
            if (descriptor != ready[0] && descriptor != ready[1])
                close(descriptor);
        doubles(array)[0] = 1;
        tell(ready);
        pause();
    }
    hear(ready);
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    RC(ETIMEDOUT, shm_array_lock(array, SHM_ARRAY_SHARED, MILLISECONDS(50)));
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));

    /* It can still unlock. */
    child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        for (int descriptor = 3; descriptor < 1024; descriptor++)
            close(descriptor);
        OK(shm_array_unlock(array));
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
