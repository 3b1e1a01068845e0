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

/* Waits until what was written and removed is counted. */
static void settle(void)
{
    int place = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(place >= 0 && syncfs(place) == 0 && close(place) == 0);
}

/* Leaves some 400 KiB: room for the smallest arrays. */
static void fill(void)
{
    char filler[128];
    snprintf(filler, sizeof filler, "%s/filler", directory);
    int file = open(filler, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(file >= 0 && fallocate(file, 0, 0, (off_t)(blocks_free() - 100) * 4096) == 0);
    CHECK(close(file) == 0);
    settle();
    CHECK(blocks_free() <= 100 && blocks_free() > 50);
}

/* An ext4 of 32 MiB in a loop device, which goes with this process and its mount namespace, as does the memory that its
 * image is in: no other disk has to be waited for. */
static void full_disk(void)
{
    char image[96];
    own_dev_shm("size=256m");
    snprintf(image, sizeof image, "%s/image", directory);
    CHECK(mount("tmpfs", directory, "tmpfs", 0, "size=40m") == 0);
    run("truncate -s 32M %s && mkfs.ext4 -q -b 4096 -m 0 -F %s >/dev/null 2>&1", image, image);
    run("mount -o loop %s %s 2>/dev/null", image, directory);
    fill();
    unsigned long before = blocks_free();
    everything();
    CHECK(created >= 40 && objects_created >= 100);
    settle();
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
    unsetenv("SHM_ARRAY_DIR");
    new_directory(directory, sizeof directory);
    snprintf(file_name, sizeof file_name, "file://%s/every.npy", directory);
    snprintf(object_file_name, sizeof object_file_name, "file://%s/every", directory);
    pid_t child = fork();
    if (child == 0) {
        full_disk();
        exit(0);
    }
    int end = end_of(child);
    CHECK(rmdir(directory) == 0);
    if (end == 77)
        exit(77);
    CHECK(end == 0);
    return 0;
}
