/* resize.c - an array grows and shrinks along one axis, within its capacity; others and numpy see it. */
#include "given.h"

static int header_has(const char *name, const char *text)
{
    static char header[4096];
    int file = open(path_of(name), O_RDONLY);
    CHECK(read(file, header, sizeof header) == sizeof header && close(file) == 0);
    return memmem(header, sizeof header, text, strlen(text)) != NULL;
}

static void grow_and_shrink(uint32_t order, int growing)
{
    char name[64];
    uint64_t shape[] = {3, 3};
    shape[growing] = 10;
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL, *other = NULL;
    options.flags = order;
    options.capacity = 100;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 2, shape, &options, &array));
    CHECK(stat_of(array).capacity_bytes >= 100 * 3 * 8);
    other = opened(name, SHM_ARRAY_WRITE);
    for (int i = 0; i < 30; i++)
        doubles(array)[i] = i;

    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_resize(array, 100));
    CHECK(header_has(name, growing == 0 ? "(100, 3)" : "(3, 100)"));
    RC(EINVAL, shm_array_resize(array, 101));
    SAYS("101");
    SAYS("100");
    RC(EINVAL, shm_array_resize(array, UINT64_MAX));
    OK(shm_array_unlock(array));

    shm_array_view_t view = view_of(other);
    CHECK(view.shape[growing] == 100 && view.shape[1 - growing] == 3 && view.count == 300);
    CHECK(view.strides[growing] == 24 && view.strides[1 - growing] == 8);
    for (int i = 0; i < 30; i++)
        CHECK(((double *)view.data)[i] == i);
    for (int i = 30; i < 300; i++)
        CHECK(((double *)view.data)[i] == 0);
    ((double *)view.data)[299] = 299;
    CHECK(doubles(array)[299] == 299);

    OK(shm_array_lock(other, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_resize(other, 0));
    OK(shm_array_unlock(other));
    CHECK(view_of(array).shape[growing] == 0 && view_of(array).count == 0);
    CHECK(header_has(name, growing == 0 ? "(0, 3)" : "(3, 0)"));

    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_resize(array, 7));
    OK(shm_array_unlock(array));
    shm_array_close(other);
    shm_array_close(array);

    array = opened(name, SHM_ARRAY_READ);
    CHECK(view_of(array).shape[growing] == 7 && view_of(array).shape[1 - growing] == 3);
    shm_array_close(array);
    OK(shm_array_unlink(name));
}

int main(void)
{
    grow_and_shrink(0, 0);
    grow_and_shrink(SHM_ARRAY_FORTRAN, 1);
    return 0;
}
