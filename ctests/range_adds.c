/* range_adds.c - of processes and threads that add to overlapping rows under range locks none loses an addition. */
#include "given.h"

enum { PROCESSES = 3, THREADS = 2, ROWS = 8 };
static int rounds = 2000;

static void *add(void *array)
{
    volatile double *numbers = doubles((shm_array_t *)array);
    unsigned seed = (unsigned)getpid() * 7 + (unsigned)(size_t)pthread_self();
    for (int n = 0; n < rounds; n++) {
        uint64_t first = (seed = seed * 1103515245 + 12345) >> 16 & 7, rows = (seed >> 8) % (ROWS - first) + 1;
        if (n % 16 == 15) { /* the whole array, now and then */
            OK(shm_array_lock((shm_array_t *)array, n & 16 ? SHM_ARRAY_SHARED : SHM_ARRAY_EXCLUSIVE, FOREVER));
            for (int row = 0; row < ROWS && !(n & 16); row++)
                numbers[row] = numbers[row] + 1, numbers[ROWS] = numbers[ROWS] + 1;
            OK(shm_array_unlock((shm_array_t *)array));
            continue;
        }
        OK(shm_array_lock_range((shm_array_t *)array, first, rows, SHM_ARRAY_EXCLUSIVE, FOREVER));
        for (uint64_t row = first; row < first + rows; row++)
            numbers[row] = numbers[row] + 1;
        OK(shm_array_unlock_range((shm_array_t *)array, first, rows));
        OK(shm_array_lock_range((shm_array_t *)array, ROWS, 1, SHM_ARRAY_EXCLUSIVE, FOREVER));
        numbers[ROWS] = numbers[ROWS] + (double)rows;
        OK(shm_array_unlock_range((shm_array_t *)array, ROWS, 1));
    }
    return NULL;
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), ROWS + 1);
    pid_t children[PROCESSES];
    rounds = slowly() ? 200 : rounds;
    for (int i = 0; i < PROCESSES; i++)
        if ((children[i] = fork()) == 0) {
            pthread_t threads[THREADS];
            shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
            for (int t = 0; t < THREADS; t++)
                CHECK(pthread_create(&threads[t], NULL, add, mine) == 0);
            for (int t = 0; t < THREADS; t++)
                CHECK(pthread_join(threads[t], NULL) == 0);
            shm_array_close(mine);
            _exit(0);
        }
    for (int i = 0; i < PROCESSES; i++)
        CHECK(end_of(children[i]) == 0);
    double sum = 0;
    for (int row = 0; row < ROWS; row++)
        sum += doubles(array)[row];
    CHECK(sum > PROCESSES * THREADS * rounds / 2 && doubles(array)[ROWS] == sum);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
