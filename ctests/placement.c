/* placement.c - a name goes to /dev/shm if it fits; else into memory without a name, or to SHM_ARRAY_DIR. */
#include "given.h"

enum { LARGE = 8 << 20 };

static shm_array_t *placed(const char *name, uint64_t bytes, shm_array_options_t options)
{
    shm_array_t *array = NULL;
    OK(shm_array_create(name, "|u1", 1, &bytes, &options, &array));
    memset(view_of(array).data, 7, bytes);
    CHECK(stat_of(array).placement == shm_array_placement(array));
    return array;
}

static uint32_t listed(const char *name)
{
    uint32_t placement = 99;
    shm_array_list_t *list = NULL;
    shm_array_entry_t entry;
    memset(&entry, 0, sizeof entry);
    entry.size = sizeof entry;
    OK(shm_array_list(&list));
    while (shm_array_list_next(list, &entry) == 0)
        if (strcmp(entry.name, name) == 0) {
            CHECK(placement == 99);
            placement = entry.placement;
        }
    shm_array_list_close(list);
    return placement;
}

int main(void)
{
    char directory[64], other[64], path[128];
    uint64_t removed = 0, shape[] = {LARGE};
    shm_array_options_t automatic = no_options(), options;
    shm_array_t *untouched = (shm_array_t *)path, *array = untouched;
    new_directory(directory, sizeof directory);
    new_directory(other, sizeof other);
    own_dev_shm("size=4m");

    /* Nowhere to go. */
    unsetenv("SHM_ARRAY_DIR");
    RC(ENOSPC, shm_array_create("large", "|u1", 1, shape, NULL, &array));
    SAYS("/dev/shm");
    SAYS("--shm-size=");
    CHECK(array == untouched && files_in("/dev/shm") == 0);

    /* Memory without a name, for who can pass a descriptor. */
    options = automatic;
    options.flags = SHM_ARRAY_UNNAMED;
    array = placed("large", LARGE, options);
    CHECK(shm_array_placement(array) == SHM_ARRAY_PLACE_MEMFD && strcmp(shm_array_name(array), "") == 0);
    int descriptor = -1;
    OK(shm_array_fd(array, &descriptor));
    shm_array_t *passed = NULL;
    OK(shm_array_open_fd(descriptor, SHM_ARRAY_READ, &passed));
    CHECK(shm_array_placement(passed) == SHM_ARRAY_PLACE_MEMFD && close(descriptor) == 0);
    shm_array_close(passed);
    shm_array_close(array);
    array = placed("small", 1000, options);
    CHECK(shm_array_placement(array) == SHM_ARRAY_PLACE_SHM && strcmp(shm_array_name(array), "small") == 0);
    shm_array_close(array);

    /* The directory of the environment: by the same name, for everybody who shares the setting. */
    setenv("SHM_ARRAY_DIR", directory, 1);
    array = placed("large", LARGE, automatic);
    CHECK(shm_array_placement(array) == SHM_ARRAY_PLACE_FILE && strcmp(shm_array_name(array), "large") == 0);
    CHECK(!exists("large") && files_in(directory) == 1);
    shm_array_t *again = opened("large", SHM_ARRAY_WRITE);
    CHECK(((unsigned char *)view_of(again).data)[LARGE - 1] == 7 && shm_array_placement(again) == SHM_ARRAY_PLACE_FILE);
    OK(shm_array_lock(again, SHM_ARRAY_EXCLUSIVE, 0));
    shm_array_close(again);
    CHECK(listed("large") == SHM_ARRAY_PLACE_FILE && listed("small") == SHM_ARRAY_PLACE_SHM);
    shm_array_close(array);

    /* A name exists once: what one directory has, the other does not get. */
    array = untouched;
    options = automatic;
    options.placement = SHM_ARRAY_PLACE_SHM;
    uint64_t few[] = {10};
    RC(EEXIST, shm_array_create("large", "|u1", 1, few, &options, &array));
    RC(EEXIST, shm_array_create("large", "|u1", 1, few, NULL, &array));
    options.placement = SHM_ARRAY_PLACE_FILE;
    RC(EEXIST, shm_array_create("small", "|u1", 1, few, &options, &array));
    options = automatic;
    options.flags = SHM_ARRAY_OR_OPEN;
    OK(shm_array_create("large", "|u1", 1, shape, &options, &array));
    CHECK(shm_array_placement(array) == SHM_ARRAY_PLACE_FILE);
    shm_array_close(array);
    OK(shm_array_unlink("large"));
    OK(shm_array_unlink("small"));
    RC(ENOENT, shm_array_unlink("large"));
    CHECK(files_in(directory) == 0 && files_in("/dev/shm") == 0);

    /* Asked for. A directory of the caller's own is opened by its path. */
    options = automatic;
    options.placement = SHM_ARRAY_PLACE_FILE;
    shm_array_close(placed("filed", 1000, options));
    CHECK(files_in(directory) == 1 && listed("filed") == SHM_ARRAY_PLACE_FILE);
    OK(shm_array_unlink("filed"));
    options.directory = other;
    array = placed("filed", 1000, options);
    snprintf(path, sizeof path, "file://%s/filed", other);
    CHECK(strcmp(shm_array_name(array), path) == 0 && files_in(other) == 1);
    shm_array_close(array);
    options.flags = SHM_ARRAY_OR_OPEN;
    OK(shm_array_create("filed", "|u1", 1, (shape[0] = 1000, shape), &options, &array));
    shm_array_close(array);
    OK(shm_array_unlink(path));
    RC(EINVAL, shm_array_create(NULL, "|u1", 1, shape, &options, &array));
    options.placement = SHM_ARRAY_PLACE_MEMFD;
    RC(EINVAL, shm_array_create("filed", "|u1", 1, shape, &options, &array));
    SAYS("NULL");
    setenv("SHM_ARRAY_DIR", "somewhere", 1);
    RC(EINVAL, shm_array_open("filed", SHM_ARRAY_READ, &array));
    SAYS("absolute");

    /* What was to go with its last user, who was killed, is collected wherever it lies. */
    setenv("SHM_ARRAY_DIR", directory, 1);
    pid_t child = fork();
    if (child == 0) {
        options = automatic;
        options.flags = SHM_ARRAY_LAST_CLOSE;
        options.placement = SHM_ARRAY_PLACE_FILE;
        placed("left", 1000, options);
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL && files_in(directory) == 1);
    OK(shm_array_collect(-1, &removed));
    CHECK(removed == 1 && files_in(directory) == 0);

    /* A host without /dev/shm: names live in the directory. */
    CHECK(mount("tmpfs", "/dev", "tmpfs", 0, "size=1m") == 0);
    array = placed("homeless", 1000, automatic);
    CHECK(shm_array_placement(array) == SHM_ARRAY_PLACE_FILE && listed("homeless") == SHM_ARRAY_PLACE_FILE);
    shm_array_close(array);
    array = opened("homeless", SHM_ARRAY_READ);
    shm_array_close(array);
    OK(shm_array_unlink("homeless"));
    RC(ENOENT, shm_array_open("homeless", SHM_ARRAY_READ, &array));
    CHECK(rmdir(directory) == 0 && rmdir(other) == 0);
    return 0;
}
