/* range_first_come.c - overlapping ranges are served in the order in which they came; none starves, nor the whole. */
#include "given.h"

enum { WAITERS = 6, CONTENDERS = 4 };

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

int main(void)
{
    char name[64];
    pid_t children[WAITERS];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100);
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
        usleep(100000); /* by now it has its ticket */
    }
    OK(shm_array_unlock_range(array, 0, 20));
    for (int i = 0; i < WAITERS; i++)
        CHECK(end_of(children[i]) == 0);
    for (int i = 0; i < WAITERS; i++)
        CHECK(order[60 + i] == i);

    for (int i = 0; i < CONTENDERS; i++)
        if ((children[i] = fork()) == 0)
            stream(name, i);
    const uint32_t modes[] = {SHM_ARRAY_SHARED, SHM_ARRAY_EXCLUSIVE};
    for (int n = 0; n < 20; n++) { /* a hang would be starvation */
        OK(shm_array_lock(array, modes[n % 2], FOREVER));
        OK(shm_array_unlock(array));
    }
    double before[CONTENDERS], sum = 0;
    memcpy(before, order + 50, sizeof before);
    sleep(1);
    for (int i = 0; i < CONTENDERS; i++)
        sum += order[50 + i] - before[i];
    for (int i = 0; i < CONTENDERS; i++)
        CHECK(order[50 + i] - before[i] >= sum / CONTENDERS / 2);
    CHECK(sum > 100);
    for (int i = 0; i < CONTENDERS; i++)
        CHECK(kill(children[i], SIGKILL) == 0 && end_of(children[i]) == -SIGKILL);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
