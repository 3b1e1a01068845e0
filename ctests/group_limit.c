/* group_limit.c - what a container's limit of memory does not hold is refused with its figure, not killed for. */
#include "group.h"

static void in_64_mib(void)
{
    char name[64], directory[64], file[128];
    shm_array_t *untouched = (shm_array_t *)name, *array = untouched;
    const char *names[] = {unique_name(name, sizeof name), NULL};
    uint64_t large[] = {UINT64_C(100) << 20}, small[] = {UINT64_C(20) << 20};
    int descriptors = descriptors_open();
    for (int i = 0; i < 2; i++) {
        RC(ENOMEM, shm_array_create(names[i], "|u1", 1, large, NULL, &array));
        SAYS("memory."); /* the file that holds the limit */
        SAYS("67108864 bytes");
        SAYS("file://");
        CHECK(array == untouched && !exists(name) && descriptors_open() == descriptors);
    }
    OK(shm_array_create(name, "|u1", 1, small, NULL, &array));
    memset(view_of(array).data, 1, small[0]);
    shm_array_close(array);
    OK(shm_array_unlink(name));

    /* A file is larger than the limit: what does not fit in memory is on disk. */
    snprintf(file, sizeof file, "file://%s/x.npy", new_directory(directory, sizeof directory));
    int code = shm_array_create(file, "|u1", 1, large, NULL, &array);
    CHECK(code == 0 || code == ENOMEM); /* where /tmp is memory, too */
    if (code == 0) {
        memset(view_of(array).data, 1, large[0]);
        CHECK(((char *)view_of(array).data)[large[0] - 1] == 1);
        shm_array_close(array);
        OK(shm_array_unlink(file));
    }
    CHECK(rmdir(directory) == 0);
}

int main(void)
{
    in_group("67108864", in_64_mib);
    return 0;
}
