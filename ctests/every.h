/* every.h - every call of an array's life, in an environment that is short of something. */
#ifndef EVERY_H
#define EVERY_H

#include "every_object.h"

/* Locks of rows, copies of one moment, and single elements. */
static void use_rows(const shm_array_t *array, uint64_t bytes)
{
    const int64_t index = -1;
    uint8_t value = 3, before;
    int exchanged;
    if (shortage(shm_array_lock_range(array, 0, bytes / 2, SHM_ARRAY_EXCLUSIVE, 0)) == 0) {
        shortage(shm_array_recover_range(array, 0, 1));
        OK(shm_array_unlock_range(array, 0, bytes / 2));
    }
    shortage(shm_array_snapshot(array, 0, 1000, rows, sizeof rows, 0, SHM_ARRAY_SNAPSHOT_MAY_LOCK, NULL));
    shortage(shm_array_atomic_load(array, 1, &index, 1, &value));
    shortage(shm_array_atomic_store(array, 1, &index, 1, &value));
    shortage(shm_array_atomic_exchange(array, 1, &index, 1, &value, &before));
    shortage(shm_array_atomic_compare_exchange(array, 1, &index, 1, &before, &value, &exchanged));
    shortage(shm_array_atomic_fetch_add(array, 1, &index, 1, &value, NULL));
    shortage(shm_array_atomic_fetch_min(array, 1, &index, 1, &value, NULL));
    shortage(shm_array_atomic_fetch_max(array, 1, &index, 1, &value, NULL));
    shortage(shm_array_atomic_fetch_and(array, 1, &index, 1, &value, NULL));
    shortage(shm_array_atomic_fetch_or(array, 1, &index, 1, &value, NULL));
    shortage(shm_array_atomic_fetch_xor(array, 1, &index, 1, &value, NULL));
}

/* What processes tell each other by an array, and its way from one to another. */
static void share(const shm_array_t *array, uint64_t bytes)
{
    shm_array_publish_t published;
    shm_array_identity_t identity;
    uint64_t generation = 0;
    int fd = -1, code;
    memset(&published, 0, sizeof published);
    memset(&identity, 0, sizeof identity);
    published.size = sizeof published;
    identity.size = sizeof identity;
    use_rows(array, bytes);
    if (shortage(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0)) == 0) {
        shortage(shm_array_condition_notify(array, 0, 1));
        shortage(shm_array_condition_wait(array, 0, 0));
        OK(shm_array_unlock(array));
    }
    shortage(shm_array_last_publish(array, &published));
    shortage(shm_array_identity(array, &identity));
    shortage(shm_array_wait(array, generation, 0, &generation));
    code = shm_array_notify_fd(array, generation, &fd);
    notified(code, fd);
    if (shortage(shm_array_lease(array, SECONDS(1))) == 0)
        shortage(shm_array_arrived(array));
}

/* All that can be done with an open array. */
static void use(shm_array_t *array, uint64_t bytes)
{
    shm_array_t *part = NULL;
    uint64_t number;
    int descriptor = -1;
    int64_t stop = 10;
    shm_array_view_t view = view_of(array);
    if (view.flags & SHM_ARRAY_VIEW_WRITABLE && shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)) == 0) {
        shortage(shm_array_append(array, sizeof rows, rows, sizeof rows));
        shortage(shm_array_resize(array, bytes / 2));
        shortage(shm_array_trim(array));
        shortage(shm_array_append(array, sizeof rows, rows, sizeof rows));
        shortage(shm_array_resize(array, bytes));
        shortage(shm_array_recover(array));
        OK(shm_array_unlock(array));
    }
    shortage(shm_array_lock(array, SHM_ARRAY_SHARED, 0));
    shortage(shm_array_unlock(array));
    shortage(shm_array_copy_in(array, 0, rows, sizeof rows < bytes ? sizeof rows : bytes));
    for (uint32_t advice = 0; advice <= SHM_ARRAY_ADVICE_DONE_WITH; advice++)
        shortage(shm_array_advise(array, advice, 0, UINT64_MAX));
    shortage(shm_array_sync(array, SHM_ARRAY_SYNC_START, 0, UINT64_MAX));
    shortage(shm_array_sync(array, SHM_ARRAY_SYNC_WAIT, 0, 1));
    shortage(shm_array_generation(array, &number));
    share(array, bytes);
    CHECK(shm_array_name(array) && shm_array_placement(array) != SHM_ARRAY_PLACE_AUTO);
    (void)shm_array_metadata(array);
    if (shm_array_slice(array, 1, NULL, &stop, NULL, &part) == 0)
        shm_array_close(part);
    if (shm_array_fd(array, &descriptor) == 0) {
        int code = shm_array_open_fd(descriptor, SHM_ARRAY_READ | SHM_ARRAY_POPULATE, &part);
        shortage(code);
        if (code == 0)
            shm_array_close(part);
        CHECK(close(descriptor) == 0);
    }
}

static void open_and_use(const char *name, uint64_t bytes)
{
    const uint32_t ways[] = {SHM_ARRAY_READ,
                             SHM_ARRAY_WRITE,
                             SHM_ARRAY_COPY_ON_WRITE,
                             SHM_ARRAY_WRITE | SHM_ARRAY_UNTRACKED,
                             SHM_ARRAY_READ | SHM_ARRAY_POPULATE,
                             SHM_ARRAY_WRITE | SHM_ARRAY_POPULATE | SHM_ARRAY_MLOCK,
                             SHM_ARRAY_WRITE | SHM_ARRAY_ADOPT};
    const uint8_t id[16] = {0}; /* of some other array */
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        shm_array_t *array = NULL, *again = NULL;
        int code = shm_array_open(name, ways[i], &array);
        shortage(code);
        if (code != 0)
            continue;
        use(array, bytes);
        code = shm_array_open_id(name, SHM_ARRAY_READ, id, &again);
        CHECK(code != 0);
        shortage(code);
        shm_array_view_t view = view_of(array);
        if (shortage(shm_array_open_view(name, SHM_ARRAY_READ, &again, &view)) == 0)
            shm_array_close(again);
        shm_array_close(array);
    }
}

static void create_and_use(const char *name, uint64_t bytes, shm_array_options_t options)
{
    shm_array_t *untouched = (shm_array_t *)rows, *array = untouched;
    options.capacity = bytes + 2 * sizeof rows;
    int code = shm_array_create(name, "|u1", 1, &bytes, &options, &array);
    shortage(code);
    if (code != 0) {
        CHECK(array == untouched);
        return;
    }
    if (created++ % 16 == 0)
        stat_of(array); /* which looks at all processes of the machine */
    /* What is not lazy can be written to its last byte. */
    if (!(options.flags & SHM_ARRAY_LAZY))
        memset(view_of(array).data, 1, bytes);
    use(array, bytes);
    char real_name[300];
    snprintf(real_name, sizeof real_name, "%s", shm_array_name(array));
    if (*real_name && (options.flags & ~(uint32_t)SHM_ARRAY_LAZY) == 0)
        open_and_use(real_name, bytes);
    shortage(shm_array_funlink(array));
    shm_array_close(array);
    if (*real_name)
        RC(ENOENT, shm_array_unlink(real_name));
}

static void look_round(void)
{
    shm_array_list_t *list = NULL;
    shm_array_entry_t entry;
    uint64_t removed;
    memset(&entry, 0, sizeof entry);
    entry.size = sizeof entry;
    int code = shm_array_list(&list);
    shortage(code);
    if (code == 0) {
        while (shm_array_list_next(list, &entry) == 0)
            ;
        shm_array_list_close(list);
    }
    shortage(shm_array_collect(-1, &removed));
    CHECK(shm_array_version() && shm_array_strerror(ENOSPC) && shm_array_abi_version());
}

static size_t sizes_tried = 3; /* the fourth is for who refuses it */

static void everything(void)
{
    const uint64_t sizes[] = {1000, UINT64_C(300) << 10, UINT64_C(6) << 20, UINT64_C(80) << 20};
    const uint32_t ways[] = {0, SHM_ARRAY_RESERVE, SHM_ARRAY_LAZY, SHM_ARRAY_POPULATE, SHM_ARRAY_MLOCK,
                             SHM_ARRAY_UNNAMED, SHM_ARRAY_OR_OPEN, SHM_ARRAY_LAST_CLOSE};
    const char *names[] = {"every", file_name, NULL};
    int descriptors = descriptors_open(), files = files_in(directory);
    for (size_t s = 0; s < sizes_tried; s++)
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
            for (int n = 0; n < (s == 3 && w > 0 ? 0 : 3); n++) {
                shm_array_options_t options = no_options();
                options.flags = ways[w];
                create_and_use(names[n], sizes[s], options);
                options.placement = SHM_ARRAY_PLACE_FILE;
                options.directory = directory;
                if (n == 0 && w == 0)
                    create_and_use(names[n], sizes[s], options);
            }
    for (size_t s = 0; s < sizes_tried; s++)
        every_object(sizes[s], s == 0 ? 3 : 1);
    look_round();
    CHECK(descriptors_open() == descriptors && files_in(directory) == files);
    if (access("/dev/shm", F_OK) == 0)
        CHECK(files_in("/dev/shm") == 0);
}
#endif
