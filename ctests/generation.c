/* generation.c - the generation counts the exclusive locks that were completed, and only those. */
#include "given.h"

static uint64_t generation(const shm_array_t *array)
{
    uint64_t number = UINT64_MAX;
    OK(shm_array_generation(array, &number));
    CHECK(stat_of(array).generation == number);
    return number;
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    shm_array_t *reader = opened(name, SHM_ARRAY_READ);
    CHECK(generation(array) == 0);
    for (uint64_t n = 1; n <= 5; n++) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        CHECK(generation(array) == n - 1);
        OK(shm_array_unlock(array));
        CHECK(generation(array) == n && generation(reader) == n);
        OK(shm_array_lock(array, SHM_ARRAY_SHARED, 0));
        OK(shm_array_unlock(array));
        CHECK(generation(array) == n);
    }
    shm_array_close(reader);
    shm_array_close(array);
    array = opened(name, SHM_ARRAY_READ);
    CHECK(generation(array) == 5);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
