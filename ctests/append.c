/* append.c - rows are added behind the last one, in either order; others see them; what cannot be is refused. */
#include "given.h"

static int header_has(const char *name, const char *text)
{
    static char header[4096];
    int file = open(path_of(name), O_RDONLY);
    CHECK(read(file, header, sizeof header) == sizeof header && close(file) == 0);
    return memmem(header, sizeof header, text, strlen(text)) != NULL;
}

static void grow(uint32_t flags, int growing)
{
    char name[64];
    uint64_t shape[] = {3, 3};
    const uint64_t row = 3 * sizeof(double), capacity = 100000;
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    shape[growing] = 0;
    options.flags = flags;
    options.capacity = capacity;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 2, shape, &options, &array));
    shm_array_t *other = opened(name, SHM_ARRAY_WRITE), *private_copy = opened(name, SHM_ARRAY_COPY_ON_WRITE);
    const double *elements = doubles(other);
    static double rows[3 * 100000];
    for (int i = 0; i < 300000; i++)
        rows[i] = i;

    RC(EPERM, shm_array_append(array, 1, rows, row));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    RC(EINVAL, shm_array_append(array, 2, rows, row));
    SAYS("24 bytes");
    RC(EINVAL, shm_array_append(array, 1, NULL, row));
    OK(shm_array_append(array, 0, NULL, 0));
    OK(shm_array_append(array, 1, rows, row));
    OK(shm_array_append(array, 9, rows + 3, 9 * row));
    CHECK(header_has(name, growing == 0 ? "(10, 3)" : "(3, 10)"));
    OK(shm_array_append(array, capacity - 10, rows + 30, (capacity - 10) * row));
    RC(EINVAL, shm_array_append(array, 1, rows, row));
    SAYS("100001");
    SAYS("100000");
    RC(EINVAL, shm_array_append(array, UINT64_MAX, rows, row));
    OK(shm_array_unlock(array));

    /* Nothing has moved, and there is no other shape. */
    shm_array_view_t view = view_of(other);
    CHECK(view.shape[growing] == capacity && view.shape[1 - growing] == 3 && view.data == elements);
    CHECK(memcmp(elements, rows, sizeof rows) == 0);
    shm_array_close(array);

    OK(shm_array_lock(private_copy, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_resize(private_copy, 5));
    RC(EACCES, shm_array_append(private_copy, 1, rows, row));
    OK(shm_array_unlock(private_copy));
    CHECK(view_of(other).shape[growing] == 5);
    shm_array_close(private_copy);
    shm_array_close(other);
    OK(shm_array_unlink(name));
}

int main(void)
{
    grow(0, 0);
    grow(SHM_ARRAY_FORTRAN, 1);
    grow(SHM_ARRAY_LAZY, 0);

    uint64_t none[] = {0};
    shm_array_t *scalar = NULL;
    OK(shm_array_create(NULL, "<f8", 0, none, NULL, &scalar));
    OK(shm_array_lock(scalar, SHM_ARRAY_EXCLUSIVE, 0));
    RC(EINVAL, shm_array_append(scalar, 1, none, 8));
    shm_array_close(scalar);
    return 0;
}
