/* range_generation.c - each exclusive range that is released counts as a write; shared ones, and tries, do not. */
#include "given.h"

static uint64_t generation_of(const shm_array_t *array)
{
    uint64_t generation = 0;
    OK(shm_array_generation(array, &generation));
    return generation;
}

int main(void)
{
    char name[64];
    const uint32_t X = SHM_ARRAY_EXCLUSIVE, S = SHM_ARRAY_SHARED;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100);
    CHECK(generation_of(array) == 0);
    OK(shm_array_lock_range(array, 0, 10, X, 0));
    OK(shm_array_lock_range(array, 10, 10, X, 0));
    CHECK(generation_of(array) == 0);
    RC(EBUSY, shm_array_lock_range(array, 0, 10, X, 0));
    OK(shm_array_unlock_range(array, 0, 10));
    CHECK(generation_of(array) == 1);
    OK(shm_array_lock_range(array, 30, 10, S, 0));
    OK(shm_array_unlock_range(array, 30, 10));
    CHECK(generation_of(array) == 1);
    OK(shm_array_unlock_range(array, 10, 10));
    CHECK(generation_of(array) == 2);

    /* The write of one that died ends when somebody finds it. */
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock_range(array, 0, 10, X, 0));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    CHECK(generation_of(array) == 2);
    RC(EOWNERDEAD, shm_array_lock_range(array, 0, 1, S, 0));
    CHECK(generation_of(array) == 3);
    OK(shm_array_unlock_range(array, 0, 1));
    RC(EOWNERDEAD, shm_array_lock(array, X, 0));
    CHECK(generation_of(array) == 3);
    OK(shm_array_recover(array));
    CHECK(generation_of(array) == 3);
    OK(shm_array_unlock(array));
    CHECK(generation_of(array) == 4);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
