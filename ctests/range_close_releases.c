/* range_close_releases.c - closing a handle releases its ranges; a forked child holds none of its parent's. */
#include "given.h"

int main(void)
{
    char name[64];
    const uint32_t X = SHM_ARRAY_EXCLUSIVE, S = SHM_ARRAY_SHARED;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100);
    shm_array_t *second = opened(name, SHM_ARRAY_WRITE);
    OK(shm_array_lock_range(second, 0, 10, X, 0));
    OK(shm_array_lock_range(second, 10, 10, S, 0));
    OK(shm_array_lock_range(second, 10, 10, S, 0)); /* twice is two */
    OK(shm_array_unlock_range(second, 10, 10));
    OK(shm_array_lock_range(array, 20, 10, X, 0));
    RC(EBUSY, shm_array_lock_range(array, 5, 10, X, 0));

    pid_t child = fork();
    if (child == 0) {
        RC(EPERM, shm_array_unlock_range(second, 0, 10));
        SAYS("fork");
        RC(EPERM, shm_array_recover_range(second, 0, 10));
        RC(EBUSY, shm_array_lock_range(second, 0, 10, X, 0));
        shm_array_close(second);
        shm_array_close(array);
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    RC(EBUSY, shm_array_lock_range(array, 5, 5, X, 0));
    shm_array_close(second);
    OK(shm_array_lock_range(array, 0, 20, X, 0)); /* not EOWNERDEAD: nobody died */
    OK(shm_array_unlock_range(array, 0, 20));
    RC(EBUSY, shm_array_lock(array, X, 0));
    OK(shm_array_unlock_range(array, 20, 10));
    OK(shm_array_lock(array, X, 0));
    OK(shm_array_unlock(array));

    /* The last handle of the process, too. */
    OK(shm_array_lock_range(array, 20, 10, X, 0));
    shm_array_close(array);
    array = opened(name, SHM_ARRAY_WRITE);
    OK(shm_array_lock(array, X, 0));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
