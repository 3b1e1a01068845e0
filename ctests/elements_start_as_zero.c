/* elements_start_as_zero.c - a new array holds zeros, and its file begins with a .npy header of one or two pages. */
#include "given.h"

int main(void)
{
    char name[64], magic[6];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100000);
    double *elements = doubles(array);
    for (int i = 0; i < 100000; i++)
        CHECK(elements[i] == 0.0);

    shm_array_stat_t figures = stat_of(array);
    CHECK(figures.data_offset == 4096);
    CHECK(figures.capacity_bytes >= 800000);
    int file = open(path_of(name), O_RDONLY);
    CHECK(pread(file, magic, 6, 0) == 6 && memcmp(magic, "\x93NUMPY", 6) == 0);
    struct stat facts;
    CHECK(fstat(file, &facts) == 0 && (uint64_t)facts.st_size == figures.file_bytes);

    /* The elements lie in the file where the header says that they do. */
    double seen;
    elements[99999] = 9;
    CHECK(pread(file, &seen, 8, 4096 + 99999 * 8) == 8 && seen == 9);
    close(file);

    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
