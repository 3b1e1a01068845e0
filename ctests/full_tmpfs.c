/* full_tmpfs.c - a full /dev/shm or directory is ENOSPC with the figures, never a bus error; nothing is left. */
#include "given.h"
#include <sys/statvfs.h>

static unsigned long long free_bytes(const char *directory)
{
    struct statvfs room;
    CHECK(statvfs(directory, &room) == 0);
    return (unsigned long long)room.f_bavail * room.f_frsize;
}

static void fill(const char *directory, const char *prefix)
{
    enum { ARRAYS = 64 };
    shm_array_t *arrays[ARRAYS], *untouched = (shm_array_t *)arrays, *array = untouched;
    char name[128], figure[32];
    int count = 0, code, descriptors = descriptors_open();
    unsigned long long before = free_bytes(directory);

    /* Too large from the beginning. */
    uint64_t shape[] = {UINT64_C(1) << 20};
    snprintf(name, sizeof name, "%slarge", prefix);
    RC(ENOSPC, shm_array_create(name, "<f8", 1, shape, NULL, &array));
    SAYS("8.1 MiB"); /* elements, .npy header and control block */
    snprintf(figure, sizeof figure, "%llu bytes", before);
    SAYS(figure);
    SAYS(strncmp(prefix, "file://", 7) == 0 ? "another directory" : "file://");
    CHECK(array == untouched && files_in(directory) == 0 && free_bytes(directory) == before);
    CHECK(descriptors_open() == descriptors);

    /* Small ones until the last does not fit: what was given can be written to the last byte. */
    shape[0] = 5000;
    do {
        snprintf(name, sizeof name, "%s%d", prefix, count);
        arrays[count] = untouched;
    } while ((code = shm_array_create(name, "<f8", 1, shape, NULL, &arrays[count])) == 0 && ++count < ARRAYS);
    RC(ENOSPC, code);
    CHECK(arrays[count] == untouched && count > 2 && files_in(directory) == count);
    char full[300];
    snprintf(full, sizeof full, "%s/filler", directory);
    int filler = open(full, O_CREAT | O_WRONLY, 0600);
    static char page[4096];
    while (write(filler, page, sizeof page) > 0)
        ;
    CHECK(errno == ENOSPC && free_bytes(directory) == 0);
    for (int i = 0; i < count; i++) {
        memset(view_of(arrays[i]).data, 1, 40000);
        OK(shm_array_lock(arrays[i], SHM_ARRAY_EXCLUSIVE, 0));
        OK(shm_array_unlock(arrays[i]));
        snprintf(name, sizeof name, "%s%d", prefix, i);
        shm_array_t *again = opened(name, SHM_ARRAY_WRITE);
        OK(shm_array_lock(again, SHM_ARRAY_SHARED, 0));
        shm_array_close(again);
        shm_array_close(arrays[i]);
        OK(shm_array_unlink(name));
    }
    CHECK(close(filler) == 0 && unlink(full) == 0);
    CHECK(files_in(directory) == 0 && free_bytes(directory) == before);
    CHECK(descriptors_open() == descriptors);
}

int main(void)
{
    char directory[64], prefix[96];
    own_dev_shm("size=1m");
    new_directory(directory, sizeof directory);
    CHECK(mount("tmpfs", directory, "tmpfs", 0, "size=1m") == 0);
    fill("/dev/shm", "");
    snprintf(prefix, sizeof prefix, "file://%s/", directory);
    fill(directory, prefix);
    CHECK(umount(directory) == 0 && rmdir(directory) == 0);

    /* Room for bytes, but not for one more file. */
    uint64_t shape[] = {3};
    shm_array_t *untouched = (shm_array_t *)directory, *array = untouched;
    CHECK(mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64m,nr_inodes=2") == 0);
    CHECK(close(open("/dev/shm/filler", O_CREAT | O_WRONLY, 0600)) == 0);
    RC(ENOSPC, shm_array_create("one-more", "<f8", 1, shape, NULL, &array));
    SAYS("one-more");
    CHECK(array == untouched && files_in("/dev/shm") == 1);
    return 0;
}
