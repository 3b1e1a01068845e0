/* address_space_figures.c - beyond RLIMIT_AS creating and opening are ENOMEM with the figures; nothing is left behind. */
#include "given.h"
#include <sys/resource.h>

int main(void)
{
    char name[64], other[64];
    uint64_t large[] = {UINT64_C(600) << 20}, small[] = {1000};
    shm_array_t *untouched = (shm_array_t *)name, *array = untouched;
    shm_array_options_t lazy = no_options();
    lazy.flags = SHM_ARRAY_LAZY;
    OK(shm_array_create(unique_name(name, sizeof name), "|u1", 1, large, &lazy, &array));
    shm_array_close(array);
    unique_name(other, sizeof other);
    array = untouched;

    const struct rlimit limit = {512 << 20, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    int descriptors = descriptors_open();
    RC(ENOMEM, shm_array_create(other, "|u1", 1, large, NULL, &array));
    SAYS("RLIMIT_AS");
    SAYS("600.1 MiB");
    SAYS("ulimit -v");
    RC(ENOMEM, shm_array_create(NULL, "|u1", 1, large, NULL, &array));
    SAYS("RLIMIT_AS");
    for (uint32_t access = SHM_ARRAY_READ; access <= SHM_ARRAY_COPY_ON_WRITE; access *= 2) {
        RC(ENOMEM, shm_array_open(name, access, &array));
        SAYS("RLIMIT_AS");
        SAYS("600.1 MiB");
    }
    CHECK(array == untouched && !exists(other) && descriptors_open() == descriptors);

    /* What fits works, at the last address that there is. */
    OK(shm_array_create(other, "|u1", 1, small, NULL, &array));
    shm_array_close(array);
    OK(shm_array_unlink(other));
    uint64_t half[] = {UINT64_C(200) << 20};
    OK(shm_array_create(other, "|u1", 1, half, NULL, &array));
    memset(view_of(array).data, 1, half[0]);
    shm_array_close(array);
    OK(shm_array_unlink(other));
    CHECK(setrlimit(RLIMIT_AS, &none) == 0);
    OK(shm_array_unlink(name));
    return 0;
}
