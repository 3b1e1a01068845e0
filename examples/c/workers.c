/* workers.c - four processes share out a thousand tasks, without a lock: each takes the next number. */
#include <shm_array.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NEXT, SUM, TASKS = 1000, WORKERS = 4 };

static int work(const shm_array_t *counters)
{
    const int64_t next = NEXT, sum = SUM;
    const uint64_t one = 1;
    for (uint64_t task;;) {
        if (shm_array_atomic_fetch_add(counters, 1, &next, sizeof task, &one, &task))
            return fprintf(stderr, "%s\n", shm_array_error_detail()), 1;
        if (task >= TASKS)
            return 0;
        uint64_t result = task * task;
        shm_array_atomic_fetch_add(counters, 1, &sum, sizeof result, &result, NULL);
    }
}

int main(void)
{
    const uint64_t two = 2;
    shm_array_t *counters;
    shm_array_view_t view = {.size = sizeof view};
    if (shm_array_create(NULL, "<u8", 1, &two, NULL, &counters) || shm_array_view(counters, &view))
        return fprintf(stderr, "%s\n", shm_array_error_detail()), 1;
    for (int worker = 0; worker < WORKERS; worker++)
        if (fork() == 0)
            _exit(work(counters));
    int failed = 0;
    for (int status; wait(&status) > 0;)
        failed |= status;
    printf("the squares below %d add up to %llu\n", TASKS, (unsigned long long)((const uint64_t *)view.data)[SUM]);
    shm_array_close(counters);
    return failed != 0;
}
