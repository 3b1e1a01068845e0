/* range_first_come.c - overlapping ranges are served in the order in which they came; none starves, nor the whole. */
#include "given.h"

enum { WAITERS = 6, CONTENDERS = 4 };
enum { ATTEMPTS = 10 }; /* a machine that is busy with other things may spoil some */
enum { TICKET = -4096 + 200 }; /* from the file's end; docs/format.md */

/* How many tickets have been drawn. */
static uint64_t tickets_of(int file, off_t length)
{
    uint64_t last = 0;
    CHECK(pread(file, &last, sizeof last, length + TICKET) == sizeof last);
    return last;
}

static void stream(const char *name, int contender)
{
    shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
    for (;;) {
        OK(shm_array_lock_range(mine, 10, 20 + (uint64_t)contender, SHM_ARRAY_EXCLUSIVE, FOREVER));
        for (volatile int pause = 0; pause < 2000; pause = pause + 1)
            ;
        doubles(mine)[50 + contender] += 1;
        OK(shm_array_unlock_range(mine, 10, 20 + (uint64_t)contender));
    }
}

/* The smallest part of the contenders, in parts of what would be fair, over a second. */
static double smallest_part(const double *counts)
{
    double before[CONTENDERS], parts[CONTENDERS], sum = 0, least = 1e300;
    memcpy(before, counts, sizeof before);
    do
        sleep(1);
    while (counts[0] + counts[1] + counts[2] + counts[3] < before[0] + before[1] + before[2] + before[3] + 100);
    memcpy(parts, counts, sizeof parts);
    for (int i = 0; i < CONTENDERS; i++) {
        parts[i] -= before[i];
        sum += parts[i];
        least = parts[i] < least ? parts[i] : least;
    }
    return least / (sum / CONTENDERS);
}

int main(void)
{
    char name[64];
    pid_t children[WAITERS];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100);
    struct stat facts;
    int file = open(path_of(name), O_RDONLY | O_CLOEXEC);
    CHECK(fstat(file, &facts) == 0);
    double *order = doubles(array);
    OK(shm_array_lock_range(array, 0, 20, SHM_ARRAY_EXCLUSIVE, 0));
    for (int i = 0; i < WAITERS; i++) {
        if ((children[i] = fork()) == 0) {
            /* Readers and writers of different, overlapping rows. */
            shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
            uint32_t mode = i % 2 ? SHM_ARRAY_SHARED : SHM_ARRAY_EXCLUSIVE;
            OK(shm_array_lock_range(mine, (uint64_t)i, 10, mode, SECONDS(30)));
            int place = (int)doubles(mine)[90]; /* each is alone, as its neighbours write */
            doubles(mine)[i + 60] = place;
            doubles(mine)[90] = place + 1;
            OK(shm_array_unlock_range(mine, (uint64_t)i, 10));
            _exit(0);
        }
        while (tickets_of(file, facts.st_size) < (uint64_t)i + 2) /* ours was the first */
            usleep(1000);
    }
    OK(shm_array_unlock_range(array, 0, 20));
    for (int i = 0; i < WAITERS; i++)
        CHECK(end_of(children[i]) == 0);
    for (int i = 0; i < WAITERS; i++)
        CHECK(order[60 + i] == i);
    CHECK(close(file) == 0);

    for (int i = 0; i < CONTENDERS; i++)
        if ((children[i] = fork()) == 0)
            stream(name, i);
    const uint32_t modes[] = {SHM_ARRAY_SHARED, SHM_ARRAY_EXCLUSIVE};
    for (int n = 0; n < 20; n++) { /* a hang would be starvation */
        OK(shm_array_lock(array, modes[n % 2], FOREVER));
        OK(shm_array_unlock(array));
    }
    int attempts = 1;
    while (smallest_part(order + 50) < 0.5)
        CHECK(attempts++ < ATTEMPTS);
    for (int i = 0; i < CONTENDERS; i++)
        CHECK(kill(children[i], SIGKILL) == 0 && end_of(children[i]) == -SIGKILL);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
