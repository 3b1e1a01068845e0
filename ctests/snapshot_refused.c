/* snapshot_refused.c - what cannot be copied at one moment is refused in words, and nothing is touched. */
#include "npy.h"

int main(void)
{
    char name[64], directory[64], path[96], file_name[128];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    double copy[4] = {77, 77, 77, 77};
    uint64_t generation = 77;

    RC(EINVAL, shm_array_snapshot(NULL, 0, 4, copy, sizeof copy, 0, 0, &generation));
    SAYS("array");
    RC(EINVAL, shm_array_snapshot(array, 0, 4, NULL, sizeof copy, 0, 0, &generation));
    SAYS("destination");
    RC(EINVAL, shm_array_snapshot(array, 0, 4, copy, sizeof copy, 0, 2, &generation));
    SAYS("0x2");
    RC(EINVAL, shm_array_snapshot(array, 0, 4, copy, 31, 0, 0, &generation));
    SAYS("32 bytes");
    RC(EINVAL, shm_array_snapshot(array, 0, 5, copy, sizeof copy, 0, 0, &generation));
    SAYS("rows from 0 to 5 of an array that has 4");
    RC(EINVAL, shm_array_snapshot(array, 5, 0, copy, sizeof copy, 0, 0, &generation));
    RC(EINVAL, shm_array_snapshot(array, UINT64_MAX, 2, copy, sizeof copy, 0, 0, &generation));

    shm_array_t *own = opened(name, SHM_ARRAY_COPY_ON_WRITE);
    RC(EOPNOTSUPP, shm_array_snapshot(own, 0, 4, copy, sizeof copy, 0, 0, &generation));
    SAYS("copy-on-write");
    shm_array_close(own);

    snprintf(path, sizeof path, "%s/x.npy", new_directory(directory, sizeof directory));
    snprintf(file_name, sizeof file_name, "file://%s", path);
    write_npy(path, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }", copy, sizeof copy);
    shm_array_t *ordinary = opened(file_name, SHM_ARRAY_READ);
    RC(EOPNOTSUPP, shm_array_snapshot(ordinary, 0, 4, copy, sizeof copy, 0, 0, &generation));
    SAYS("SHM_ARRAY_ADOPT");
    shm_array_close(ordinary);
    CHECK(unlink(path) == 0 && rmdir(directory) == 0);

    for (int i = 0; i < 4; i++)
        CHECK(copy[i] == 77);
    CHECK(generation == 77);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
