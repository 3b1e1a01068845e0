/* lock_not_held.c - to unlock what one does not hold is EPERM in words, and changes nothing for who does hold it. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4), *part = NULL;
    shm_array_t *second = opened(name, SHM_ARRAY_WRITE);
    OK(shm_array_slice(array, 0, NULL, NULL, NULL, &part));
    RC(EPERM, shm_array_unlock(array));
    SAYS("lock");
    RC(EPERM, shm_array_recover(array));

    /* Each handle counts its own holds: another handle of the same array, even a slice, holds nothing. */
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    RC(EPERM, shm_array_unlock(second));
    SAYS("handle");
    RC(EPERM, shm_array_recover(second));
    RC(EPERM, shm_array_unlock(part));
    RC(EBUSY, shm_array_lock(part, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));
    RC(EPERM, shm_array_unlock(array));

    OK(shm_array_lock(part, SHM_ARRAY_SHARED, 0));
    RC(EPERM, shm_array_unlock(array));
    RC(EPERM, shm_array_unlock(second));
    OK(shm_array_unlock(part));
    RC(EPERM, shm_array_unlock(part));

    shm_array_close(part);
    shm_array_close(second);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
