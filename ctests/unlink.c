/* unlink.c - unlinking takes the name at once; who uses the array goes on, and the name is free for another. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3), *other = opened(name, SHM_ARRAY_WRITE);
    OK(shm_array_unlink(name));
    CHECK(!exists(name));
    RC(ENOENT, shm_array_unlink(name));
    SAYS(name);

    doubles(array)[0] = 1;
    CHECK(doubles(other)[0] == 1);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    RC(EBUSY, shm_array_lock(other, SHM_ARRAY_EXCLUSIVE, 0));
    pid_t child = fork();
    if (child == 0) {
        RC(EBUSY, shm_array_lock(other, SHM_ARRAY_EXCLUSIVE, 0));
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    OK(shm_array_unlock(array));

    shm_array_t *fresh = new_doubles(name, 5);
    CHECK(doubles(fresh)[0] == 0 && doubles(array)[0] == 1);
    shm_array_close(array);
    shm_array_close(other);
    CHECK(exists(name));
    shm_array_close(fresh);
    OK(shm_array_unlink(name));
    return 0;
}
