/* every_call.c - where memory, disk or a limit is short, calls answer in words. [no valgrind: it needs them itself] */
#include "every.h"
#include <sys/resource.h>

static void full_tmpfs(void)
{
    CHECK(mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=1m") == 0);
    CHECK(mount("tmpfs", directory, "tmpfs", 0, "size=1m") == 0);
    everything();
}

static void full_disk(void)
{
    char filler[128];
    CHECK(mount("tmpfs", directory, "tmpfs", 0, "size=512k") == 0);
    snprintf(filler, sizeof filler, "%s/filler", directory);
    int file = open(filler, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    while (write(file, rows, 4096) > 0)
        ;
    CHECK(errno == ENOSPC && close(file) == 0);
    everything();
}

static void container(void)
{
    CHECK(mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64m") == 0);
    sizes_tried = 4;
    everything();
}

static void no_dev_shm(void)
{
    CHECK(mount("tmpfs", "/dev", "tmpfs", 0, "size=1m") == 0);
    everything();
}

static void limited(int resource, rlim_t limit)
{
    const struct rlimit both = {limit, limit};
    CHECK(setrlimit((__rlimit_resource_t)resource, &both) == 0);
    everything();
}

static void file_size(void) { limited(RLIMIT_FSIZE, 400000); }
static void no_file_size(void) { limited(RLIMIT_FSIZE, 0); }
static void address_space(void)
{
    sizes_tried = 4;
    limited(RLIMIT_AS, 48 << 20);
}
static void few_descriptors(void) { limited(RLIMIT_NOFILE, 7); }
static void locked_memory(void)
{
    /* Who may lock anything has no limit. */
    const struct rlimit little = {64 << 10, 64 << 10};
    CHECK(setrlimit(RLIMIT_MEMLOCK, &little) == 0);
    if (geteuid() == 0)
        CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
    everything();
}

/* Each in a process and a mount namespace of its own, so that the next one begins with a sound machine. */
static void in(void (*environment)(void), int least_created, int least_objects)
{
    check_watch(); /* each has the time of a whole program */
    pid_t child = fork();
    if (child == 0) {
        own_dev_shm("size=256m");
        CHECK(mount("tmpfs", directory, "tmpfs", 0, "size=256m,mode=777") == 0); /* disks are slow */
        environment();
        CHECK(created >= least_created && objects_created >= least_objects);
        exit(0);
    }
    int end = end_of(child);
    if (end == 77)
        exit(77);
    CHECK(end == 0);
}

int main(void)
{
    unsetenv("SHM_ARRAY_DIR");
    new_directory(directory, sizeof directory);
    snprintf(file_name, sizeof file_name, "file://%s/every.npy", directory);
    snprintf(object_file_name, sizeof object_file_name, "file://%s/every", directory);
    in(full_tmpfs, 10, 50);
    in(full_disk, 10, 50);
    in(container, 40, 100);
    in(no_dev_shm, 40, 50);
    in(file_size, 10, 50);
    in(no_file_size, 0, 0);
    in(address_space, 20, 50);
    in(few_descriptors, 1, 50);
    in(locked_memory, 40, 50);
    CHECK(rmdir(directory) == 0);
    return 0;
}
