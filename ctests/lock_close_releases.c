/* lock_close_releases.c - closing a handle releases what it holds, and nothing that another handle holds. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4), *part = NULL;
    shm_array_t *second = opened(name, SHM_ARRAY_WRITE);

    OK(shm_array_lock(second, SHM_ARRAY_EXCLUSIVE, 0));
    shm_array_close(second);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0)); /* not EOWNERDEAD: nobody died */

    second = opened(name, SHM_ARRAY_WRITE);
    shm_array_close(second);
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));

    /* A slice's lock goes with the slice, not with its parent. */
    second = opened(name, SHM_ARRAY_WRITE);
    OK(shm_array_slice(second, 0, NULL, NULL, NULL, &part));
    OK(shm_array_lock(part, SHM_ARRAY_SHARED, 0));
    OK(shm_array_lock(part, SHM_ARRAY_SHARED, 0));
    shm_array_close(second);
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    shm_array_close(part);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));

    /* The last handle of the process, too. */
    shm_array_close(array);
    array = opened(name, SHM_ARRAY_WRITE);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
