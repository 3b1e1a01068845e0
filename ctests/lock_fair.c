/* lock_fair.c - a writer passes a stream of readers, a reader one of writers; of four writers none goes short. */
#include "given.h"

enum { CONTENDERS = 4 };

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

static void stop(pid_t *children)
{
    for (int i = 0; i < CONTENDERS; i++)
        CHECK(kill(children[i], SIGKILL) == 0);
    for (int i = 0; i < CONTENDERS; i++)
        CHECK(end_of(children[i]) == -SIGKILL);
}

int main(void)
{
    char name[64];
    pid_t children[CONTENDERS];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), CONTENDERS);
    const uint32_t modes[] = {SHM_ARRAY_EXCLUSIVE, SHM_ARRAY_SHARED};
    for (int i = 0; i < 2; i++) {
        start(children, name, modes[i]);
        for (int n = 0; n < 20; n++) {
            OK(shm_array_lock(array, modes[1 - i], FOREVER)); /* a hang would be starvation */
            OK(shm_array_unlock(array));
        }
        stop(children);
        int code = shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER);
        CHECK(code == 0 || code == EOWNERDEAD);
        OK(shm_array_recover(array));
        memset(doubles(array), 0, CONTENDERS * sizeof(double));
        OK(shm_array_unlock(array));
    }

    start(children, name, SHM_ARRAY_EXCLUSIVE);
    sleep(1);
    double counts[CONTENDERS], sum = 0;
    memcpy(counts, doubles(array), sizeof counts);
    stop(children);
    for (int i = 0; i < CONTENDERS; i++)
        sum += counts[i];
    CHECK(sum > 100);
    for (int i = 0; i < CONTENDERS; i++)
        CHECK(counts[i] >= sum / CONTENDERS / 2);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
