/* not_a_regular_file.c - a FIFO, directory, link, device or socket of that name is refused, and nobody waits. */
#include "given.h"
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void refused(const char *name, const char *word)
{
    const uint32_t modes[] = {SHM_ARRAY_READ, SHM_ARRAY_WRITE, SHM_ARRAY_COPY_ON_WRITE,
                              SHM_ARRAY_WRITE | SHM_ARRAY_ADOPT, SHM_ARRAY_READ | SHM_ARRAY_UNTRACKED};
    uint64_t shape[] = {3};
    uint8_t id[16] = {0};
    shm_array_t *untouched = (shm_array_t *)&shape, *array = untouched;
    int descriptors = descriptors_open();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        CHECK(shm_array_open(name, modes[i], &array) != 0);
        SAYS(name);
        SAYS(word);
        CHECK(shm_array_open_id(name, modes[i], id, &array) != 0);
    }
    RC(EEXIST, shm_array_create(name, "<f8", 1, shape, NULL, &array));
    shm_array_options_t options = no_options();
    options.flags = SHM_ARRAY_OR_OPEN;
    CHECK(shm_array_create(name, "<f8", 1, shape, &options, &array) != 0);
    CHECK(shm_array_unlink(name) != 0);
    SAYS(name);
    CHECK(array == untouched && descriptors_open() == descriptors);
}

int main(void)
{
    char name[64], path[96], real[64];
    unique_name(name, sizeof name);
    snprintf(path, sizeof path, "/dev/shm/%s", name);

    CHECK(mkfifo(path, 0600) == 0);
    refused(name, "FIFO");
    CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
    refused(name, "irectory");
    CHECK(rmdir(path) == 0);

    shm_array_close(new_doubles(unique_name(real, sizeof real), 3));
    CHECK(symlink(path_of(real), path) == 0);
    refused(name, "symbolic link");
    CHECK(unlink(path) == 0 && symlink("/nowhere", path) == 0);
    refused(name, "symbolic link");
    CHECK(unlink(path) == 0);
    CHECK(exists(real));
    OK(shm_array_unlink(real));

    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    refused(name, name);
    CHECK(unlink(path) == 0 && close(listener) == 0);

    refused("file:///dev/zero", "device");
    if (mknod(path, S_IFBLK | 0600, makedev(7, 250)) == 0) {
        refused(name, name);
        CHECK(unlink(path) == 0);
    }
    return 0;
}
