/* machine_figures.c - what memory, swap and strict promises do not hold is refused with the figures and what to do. */
#include "given.h"

/* Puts a text where the kernel's own file is, for this process alone. */
static void pretend(const char *file, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/ctest-%d-XXXXXX", (int)check_main);
    int made = mkstemp(path);
    CHECK(made >= 0 && write(made, text, strlen(text)) == (ssize_t)strlen(text) && close(made) == 0);
    int is_mounted = mount(path, file, "none", MS_BIND, NULL) == 0;
    CHECK(unlink(path) == 0);
    if (!is_mounted)
        skip("no file can be mounted over one of /proc here");
}

static int create(const char *name, uint64_t mib)
{
    shm_array_t *untouched = (shm_array_t *)&mib, *array = untouched;
    uint64_t shape[] = {mib << 20};
    int files = files_in("/dev/shm"), descriptors = descriptors_open();
    int code = shm_array_create(name, "|u1", 1, shape, NULL, &array);
    CHECK((code == 0) == (array != untouched));
    if (code == 0) {
        memset(view_of(array).data, 1, shape[0]);
        shm_array_close(array);
        if (name)
            OK(shm_array_unlink(name));
    }
    CHECK(files_in("/dev/shm") == files && descriptors_open() == descriptors);
    return code;
}

int main(void)
{
    char directory[64], file[96];
    own_dev_shm("size=1g");
    snprintf(file, sizeof file, "file://%s/x.npy", new_directory(directory, sizeof directory));
    pretend("/proc/meminfo", "MemTotal: 3145728 kB\nMemAvailable: 40960 kB\nSwapFree: 20480 kB\n"
                             "CommitLimit: 65536 kB\nCommitted_AS: 24576 kB\n");

    /* 40 MiB and 20 of swap. */
    const char *names[] = {"large", NULL};
    for (int i = 0; i < 2; i++) {
        OK(create(names[i], 50));
        RC(ENOMEM, create(names[i], 70));
        SAYS("MemAvailable");
        SAYS("41943040 bytes");
        SAYS("20971520 bytes");
        SAYS("file://");
        SAYS("fallocate -l 3G /swapfile && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile");
    }
    /* Swap for what is missing, where that is more than the memory is. */
    RC(ENOMEM, create("large", 5 << 10));
    SAYS("fallocate -l 5G");
    OK(create(file, 70)); /* the kernel pages it to disk */

    /* A larger /dev/shm helps where there is memory. */
    CHECK(mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=8m") == 0);
    RC(ENOSPC, create("large", 50));
    SAYS("docker run --shm-size=51m");
    SAYS("mount -o remount,size=51M");
    RC(ENOMEM, create("large", 70));
    CHECK(umount("/dev/shm") == 0);

    /* 40 MiB may still be promised. */
    pretend("/proc/sys/vm/overcommit_memory", "2\n");
    OK(create("large", 30));
    RC(ENOMEM, create("large", 50));
    SAYS("vm.overcommit_memory = 2");
    SAYS("41943040 bytes");
    SAYS("CommitLimit");
    CHECK(rmdir(directory) == 0);
    return 0;
}
