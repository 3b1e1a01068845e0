/* resize_refused.c - who does not hold the exclusive lock cannot resize, and nothing changes. */
#include "given.h"

int main(void)
{
    char name[64];
    uint64_t shape[] = {10};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.capacity = 20;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, &options, &array));
    shm_array_t *second = opened(name, SHM_ARRAY_WRITE), *reader = opened(name, SHM_ARRAY_READ);

    RC(EPERM, shm_array_resize(array, 15));
    SAYS("SHM_ARRAY_EXCLUSIVE");
    OK(shm_array_lock(array, SHM_ARRAY_SHARED, 0));
    RC(EPERM, shm_array_resize(array, 15));
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    RC(EPERM, shm_array_resize(second, 15));
    RC(EPERM, shm_array_resize(reader, 15));
    OK(shm_array_unlock(array));
    CHECK(view_of(array).shape[0] == 10 && view_of(second).shape[0] == 10);

    shm_array_close(reader);
    shm_array_close(second);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
