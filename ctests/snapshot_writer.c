/* snapshot_writer.c - a snapshot waits for a writer as long as it is told, and takes the lock if it may. */
#include "given.h"
#include <time.h>

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return SECONDS((int64_t)time.tv_sec) + time.tv_nsec;
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 1000);
    shm_array_t *reader = opened(name, SHM_ARRAY_READ), *other = opened(name, SHM_ARRAY_WRITE);
    static double copy[1000];
    uint64_t generation = 77;
    const uint32_t may_lock = SHM_ARRAY_SNAPSHOT_MAY_LOCK;

    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    RC(EAGAIN, shm_array_snapshot(reader, 0, 1000, copy, sizeof copy, 0, 0, &generation));
    SAYS("1 writes are under way");
    int64_t start = now();
    RC(EAGAIN, shm_array_snapshot(reader, 0, 1000, copy, sizeof copy, MILLISECONDS(50), 0, &generation));
    CHECK(now() - start >= MILLISECONDS(50));
    RC(EAGAIN, shm_array_snapshot(other, 0, 1000, copy, sizeof copy, 0, may_lock, &generation));
    start = now();
    RC(EAGAIN, shm_array_snapshot(other, 0, 1000, copy, sizeof copy, MILLISECONDS(50), may_lock, &generation));
    CHECK(now() - start >= MILLISECONDS(50) && generation == 77);
    /* Who may not write cannot lock, and is told so where nothing else would help. */
    RC(EACCES, shm_array_snapshot(reader, 0, 1000, copy, sizeof copy, SECONDS(5), may_lock, NULL));
    OK(shm_array_unlock(array));
    OK(shm_array_snapshot(reader, 0, 1000, copy, sizeof copy, 0, may_lock, &generation));
    CHECK(generation == 1);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0)); /* nothing of a lock is left behind */
    OK(shm_array_unlock(array));

    /* A writer that ends its write lets the waiting in, with the lock or without. */
    for (int round = 0; round < 2; round++) {
        int ready[2];
        CHECK(pipe(ready) == 0);
        pid_t writer = fork();
        if (writer == 0) {
            OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
            doubles(array)[999] = round + 5;
            tell(ready);
            usleep(30000);
            doubles(array)[0] = round + 5;
            OK(shm_array_unlock(array));
            _exit(0);
        }
        hear(ready);
        const shm_array_t *waiting = round ? other : reader;
        OK(shm_array_snapshot(waiting, 0, 1000, copy, sizeof copy, FOREVER, round ? may_lock : 0, &generation));
        CHECK(copy[0] == round + 5 && copy[999] == round + 5 && generation == (uint64_t)round + 3);
        CHECK(end_of(writer) == 0);
        close(ready[0]), close(ready[1]);
    }
    shm_array_close(other);
    shm_array_close(reader);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
