/* ways_of_birth.c - memory is there from the beginning, or as far as was asked for; elements are zero in any case. */
#include "given.h"

enum { BYTES = 24 << 20 };

static uint64_t page_faults(void)
{
    /* Field 10 of /proc/self/stat: faults without disk. */
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "r");
    CHECK(file && fgets(text, sizeof text, file));
    fclose(file);
    unsigned long long faults = 0;
    CHECK(sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %llu", &faults) == 1);
    return faults;
}

static uint64_t faults_of_touching(const shm_array_t *array)
{
    volatile char *bytes = (volatile char *)view_of(array).data;
    uint64_t before = page_faults();
    for (int i = 0; i < BYTES; i += 4096) {
        CHECK(bytes[i] == 0);
        bytes[i] = 1;
    }
    return page_faults() - before;
}

static void born(const char *name, uint32_t flags, uint32_t least, uint32_t most, uint64_t most_faults)
{
    uint64_t shape[] = {BYTES};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.flags = flags;
    OK(shm_array_create(name, "|u1", 1, shape, &options, &array));
    shm_array_stat_t figures = stat_of(array);
    CHECK(figures.file_bytes > BYTES && figures.allocated_bytes >= least && figures.allocated_bytes <= most);
    CHECK(faults_of_touching(array) <= most_faults);
    CHECK(stat_of(array).allocated_bytes >= BYTES);
    shm_array_close(array);
    if (name) {
        array = NULL;
        OK(shm_array_open(name, SHM_ARRAY_WRITE | SHM_ARRAY_POPULATE, &array));
        volatile char *bytes = (volatile char *)view_of(array).data;
        uint64_t before = page_faults();
        for (int i = 0; i < BYTES; i += 4096)
            bytes[i] = 2;
        CHECK(page_faults() - before < 100);
        shm_array_close(array);
        OK(shm_array_unlink(name));
    }
}

int main(void)
{
    char name[64], directory[64], file[128];
    const uint32_t all = BYTES, more = BYTES + (1 << 20);
    snprintf(file, sizeof file, "file://%s/x.npy", new_directory(directory, sizeof directory));
    const char *names[] = {unique_name(name, sizeof name), NULL, file};
    for (int i = 0; i < 3; i++) {
        born(names[i], 0, all, more, UINT64_MAX);
        born(names[i], SHM_ARRAY_RESERVE, all, more, UINT64_MAX);
        born(names[i], SHM_ARRAY_LAZY, 4096, 1 << 20, UINT64_MAX);
        born(names[i], SHM_ARRAY_POPULATE, all, more, 100);
        born(names[i], SHM_ARRAY_RESERVE | SHM_ARRAY_POPULATE, all, more, 100);
        born(names[i], SHM_ARRAY_LAZY | SHM_ARRAY_POPULATE, all, more, 100);
    }
    CHECK(rmdir(directory) == 0);
    return 0;
}
