/* every_call_full_disk.c - on a real disk that is full, calls answer in words. [no valgrind: mounts need time] */
#include "every.h"
#include <sys/statvfs.h>

static void run(const char *format, const char *first, const char *second)
{
    char command[300];
    snprintf(command, sizeof command, format, first, second);
    if (system(command) != 0) {
        printf("needs mkfs.ext4 and mount -o loop as root; this did not work: %s\n", command);
        exit(77);
    }
}

static unsigned long blocks_free(void)
{
    struct statvfs figures;
    CHECK(statvfs(directory, &figures) == 0);
    return (unsigned long)figures.f_bavail;
}

/* Leaves some 400 KiB: room for the smallest arrays. In few calls: disks are slow. */
static void fill(void)
{
    char filler[128];
    snprintf(filler, sizeof filler, "%s/filler", directory);
    int file = open(filler, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    off_t length = 0;
    for (unsigned long left; (left = blocks_free()) > 100; CHECK(fsync(file) == 0)) { /* of 4 KiB */
        off_t more = (off_t)(left > 200 ? (left - 100) / 2 : 1) * 4096;
        CHECK(posix_fallocate(file, length, more) == 0);
        length += more;
    }
    CHECK(close(file) == 0);
}

/* An ext4 of 32 MiB in a loop device, which goes with this process and its mount namespace. */
static void full_disk(const char *image)
{
    own_dev_shm("size=256m");
    run("truncate -s 32M %s && mkfs.ext4 -q -b 4096 -m 0 -F %s >/dev/null 2>&1", image, image);
    run("mount -o loop %s %s 2>/dev/null", image, directory);
    fill();
    sync();
    unsigned long before = blocks_free();
    everything();
    CHECK(created >= 40);
    sync();
    for (int i = 0; i < 400 && blocks_free() != before; i++)
        usleep(50000); /* ext4 gives blocks back a little later */
    CHECK(blocks_free() == before);

    /* Every block is taken: only /dev/shm and memory without a name are left, and the disk says so. */
    char another[128];
    uint64_t bytes = 1000;
    shm_array_t *array = NULL;
    snprintf(another, sizeof another, "file://%s/another.npy", directory);
    snprintf(file_name, sizeof file_name, "%s/rest", directory);
    int rest = open(file_name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    while (write(rest, rows, 4096) > 0)
        ;
    CHECK(errno == ENOSPC && close(rest) == 0);
    RC(ENOSPC, shm_array_create(another, "|u1", 1, &bytes, NULL, &array));
    CHECK(strstr(shm_array_error_detail(), "free"));
    OK(shm_array_create(NULL, "|u1", 1, &bytes, NULL, &array));
    shm_array_close(array);
}

int main(void)
{
    char image[96];
    unsetenv("SHM_ARRAY_DIR");
    new_directory(directory, sizeof directory);
    snprintf(image, sizeof image, "%s.ext4", directory);
    snprintf(file_name, sizeof file_name, "file://%s/every.npy", directory);
    pid_t child = fork();
    if (child == 0) {
        full_disk(image);
        exit(0);
    }
    int end = end_of(child);
    CHECK((unlink(image) == 0 || errno == ENOENT) && rmdir(directory) == 0);
    if (end == 77)
        exit(77);
    CHECK(end == 0);
    return 0;
}
