/* untracked_thousands.c - 5,000 untracked arrays in a process of 64 descriptors. [no valgrind: 5,000 mappings] */
#include "given.h"
#include <sys/resource.h>
#include <sys/statvfs.h>

enum { ARRAYS = 5000 };

int main(void)
{
    static shm_array_t *arrays[ARRAYS];
    struct statvfs room;
    own_dev_shm("size=3g");
    CHECK(statvfs("/dev/shm", &room) == 0);
    char line[128];
    unsigned long long available = 0;
    FILE *figures = fopen("/proc/meminfo", "r");
    while (fgets(line, sizeof line, figures) && sscanf(line, "MemAvailable: %llu", &available) != 1)
        ;
    fclose(figures);
    if (available < 4 << 20)
        skip("needs 4 GiB of free memory");
    struct rlimit limit = {64, 64};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);

    uint64_t shape[] = {16};
    shm_array_options_t options = no_options();
    options.flags = SHM_ARRAY_UNTRACKED | SHM_ARRAY_LAST_CLOSE;
    options.slots = 1;
    for (int i = 0; i < ARRAYS; i++) {
        char name[64];
        OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, &options, &arrays[i]));
        doubles(arrays[i])[15] = i;
    }
    CHECK(files_in("/dev/shm") == ARRAYS);
    for (int i = 0; i < ARRAYS; i++) {
        shm_array_t *again = opened(shm_array_name(arrays[i]), SHM_ARRAY_READ | SHM_ARRAY_UNTRACKED);
        CHECK(doubles(again)[15] == i);
        shm_array_close(arrays[i]);
        arrays[i] = again;
    }
    for (int i = 0; i < ARRAYS; i++)
        shm_array_close(arrays[i]);
    OK(shm_array_collect(-1, NULL));
    CHECK(files_in("/dev/shm") == 0);
    return 0;
}
