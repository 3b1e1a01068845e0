/* larger_than_memory.c - a pass through a file of twice the memory keeps little of it. [no valgrind: counts pages] */
#include "group.h"

enum { PART = 1 << 20, PARTS = 24 };
static const uint64_t whole = (uint64_t)PART * PARTS;
static char name[128], directory[64];

/* The memory that this process has, in bytes: counted page by page. What /proc/self/status says of it is off by some
 * pages for each processor. */
static uint64_t memory(void)
{
    const char *figure = "Rss:";
    char line[256];
    uint64_t kilobytes = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    CHECK(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, figure, strlen(figure)) == 0)
            kilobytes = strtoull(line + strlen(figure), NULL, 10);
    fclose(file);
    return kilobytes * 1024;
}

/* Writes all of it, then reads it again, and tells the kernel about each part. */
static void pass(shm_array_t *array, uint64_t most)
{
    unsigned char *bytes = (unsigned char *)view_of(array).data;
    uint64_t before = memory();
    OK(shm_array_advise(array, SHM_ARRAY_ADVICE_SEQUENTIAL, 0, UINT64_MAX));
    for (int writing = 1; writing >= 0; writing--)
        for (int part = 0; part < PARTS; part++) {
            unsigned char *here = bytes + (size_t)part * PART;
            if (writing)
                memset(here, part + 1, PART);
            else if (part + 1 < PARTS)
                OK(shm_array_advise(array, SHM_ARRAY_ADVICE_WILL_NEED, (uint64_t)(part + 1) * PART, PART));
            for (int i = 0; i < PART; i += 1021)
                CHECK(here[i] == part + 1);
            if (writing && part % 2)
                OK(shm_array_sync(array, SHM_ARRAY_SYNC_START, (uint64_t)part * PART, PART));
            OK(shm_array_advise(array, SHM_ARRAY_ADVICE_DONE_WITH, (uint64_t)part * PART, PART));
            CHECK(memory() < before + most);
        }
    OK(shm_array_sync(array, SHM_ARRAY_SYNC_WAIT, whole - 1, UINT64_MAX)); /* one page: disks are slow */
}

static void in_half_of_it(void)
{
    shm_array_t *array = opened(name, SHM_ARRAY_WRITE);
    pass(array, 4 * PART);
    shm_array_close(array);
}

int main(void)
{
    uint64_t shape[] = {whole};
    shm_array_t *array = NULL;
    char limit[32];
    /* /tmp may be memory. */
    snprintf(name, sizeof name, "file://%s/x.npy", new_directory_in("/var/tmp", directory, sizeof directory));
    OK(shm_array_create(name, "|u1", 1, shape, NULL, &array));
    pass(array, 4 * PART);

    /* What the advice means for others: nothing. What is no advice is refused. */
    shm_array_t *copy = opened(name, SHM_ARRAY_COPY_ON_WRITE);
    unsigned char *own = (unsigned char *)view_of(copy).data;
    own[7] = 99;
    OK(shm_array_advise(copy, SHM_ARRAY_ADVICE_DONE_WITH, 0, UINT64_MAX));
    CHECK(own[7] == 99 && ((unsigned char *)view_of(array).data)[7] == 1);
    shm_array_close(copy);
    OK(shm_array_advise(array, SHM_ARRAY_ADVICE_RANDOM, whole, 1));
    OK(shm_array_advise(array, SHM_ARRAY_ADVICE_NORMAL, UINT64_MAX, UINT64_MAX));
    RC(EINVAL, shm_array_advise(array, 5, 0, 1));
    RC(EINVAL, shm_array_sync(array, 0, 0, 1));
    RC(EINVAL, shm_array_sync(array, SHM_ARRAY_SYNC_START | SHM_ARRAY_SYNC_WAIT, 0, 1));
    shm_array_close(array);

    /* With half of it as all the memory that there is. Whether that can be shown here or not, the file goes. */
    pid_t child = fork();
    if (child == 0) {
        snprintf(limit, sizeof limit, "%llu", (unsigned long long)whole / 2);
        in_group(limit, in_half_of_it);
        exit(0);
    }
    int end = end_of(child);
    OK(shm_array_unlink(name));
    CHECK(rmdir(directory) == 0);
    if (end == 77)
        return 77; /* the child has said why */
    CHECK(end == 0);
    return 0;
}
