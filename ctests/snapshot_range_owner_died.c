/* snapshot_range_owner_died.c - a snapshot tells of a writer that died with a range, until the rows are recovered. */
#include "given.h"

static char name[64];
static double copy[8];

static int snapshot(const shm_array_t *array, int64_t timeout_ns)
{
    memset(copy, 0, sizeof copy);
    return shm_array_snapshot(array, 0, 8, copy, sizeof copy, timeout_ns, 0, NULL);
}

static void die_with_rows(shm_array_t *array, uint64_t first, double value)
{
    pid_t child = fork();
    if (child == 0) {
        int code = shm_array_lock_range(array, first, 2, SHM_ARRAY_EXCLUSIVE, SECONDS(5));
        CHECK(code == 0 || code == EOWNERDEAD);
        doubles(array)[first] = value;
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
}

int main(void)
{
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 8);
    shm_array_t *reader = opened(name, SHM_ARRAY_READ), *other = opened(name, SHM_ARRAY_WRITE);
    die_with_rows(array, 2, 1);

    /* Nobody has come to the ranges yet: its write never ended. */
    RC(EOWNERDEAD, snapshot(reader, 0));
    CHECK(copy[2] == 1);
    RC(EOWNERDEAD, snapshot(array, FOREVER));

    /* Somebody has, elsewhere: the write has ended, and its rows are as half written as before. */
    OK(shm_array_lock_range(array, 5, 2, SHM_ARRAY_SHARED, 0));
    RC(EOWNERDEAD, snapshot(reader, 0));
    OK(shm_array_unlock_range(array, 5, 2));
    RC(EOWNERDEAD, shm_array_lock_range(array, 2, 1, SHM_ARRAY_SHARED, 0));
    OK(shm_array_unlock_range(array, 2, 1));
    RC(EOWNERDEAD, snapshot(reader, 0));
    RC(EOWNERDEAD, shm_array_snapshot(array, 0, 8, copy, sizeof copy, 0, SHM_ARRAY_SNAPSHOT_MAY_LOCK, NULL));

    /* While somebody alive writes rows there is no snapshot, whoever else has died. */
    OK(shm_array_lock_range(other, 5, 2, SHM_ARRAY_EXCLUSIVE, 0));
    RC(EAGAIN, snapshot(reader, MILLISECONDS(5)));
    die_with_rows(array, 0, 2);
    RC(EAGAIN, snapshot(reader, MILLISECONDS(5)));
    OK(shm_array_unlock_range(other, 5, 2));
    RC(EOWNERDEAD, snapshot(reader, 0));

    /* Who has all of the array to himself is told as well. */
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    RC(EOWNERDEAD, snapshot(array, 0));
    OK(shm_array_unlock(array));
    RC(EOWNERDEAD, snapshot(reader, 0));

    RC(EOWNERDEAD, shm_array_lock_range(array, 0, 8, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_recover_range(array, 0, 8));
    OK(shm_array_unlock_range(array, 0, 8));
    OK(snapshot(reader, 0));
    CHECK(copy[0] == 2 && copy[2] == 1);

    /* All of the array is in doubt, and somebody alive writes a part of it: no snapshot of that. */
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    RC(EOWNERDEAD, shm_array_lock_range(other, 5, 2, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    RC(EAGAIN, snapshot(reader, MILLISECONDS(5)));
    OK(shm_array_unlock_range(other, 5, 2));
    RC(EOWNERDEAD, snapshot(reader, 0));

    shm_array_close(other);
    shm_array_close(reader);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
