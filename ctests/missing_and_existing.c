/* missing_and_existing.c - a missing name is ENOENT, a taken one EEXIST; both name it and change nothing. */
#include "given.h"

int main(void)
{
    char name[64];
    uint64_t shape[] = {3};
    uint8_t id[16] = {0};
    shm_array_t *untouched = (shm_array_t *)&shape, *array = untouched;
    unique_name(name, sizeof name);
    int descriptors = descriptors_open();

    RC(ENOENT, shm_array_open(name, SHM_ARRAY_READ, &array));
    SAYS(name);
    RC(ENOENT, shm_array_open_id(name, SHM_ARRAY_WRITE, id, &array));
    SAYS(name);
    RC(ENOENT, shm_array_unlink(name));
    SAYS(name);
    RC(ENOENT, shm_array_create("file:///no-such-directory/x.npy", "<f8", 1, shape, NULL, &array));
    SAYS("/no-such-directory");
    CHECK(array == untouched && !exists(name));
    CHECK(descriptors_open() == descriptors);

    shm_array_t *first = new_doubles(name, 3);
    doubles(first)[1] = 5;
    descriptors = descriptors_open();
    RC(EEXIST, shm_array_create(name, "<f8", 1, shape, NULL, &array));
    SAYS(name);
    CHECK(array == untouched && doubles(first)[1] == 5);
    CHECK(descriptors_open() == descriptors);
    shm_array_close(first);

    first = opened(name, SHM_ARRAY_READ);
    CHECK(doubles(first)[1] == 5);
    shm_array_close(first);
    OK(shm_array_unlink(name));
    return 0;
}
