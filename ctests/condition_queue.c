/* condition_queue.c - producers and consumers that wait for each other by conditions lose nothing, in any process. */
#include "given.h"

enum { ROOM, ITEMS, PRODUCERS = 2, CONSUMERS = 3, SIZE = 4 }; /* two conditions; elements 0 and 1: count, sum */
static int each = 600;

static void produce(const char *name)
{
    shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
    double *state = doubles(mine);
    for (int n = 1; n <= each; n++) {
        OK(shm_array_lock(mine, SHM_ARRAY_EXCLUSIVE, FOREVER));
        while (state[0] == SIZE)
            OK(shm_array_condition_wait(mine, ROOM, FOREVER));
        state[0] += 1;
        state[2] += n;
        OK(shm_array_unlock(mine));
        OK(shm_array_condition_notify(mine, ITEMS, 1)); /* afterwards is fine */
    }
    shm_array_close(mine);
    _exit(0);
}

static void consume(const char *name)
{
    shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
    double *state = doubles(mine);
    OK(shm_array_lock(mine, SHM_ARRAY_EXCLUSIVE, FOREVER));
    for (;;) {
        while (state[0] == 0 && state[3] == 0)
            OK(shm_array_condition_wait(mine, ITEMS, FOREVER));
        if (state[0] == 0)
            break;
        state[0] -= 1;
        state[1] += 1;
        OK(shm_array_condition_notify(mine, ROOM, 1)); /* and so is before */
    }
    shm_array_close(mine);
    _exit(0);
}

int main(void)
{
    char name[64];
    pid_t producers[PRODUCERS], consumers[CONSUMERS];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    each = slowly() ? 50 : each;
    for (int i = 0; i < CONSUMERS; i++)
        if ((consumers[i] = fork()) == 0)
            consume(name);
    for (int i = 0; i < PRODUCERS; i++)
        if ((producers[i] = fork()) == 0)
            produce(name);
    for (int i = 0; i < PRODUCERS; i++)
        CHECK(end_of(producers[i]) == 0);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
    doubles(array)[3] = 1;
    OK(shm_array_condition_notify(array, ITEMS, UINT32_MAX));
    OK(shm_array_unlock(array));
    for (int i = 0; i < CONSUMERS; i++)
        CHECK(end_of(consumers[i]) == 0);
    CHECK(doubles(array)[0] == 0 && doubles(array)[1] == PRODUCERS * each);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
