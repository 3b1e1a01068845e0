/* huge_pages.c - an array of some MiB has huge pages where the kernel can, and every process maps them as such. */
#include "given.h"
#include <sys/mman.h>

enum { HUGE = 2 << 20, BYTES = 64 << 20 };

/* A figure of the mapping that holds this address, in bytes, from /proc/self/smaps. */
static uint64_t mapped_as(const void *address, const char *figure)
{
    char line[512];
    uint64_t kilobytes = 0;
    int inside = 0;
    FILE *file = fopen("/proc/self/smaps", "r");
    CHECK(file);
    while (fgets(line, sizeof line, file)) {
        unsigned long long first, end;
        if (sscanf(line, "%llx-%llx ", &first, &end) == 2)
            inside = (uintptr_t)address >= first && (uintptr_t)address < end;
        else if (inside && strncmp(line, figure, strlen(figure)) == 0)
            kilobytes = strtoull(line + strlen(figure), NULL, 10);
    }
    fclose(file);
    return kilobytes * 1024;
}

/* How many of so many huge pages of shared memory this kernel makes when it is asked to (Linux 6.1). */
static int kernel_makes(int count)
{
    int file = memfd_create("ctest-huge", MFD_CLOEXEC);
    size_t bytes = (size_t)count * HUGE;
    CHECK(file >= 0 && ftruncate(file, (off_t)bytes) == 0);
    char *room = (char *)mmap(NULL, bytes + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED);
    char *start = room + (HUGE - (uintptr_t)room % HUGE) % HUGE;
    CHECK(mmap(start, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == start);
    int made = 0;
    for (char *page = start; page < start + bytes; page += HUGE) {
        *page = 1;
        made += madvise(page, HUGE, 25 /* MADV_COLLAPSE */) == 0;
    }
    CHECK(munmap(room, bytes + HUGE) == 0 && close(file) == 0);
    return made;
}

static char *mapping_of(const shm_array_t *array)
{
    return (char *)view_of(array).data - stat_of(array).data_offset;
}

/* Huge pages that are free and at hand: where they are dear, as in a virtual machine whose host takes back what is free,
 * an array has small ones. */
static void make_ready(void)
{
    char *map = (char *)mmap(NULL, 4 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED);
    madvise(map, 4 * BYTES, MADV_HUGEPAGE);
    for (size_t i = 0; i < 4 * BYTES; i += 4096)
        map[i] = 1;
    CHECK(munmap(map, 4 * BYTES) == 0);
}

/* A new array; one in huge pages, if one of some attempts gives it. */
static shm_array_t *created(const char *name)
{
    uint64_t shape[] = {BYTES};
    shm_array_t *array = NULL;
    for (int attempt = 0; attempt < 20; attempt++) {
        make_ready(); /* others may take them before we do */
        OK(shm_array_create(name, "|u1", 1, shape, NULL, &array));
        for (int i = 0; i < BYTES; i += 4096)
            ((volatile char *)view_of(array).data)[i];
        if (mapped_as(mapping_of(array), "ShmemPmdMapped:") >= BYTES / 2)
            break;
        if (attempt < 19) {
            shm_array_close(array);
            OK(shm_array_unlink(name));
        } else if (kernel_makes(BYTES / HUGE) < BYTES / HUGE / 2) {
            shm_array_close(array);
            OK(shm_array_unlink(name));
            skip("memory is so busy that the kernel finds no huge pages");
        }
    }
    return array;
}

static void by_name(const char *name)
{
    const uint32_t accesses[] = {SHM_ARRAY_READ, SHM_ARRAY_WRITE, SHM_ARRAY_COPY_ON_WRITE};
    shm_array_t *array = created(name);
    char *map = mapping_of(array);
    CHECK((uintptr_t)map % HUGE == 0 && stat_of(array).allocated_bytes >= BYTES);
    const unsigned char *bytes = (const unsigned char *)view_of(array).data;
    for (int i = 0; i < BYTES; i += 511)
        CHECK(bytes[i] == 0);
    /* Busy memory may have no huge page left for some of it, but not for most. */
    CHECK(mapped_as(map, "ShmemPmdMapped:") >= BYTES / 2);

    for (int i = 0; i < 3; i++) {
        shm_array_t *other = opened(name, accesses[i]);
        map = mapping_of(other);
        CHECK((uintptr_t)map % HUGE == 0);
        unsigned sum = 0;
        bytes = (const unsigned char *)view_of(other).data;
        for (int at = 0; at < BYTES; at += 4096)
            sum += bytes[at];
        CHECK(sum == 0 && mapped_as(map, "ShmemPmdMapped:") >= BYTES / 2);
        shm_array_close(other);
    }
    shm_array_close(array);
    OK(shm_array_unlink(name));
}

int main(void)
{
    char name[64];
    if (!kernel_makes(1))
        skip("this kernel makes no huge pages of shared memory on demand");
    by_name(unique_name(name, sizeof name));
    return 0;
}
