/* locked_memory.c - SHM_ARRAY_MLOCK keeps all pages in memory; beyond RLIMIT_MEMLOCK it is ENOMEM with the figure. */
#include "given.h"
#include <sys/resource.h>

static uint64_t locked_bytes(void)
{
    char line[256];
    uint64_t kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmLck: %llu", (unsigned long long *)&kilobytes);
    fclose(file);
    return kilobytes * 1024;
}

int main(void)
{
    char name[64], other[64];
    uint64_t small[] = {1 << 20}, large[] = {32 << 20};
    shm_array_t *untouched = (shm_array_t *)name, *array = untouched;
    shm_array_options_t options = no_options();
    options.flags = SHM_ARRAY_MLOCK;
    const struct rlimit limit = {8 << 20, 8 << 20};
    CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    if (geteuid() == 0) /* who may lock anything has no limit */
        CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
    unique_name(name, sizeof name);
    unique_name(other, sizeof other);

    OK(shm_array_create(name, "|u1", 1, small, &options, &array));
    CHECK(locked_bytes() >= small[0]);
    shm_array_close(array);
    CHECK(locked_bytes() == 0);
    array = opened(name, SHM_ARRAY_READ | SHM_ARRAY_MLOCK);
    CHECK(locked_bytes() >= small[0]);
    shm_array_close(array);
    array = untouched;

    int descriptors = descriptors_open();
    RC(ENOMEM, shm_array_create(other, "|u1", 1, large, &options, &array));
    SAYS("RLIMIT_MEMLOCK");
    SAYS("8388608 bytes");
    CHECK(array == untouched && !exists(other) && descriptors_open() == descriptors);
    shm_array_close(new_doubles(other, 4 << 20));
    RC(ENOMEM, shm_array_open(other, SHM_ARRAY_WRITE | SHM_ARRAY_MLOCK, &array));
    SAYS("RLIMIT_MEMLOCK");
    SAYS("8388608 bytes");
    CHECK(array == untouched && descriptors_open() == descriptors);
    OK(shm_array_unlink(name));
    OK(shm_array_unlink(other));
    return 0;
}
