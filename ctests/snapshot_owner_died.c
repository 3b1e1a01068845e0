/* snapshot_owner_died.c - a snapshot tells of a writer that died, through any handle, until somebody recovers. */
#include "given.h"

static char name[64];
static double copy[4];
static uint64_t generation;

static int snapshot(const shm_array_t *array, int64_t timeout_ns)
{
    memset(copy, 0, sizeof copy);
    generation = 77;
    return shm_array_snapshot(array, 0, 4, copy, sizeof copy, timeout_ns, 0, &generation);
}

int main(void)
{
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    shm_array_t *reader = opened(name, SHM_ARRAY_READ), *untracked = opened(name, SHM_ARRAY_READ | SHM_ARRAY_UNTRACKED);
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        doubles(array)[0] = 1;
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);

    /* Nobody has taken the lock yet: the dead one still has it. */
    RC(EOWNERDEAD, snapshot(reader, 0));
    SAYS("shm_array_recover");
    CHECK(copy[0] == 1 && copy[1] == 0 && generation == 0);
    RC(EOWNERDEAD, snapshot(reader, FOREVER));
    RC(EOWNERDEAD, snapshot(array, SECONDS(5)));

    /* A reader took it from the dead one. */
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_SHARED, SECONDS(5)));
    RC(EOWNERDEAD, snapshot(reader, 0));
    CHECK(copy[0] == 1 && generation == 0);
    OK(shm_array_unlock(array));
    RC(EOWNERDEAD, snapshot(reader, 0));
    RC(EOWNERDEAD, shm_array_snapshot(array, 0, 4, copy, sizeof copy, 0, SHM_ARRAY_SNAPSHOT_MAY_LOCK, NULL));

    /* A writer that does not recover leaves it as it is; while it writes there is no snapshot. */
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    RC(EAGAIN, snapshot(reader, MILLISECONDS(5)));
    RC(EOWNERDEAD, snapshot(array, 0));
    OK(shm_array_unlock(array));
    RC(EOWNERDEAD, snapshot(reader, 0));
    CHECK(copy[0] == 1 && generation == 2);

    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    OK(snapshot(reader, 0));
    OK(snapshot(untracked, 0));
    CHECK(copy[0] == 1 && generation == 3);

    shm_array_close(untracked);
    shm_array_close(reader);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
