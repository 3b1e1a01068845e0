/* list.c - a listing has every array of /dev/shm once, what it is and who is there, and nothing else. */
#include "npy.h"

static int seen_live, seen_idle, seen_other;

static void check_entry(const shm_array_entry_t *entry, const shm_array_stat_t *live)
{
    if (strcmp(entry->name, "live") == 0) {
        seen_live++;
        CHECK(strcmp(entry->dtype, ">i2") == 0 && entry->itemsize == 2);
        CHECK(entry->ndim == 2 && entry->shape[0] == 3 && entry->shape[1] == 4);
        CHECK(entry->attached == 1 && entry->lock_pid == (uint32_t)getpid());
        CHECK(entry->generation == 1 && entry->file_bytes == live->file_bytes && entry->created_ns == live->created_ns);
        CHECK(memcmp(entry->id, live->id, 16) == 0);
        CHECK(entry->flags & SHM_ARRAY_LAST_CLOSE && entry->flags & SHM_ARRAY_FORTRAN);
    } else if (strcmp(entry->name, "idle") == 0) {
        seen_idle++;
        CHECK(strcmp(entry->dtype, "<f8") == 0 && entry->ndim == 1 && entry->shape[0] == 5);
        CHECK(entry->attached == 0 && entry->lock_pid == 0 && entry->generation == 0);
        CHECK(!(entry->flags & SHM_ARRAY_LAST_CLOSE));
    } else
        seen_other++;
}

int main(void)
{
    own_dev_shm("size=64m");
    shm_array_list_t *list = NULL;
    shm_array_entry_t entry;
    memset(&entry, 0, sizeof entry);
    entry.size = sizeof entry;
    int descriptors = descriptors_open();
    OK(shm_array_list(&list));
    RC(ENODATA, shm_array_list_next(list, &entry));
    RC(ENODATA, shm_array_list_next(list, &entry));
    CHECK(entry.name == NULL);
    shm_array_list_close(list);
    CHECK(descriptors_open() == descriptors);

    uint64_t shape[] = {3, 4};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL, *anonymous = new_doubles(NULL, 3);
    options.flags = SHM_ARRAY_LAST_CLOSE | SHM_ARRAY_FORTRAN;
    OK(shm_array_create("live", ">i2", 2, shape, &options, &array));
    shm_array_close(new_doubles("idle", 5));
    write_npy("/dev/shm/ordinary.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }", NULL, 0);
    int file = open("/dev/shm/foreign", O_CREAT | O_WRONLY, 0600);
    CHECK(write(file, "something", 9) == 9 && close(file) == 0);
    CHECK(mkfifo("/dev/shm/fifo", 0600) == 0 && mkdir("/dev/shm/directory", 0700) == 0);
    CHECK(symlink("/dev/shm/idle", "/dev/shm/link") == 0);
    CHECK(close(open("/dev/shm/.hidden", O_CREAT | O_WRONLY, 0600)) == 0);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));

    shm_array_stat_t live = stat_of(array);
    descriptors = descriptors_open();
    OK(shm_array_list(&list));
    int code;
    while ((code = shm_array_list_next(list, &entry)) == 0)
        check_entry(&entry, &live);
    RC(ENODATA, code);
    shm_array_list_close(list);
    CHECK(seen_live == 1 && seen_idle == 1 && seen_other == 0);
    CHECK(descriptors_open() == descriptors);

    /* What goes while a listing is under way does not disturb it. */
    OK(shm_array_list(&list));
    OK(shm_array_unlink("idle"));
    OK(shm_array_unlink("live"));
    while ((code = shm_array_list_next(list, &entry)) == 0)
        ;
    RC(ENODATA, code);
    shm_array_list_close(list);
    shm_array_close(array);
    shm_array_close(anonymous);
    return 0;
}
