/* lock_fair.c - a writer passes four readers, a reader four writers, within 100 ms; of four writers none goes short. */
#include "given.h"
#include <time.h>

enum { CONTENDERS = 4, WAITS = 21 };

/* A machine that is busy with other things may spoil one attempt: a lock that is not fair spoils them all. */
enum { ATTEMPTS = 10 };

static double milliseconds(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Takes the lock again and again, for ever, and counts how often in the element of its own. */
static void stream(const char *name, uint32_t mode, int element)
{
    shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
    double *count = doubles(mine) + element;
    for (;;) {
        OK(shm_array_lock(mine, mode, FOREVER));
        for (volatile int pause = 0; pause < 2000; pause = pause + 1)
            ;
        *count += 1;
        OK(shm_array_unlock(mine));
    }
}

static void start(pid_t *children, const char *name, uint32_t mode)
{
    for (int i = 0; i < CONTENDERS; i++)
        if ((children[i] = fork()) == 0)
            stream(name, mode, i);
}

/* Kills them, perhaps within the lock, and clears the counts. */
static void stop(pid_t *children, const shm_array_t *array)
{
    for (int i = 0; i < CONTENDERS; i++)
        CHECK(kill(children[i], SIGKILL) == 0);
    for (int i = 0; i < CONTENDERS; i++)
        CHECK(end_of(children[i]) == -SIGKILL);
    int code = shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER);
    CHECK(code == 0 || code == EOWNERDEAD);
    OK(shm_array_recover(array));
    memset(doubles(array), 0, CONTENDERS * sizeof(double));
    OK(shm_array_unlock(array));
}

static int in_order(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

/* How long one waits, as a rule, who wants the lock in this mode among four that take it in the other one. */
static double wait_of(const char *name, const shm_array_t *array, uint32_t mode)
{
    pid_t children[CONTENDERS];
    double waits[WAITS];
    start(children, name, mode == SHM_ARRAY_SHARED ? SHM_ARRAY_EXCLUSIVE : SHM_ARRAY_SHARED);
    for (int i = 0; i < WAITS; i++) {
        usleep(2000);
        double begin = milliseconds();
        OK(shm_array_lock(array, mode, SECONDS(20))); /* beyond that it is not unfair, it hangs */
        waits[i] = milliseconds() - begin;
        OK(shm_array_unlock(array));
    }
    stop(children, array);
    qsort(waits, WAITS, sizeof *waits, in_order);
    printf("%s among four: %.2f ms as a rule, %.2f ms at worst\n", mode == SHM_ARRAY_SHARED ? "a reader" : "a writer",
           waits[WAITS / 2], waits[WAITS - 1]);
    return waits[WAITS / 2];
}

/* The smallest part of four writers, in parts of what would be fair, over a second. */
static double smallest_part(const char *name, const shm_array_t *array)
{
    pid_t children[CONTENDERS];
    double counts[CONTENDERS], sum, least = 1e300;
    start(children, name, SHM_ARRAY_EXCLUSIVE);
    usleep(100000); /* until all are there */
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(20)));
    memset(doubles(array), 0, sizeof counts);
    OK(shm_array_unlock(array));
    do {
        sleep(1);
        sum = 0;
        OK(shm_array_lock(array, SHM_ARRAY_SHARED, SECONDS(20)));
        memcpy(counts, doubles(array), sizeof counts);
        OK(shm_array_unlock(array));
        for (int i = 0; i < CONTENDERS; i++)
            sum += counts[i];
    } while (sum < 100);
    stop(children, array);
    for (int i = 0; i < CONTENDERS; i++)
        least = counts[i] < least ? counts[i] : least;
    printf("of %.0f sections of four writers, the one who had the fewest had %.0f\n", sum, least);
    return least / (sum / CONTENDERS);
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), CONTENDERS);
    const uint32_t modes[] = {SHM_ARRAY_EXCLUSIVE, SHM_ARRAY_SHARED};
    for (int i = 0; i < 2; i++) {
        int attempts = 1;
        while (wait_of(name, array, modes[i]) > 100)
            CHECK(attempts++ < ATTEMPTS);
    }
    int attempts = 1;
    while (smallest_part(name, array) < 0.5)
        CHECK(attempts++ < ATTEMPTS);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
