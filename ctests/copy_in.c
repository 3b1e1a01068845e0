/* copy_in.c - bytes are copied to the elements, many by several threads; what does not fit is refused. */
#include "given.h"

enum { COUNT = 5000000 };

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), COUNT), *part = NULL;
    const uint64_t bytes = COUNT * sizeof(double);
    double *source = (double *)malloc(bytes), *elements = doubles(array);
    for (int i = 0; i < COUNT; i++)
        source[i] = i * 0.5;
    OK(shm_array_copy_in(array, 0, source, bytes));
    CHECK(memcmp(elements, source, bytes) == 0);
    OK(shm_array_copy_in(array, 8, source, 16));
    CHECK(elements[0] == 0 && elements[1] == 0 && elements[2] == 0.5 && elements[3] == 1.5);
    OK(shm_array_copy_in(array, bytes, NULL, 0));
    elements[3] = 3;

    RC(EINVAL, shm_array_copy_in(array, 0, source, bytes + 1));
    RC(EINVAL, shm_array_copy_in(array, 8, source, bytes));
    SAYS("40000000");
    RC(EINVAL, shm_array_copy_in(array, UINT64_MAX, source, 8));
    RC(EINVAL, shm_array_copy_in(array, 0, NULL, 8));
    RC(EINVAL, shm_array_copy_in(NULL, 0, source, 8));
    CHECK(elements[COUNT - 1] == source[COUNT - 1] && elements[3] == 3);

    /* A slice without gaps is written where it lies; one with gaps cannot be. */
    int64_t start = 100, stop = 200, step = 2;
    OK(shm_array_slice(array, 1, &start, &stop, NULL, &part));
    OK(shm_array_copy_in(part, 0, source, 800));
    CHECK(elements[99] == 49.5 && elements[100] == 0 && elements[199] == 49.5 && elements[200] == 100);
    RC(EINVAL, shm_array_copy_in(part, 0, source, 808));
    shm_array_close(part);
    OK(shm_array_slice(array, 1, &start, &stop, &step, &part));
    RC(EINVAL, shm_array_copy_in(part, 0, source, 8));
    SAYS("gaps");
    shm_array_close(part);

    /* Access counts: nobody sees what goes to a private copy. */
    part = opened(name, SHM_ARRAY_READ);
    RC(EACCES, shm_array_copy_in(part, 0, source, 8));
    shm_array_close(part);
    part = opened(name, SHM_ARRAY_COPY_ON_WRITE);
    OK(shm_array_copy_in(part, 0, source + 10, 8));
    CHECK(doubles(part)[0] == 5 && elements[0] == 0);
    shm_array_close(part);
    free(source);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
