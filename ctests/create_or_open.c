/* create_or_open.c - with SHM_ARRAY_OR_OPEN the first creates and the rest open, where dtype, shape and order agree. */
#include "given.h"

int main(void)
{
    char name[64];
    uint64_t shape[] = {3, 4}, other_shape[] = {4, 3}, flat[] = {12};
    shm_array_options_t options = no_options();
    shm_array_t *first = NULL, *second = NULL;
    options.flags = SHM_ARRAY_OR_OPEN;
    unique_name(name, sizeof name);

    OK(shm_array_create(name, "<f8", 2, shape, &options, &first));
    doubles(first)[11] = 6;
    OK(shm_array_create(name, "<f8", 2, shape, &options, &second));
    CHECK(doubles(second)[11] == 6);
    CHECK(view_of(second).flags & SHM_ARRAY_VIEW_WRITABLE);
    doubles(second)[0] = 4;
    CHECK(doubles(first)[0] == 4);
    shm_array_close(second);

    shm_array_t *untouched = (shm_array_t *)&options;
    second = untouched;
    RC(EEXIST, shm_array_create(name, "<f4", 2, shape, &options, &second));
    SAYS("<f4");
    SAYS("<f8");
    RC(EEXIST, shm_array_create(name, "<f8", 2, other_shape, &options, &second));
    SAYS(name);
    RC(EEXIST, shm_array_create(name, "<f8", 1, flat, &options, &second));
    SAYS("12");
    options.flags |= SHM_ARRAY_FORTRAN;
    RC(EEXIST, shm_array_create(name, "<f8", 2, shape, &options, &second));
    SAYS("ortran");
    CHECK(second == untouched && doubles(first)[11] == 6);

    shm_array_close(first);
    OK(shm_array_unlink(name));
    return 0;
}
