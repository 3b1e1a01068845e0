/* every_call.c - where memory, disk or a limit is short, calls answer in words. [no valgrind: it needs them itself] */
#include "given.h"
#include <sys/resource.h>

/* What a call may say when something is short, or 0. */
static void shortage(int code)
{
    const int known[] = {0,      ENOSPC, ENOMEM, EFBIG,  ENOENT, EEXIST, EINVAL,     EPERM,
                         EACCES, EMFILE, EROFS,  ESTALE, EUSERS, ENODATA, EOPNOTSUPP, EBUSY};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (code == known[i]) {
            CHECK(code == 0 || strlen(shm_array_error_detail()) > 10);
            return;
        }
    check_at(__FILE__, __LINE__, shm_array_error_detail());
    check_code(0, code);
}

static char rows[1 << 16];

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
        shm_array_close(array);
    }
}

static int created;

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

static char directory[64], file_name[96];
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
    look_round();
    CHECK(descriptors_open() == descriptors && files_in(directory) == files);
    if (access("/dev/shm", F_OK) == 0)
        CHECK(files_in("/dev/shm") == 0);
}

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
static void in(void (*environment)(void), int least_created)
{
    check_watch(); /* each has the time of a whole program */
    pid_t child = fork();
    if (child == 0) {
        own_dev_shm("size=256m");
        CHECK(mount("tmpfs", directory, "tmpfs", 0, "size=256m,mode=777") == 0); /* disks are slow */
        environment();
        CHECK(created >= least_created);
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
    in(full_tmpfs, 10);
    in(full_disk, 10);
    in(container, 40);
    in(no_dev_shm, 40);
    in(file_size, 10);
    in(no_file_size, 0);
    in(address_space, 20);
    in(few_descriptors, 1);
    in(locked_memory, 40);
    CHECK(rmdir(directory) == 0);
    return 0;
}
