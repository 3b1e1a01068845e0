/* atomic_counters.c - processes that count and take work from one array lose nothing and get nothing twice. */
#include "given.h"

enum { PROCESSES = 4, ROUNDS = 20000 };

int main(void)
{
    char name[64];
    const int rounds = slowly() ? ROUNDS / 20 : ROUNDS;
    const uint64_t tasks = (uint64_t)PROCESSES * rounds;
    shm_array_t *counters = NULL, *taken = NULL, *sums = NULL;
    uint64_t four = 4;
    OK(shm_array_create(unique_name(name, sizeof name), "<u8", 1, &four, NULL, &counters));
    OK(shm_array_create(NULL, "|u1", 1, &tasks, NULL, &taken));
    OK(shm_array_create(NULL, "<f4", 0, NULL, NULL, &sums));

    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        if (children[p] != 0)
            continue;
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        int64_t next = 0, bits = 1, extreme = 2, tried = 3;
        for (int round = 0; round < rounds; round++) {
            uint64_t one = 1, task = 0;
            OK(shm_array_atomic_fetch_add(mine, 1, &next, sizeof one, &one, &task));
            int64_t index = (int64_t)task;
            uint8_t mark = 1, before = 99;
            OK(shm_array_atomic_fetch_add(taken, 1, &index, 1, &mark, &before));
            CHECK(before == 0);
            OK(shm_array_atomic_fetch_max(mine, 1, &extreme, sizeof task, &task, NULL));
            uint64_t bit = (uint64_t)1 << (task % 64);
            OK(shm_array_atomic_fetch_or(mine, 1, &bits, sizeof bit, &bit, NULL));
            float half = 0.5f;
            OK(shm_array_atomic_fetch_add(sums, 0, NULL, sizeof half, &half, NULL));
            /* A compare and exchange of one's own making. */
            uint64_t expected = 0;
            OK(shm_array_atomic_load(mine, 1, &tried, sizeof expected, &expected));
            for (int done = 0; !done;) {
                uint64_t more = expected + 3;
                OK(shm_array_atomic_compare_exchange(mine, 1, &tried, sizeof more, &expected, &more, &done));
            }
        }
        shm_array_close(mine);
        _exit(0);
    }
    for (int p = 0; p < PROCESSES; p++)
        CHECK(end_of(children[p]) == 0);

    const uint64_t *counts = (const uint64_t *)view_of(counters).data;
    CHECK(counts[0] == tasks && counts[1] == UINT64_MAX && counts[2] == tasks - 1 && counts[3] == 3 * tasks);
    CHECK(*(const float *)view_of(sums).data == (float)tasks / 2);
    const uint8_t *marks = (const uint8_t *)view_of(taken).data;
    for (uint64_t task = 0; task < tasks; task++)
        CHECK(marks[task] == 1);
    shm_array_close(sums);
    shm_array_close(taken);
    shm_array_close(counters);
    OK(shm_array_unlink(name));
    return 0;
}
