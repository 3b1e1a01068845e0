/* lock_modes.c - a lock is exclusive or shared; any other mode is refused with its number. */
#include "given.h"

int main(void)
{
    shm_array_t *array = new_doubles(NULL, 4);
    const uint32_t bad[] = {0, 3, 4, 5, UINT32_C(1) << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        RC(EINVAL, shm_array_lock(array, bad[i], 0));
        SAYS("SHM_ARRAY_EXCLUSIVE");
        SAYS("SHM_ARRAY_SHARED");
        RC(EPERM, shm_array_unlock(array));
    }
    shm_array_close(array);
    return 0;
}
