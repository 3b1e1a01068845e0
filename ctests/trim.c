/* trim.c - memory that is kept for growth is given back, and taken again when the array grows; elements stay. */
#include "given.h"

enum { ROOM = 32 << 20, USED = 3 << 20 };

static uint64_t allocated(const shm_array_t *array) { return stat_of(array).allocated_bytes; }

static void given_back(const char *name)
{
    uint64_t shape[] = {ROOM};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.capacity = ROOM;
    OK(shm_array_create(name, "|u1", 1, shape, &options, &array));
    unsigned char *bytes = (unsigned char *)view_of(array).data;
    memset(bytes, 9, ROOM);
    CHECK(allocated(array) >= ROOM);
    RC(EPERM, shm_array_trim(array));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_trim(array)); /* nothing is kept */
    CHECK(bytes[ROOM - 1] == 9 && allocated(array) >= ROOM);

    OK(shm_array_resize(array, USED + 5));
    CHECK(allocated(array) >= ROOM);
    OK(shm_array_trim(array));
    CHECK(allocated(array) >= USED && allocated(array) < USED + (1 << 20));
    for (int i = 0; i < USED + 5; i++)
        CHECK(bytes[i] == 9);
    CHECK(bytes[USED + 5] == 0 && bytes[ROOM / 2] == 0); /* an old view reads zeros */

    /* The lock and the control block behind the hole are what they were. */
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    CHECK(stat_of(array).generation == 1);
    OK(shm_array_resize(array, ROOM / 2));
    CHECK(allocated(array) >= ROOM / 2 && bytes[USED + 4] == 9 && bytes[USED + 5] == 0 && bytes[ROOM / 2 - 1] == 0);
    OK(shm_array_append(array, 3, "abc", 3));
    CHECK(memcmp(bytes + ROOM / 2, "abc", 3) == 0);
    OK(shm_array_unlock(array));
    shm_array_close(array);
}

/* What grows again into a full file system is told so, and is not killed by the touch. */
static void no_room_again(void)
{
    uint64_t shape[] = {100};
    shm_array_t *array = NULL;
    shm_array_options_t options = no_options();
    static char rows[2 << 20];
    options.capacity = 3 << 20;
    own_dev_shm("size=4m");
    for (int lazy = 0; lazy < 2; lazy++) {
        options.flags = lazy ? SHM_ARRAY_LAZY : 0;
        OK(shm_array_create("trimmed", "|u1", 1, shape, &options, &array));
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        OK(shm_array_trim(array));
        shm_array_t *filler = new_doubles("filler", 400000);
        RC(ENOSPC, shm_array_append(array, sizeof rows, rows, sizeof rows));
        SAYS("/dev/shm");
        RC(ENOSPC, shm_array_resize(array, 3 << 20));
        CHECK(view_of(array).count == 100);
        shm_array_close(filler);
        OK(shm_array_unlink("filler"));
        OK(shm_array_append(array, sizeof rows, rows, sizeof rows));
        shm_array_close(array);
        OK(shm_array_unlink("trimmed"));
    }
}

/* Who has a slice from before touches what is there no more: no signal in a full file system. */
static void old_slice(void)
{
    uint64_t shape[] = {(2 << 20) / 8}, number = 1;
    int64_t start = 0, index = -1;
    shm_array_t *array = NULL, *slice = NULL;
    char bytes[8];
    OK(shm_array_create("trimmed", "<u8", 1, shape, NULL, &array));
    OK(shm_array_slice(array, 1, &start, NULL, NULL, &slice));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_resize(array, 10));
    OK(shm_array_trim(array));
    OK(shm_array_unlock(array));
    int rest = open("/dev/shm/rest", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    static char page[4096];
    while (write(rest, page, sizeof page) > 0)
        ;
    CHECK(errno == ENOSPC && close(rest) == 0);
    RC(ENOSPC, shm_array_atomic_load(slice, 1, &index, 8, &number));
    RC(ENOSPC, shm_array_atomic_store(slice, 1, &index, 8, &number));
    RC(ENOSPC, shm_array_copy_in(slice, (2 << 20) - 8, &number, 8));
    RC(ENOSPC, shm_array_snapshot(slice, shape[0] - 1, 1, bytes, sizeof bytes, 0, 0, NULL));
    CHECK(unlink("/dev/shm/rest") == 0);
    OK(shm_array_atomic_store(slice, 1, &index, 8, &number)); /* a touch takes memory again */
    shm_array_close(slice);
    OK(shm_array_unlink("trimmed"));
    shm_array_close(array);
}

int main(void)
{
    char name[64], directory[64], file[128];
    snprintf(file, sizeof file, "file://%s/x.npy", new_directory(directory, sizeof directory));
    const char *names[] = {unique_name(name, sizeof name), file};
    for (int i = 0; i < 2; i++) {
        given_back(names[i]);
        OK(shm_array_unlink(names[i]));
    }
    given_back(NULL); /* sealed: its length stays, holes are allowed */
    CHECK(rmdir(directory) == 0);
    no_room_again();
    old_slice();
    return 0;
}
