/* no_dev_shm.c - without /dev/shm names are errors that tell what to use instead; files and memfds work. */
#include "given.h"

int main(void)
{
    char directory[64], name[96];
    uint64_t shape[] = {3}, removed = 7;
    shm_array_t *untouched = (shm_array_t *)name, *array = untouched;
    own_mounts();
    /* /dev itself disappears behind an empty one; /proc stays. */
    CHECK(mount("tmpfs", "/dev", "tmpfs", 0, "size=1m") == 0);
    int descriptors = descriptors_open();
    RC(ENOENT, shm_array_create("x", "<f8", 1, shape, NULL, &array));
    SAYS("/dev/shm");
    SAYS("file://");
    RC(ENOENT, shm_array_open("x", SHM_ARRAY_READ, &array));
    SAYS("/dev/shm");
    CHECK(shm_array_unlink("x") == ENOENT);
    CHECK(array == untouched);

    /* Where there are no arrays there are none to list and none to collect. */
    shm_array_list_t *list = NULL;
    shm_array_entry_t entry;
    memset(&entry, 0, sizeof entry);
    entry.size = sizeof entry;
    OK(shm_array_list(&list));
    RC(ENODATA, shm_array_list_next(list, &entry));
    shm_array_list_close(list);
    OK(shm_array_collect(-1, &removed));
    CHECK(removed == 0);
    CHECK(descriptors_open() == descriptors && files_in("/dev") == 0);

    shm_array_t *anonymous = new_doubles(NULL, 3);
    OK(shm_array_lock(anonymous, SHM_ARRAY_EXCLUSIVE, 0));
    shm_array_close(anonymous);
    snprintf(name, sizeof name, "file://%s/x.npy", new_directory(directory, sizeof directory));
    shm_array_close(new_doubles(name, 3));
    OK(shm_array_unlink(name));
    CHECK(rmdir(directory) == 0);

    /* There, but not to be written. */
    CHECK(mkdir("/dev/shm", 0700) == 0 && mount("tmpfs", "/dev/shm", "tmpfs", MS_RDONLY, NULL) == 0);
    RC(EROFS, shm_array_create("x", "<f8", 1, shape, NULL, &array));
    SAYS("\"x\"");
    CHECK(array == untouched && descriptors_open() == descriptors);
    return 0;
}
