/* file_size_limit.c - beyond RLIMIT_FSIZE creating is EFBIG with both figures; the kernel's signal never comes. */
#include "given.h"
#include <sys/resource.h>

int main(void)
{
    char name[64], directory[64], file_name[96];
    snprintf(file_name, sizeof file_name, "file://%s/x.npy", new_directory(directory, sizeof directory));
    const char *names[] = {unique_name(name, sizeof name), file_name, NULL};
    uint64_t shape[] = {UINT64_C(1) << 17};
    const rlim_t limits[] = {1 << 20, 100000, 4096, 10, 0};
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        char figure[32];
        struct rlimit limit = {limits[l], RLIM_INFINITY};
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        snprintf(figure, sizeof figure, "%llu bytes", (unsigned long long)limits[l]);
        int descriptors = descriptors_open();
        for (int i = 0; i < 3; i++) {
            shm_array_t *untouched = (shm_array_t *)name, *array = untouched;
            RC(EFBIG, shm_array_create(names[i], "<f8", 1, shape, NULL, &array));
            SAYS(figure);
            SAYS("RLIMIT_FSIZE");
            CHECK(array == untouched);
        }
        CHECK(descriptors_open() == descriptors && !exists(name) && files_in(directory) == 0);
    }
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
    shm_array_t *array = NULL;
    OK(shm_array_create(name, "<f8", 1, shape, NULL, &array));

    /* What exists is opened and locked under any limit. */
    struct rlimit nothing = {0, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_FSIZE, &nothing) == 0);
    shm_array_close(array);
    array = opened(name, SHM_ARRAY_WRITE);
    doubles(array)[(1 << 17) - 1] = 1;
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));

    /* A resize writes the .npy header, and changes nothing where it may not. */
    RC(EFBIG, shm_array_resize(array, 5));
    SAYS("RLIMIT_FSIZE");
    CHECK(view_of(array).shape[0] == shape[0]);
    CHECK(setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
    OK(shm_array_resize(array, 5));
    CHECK(view_of(array).shape[0] == 5);
    OK(shm_array_unlock(array));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    CHECK(rmdir(directory) == 0);
    return 0;
}
