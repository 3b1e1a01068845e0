/* barrier_meets.c - nobody goes on before all have come, processes and threads, meeting after meeting. */
#include "objects.h"
#include <sys/mman.h>

enum { PROCESSES = 3, THREADS = 2, ALL = PROCESSES * THREADS };
static shm_barrier_t *barrier;
static struct { volatile int come, last; } *seen; /* for each meeting */
static int meetings;

static void *take_part(void *unused)
{
    for (int i = 0; i < meetings; i++) {
        uint32_t index = 77;
        __atomic_add_fetch(&seen[i].come, 1, __ATOMIC_SEQ_CST);
        OK(shm_barrier_wait(barrier, SECONDS(20), &index));
        CHECK(seen[i].come == ALL && index < ALL);
        if (index == ALL - 1)
            __atomic_add_fetch(&seen[i].last, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

int main(void)
{
    meetings = slowly() ? 20 : 1000;
    size_t bytes = sizeof *seen * (size_t)meetings;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    *(void **)&seen = memory;
    barrier = new_barrier(NULL, ALL);
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        CHECK(children[p] >= 0);
        if (children[p] == 0) {
            pthread_t threads[THREADS];
            for (int t = 0; t < THREADS; t++)
                CHECK(pthread_create(&threads[t], NULL, take_part, NULL) == 0);
            for (int t = 0; t < THREADS; t++)
                CHECK(pthread_join(threads[t], NULL) == 0);
            shm_barrier_close(barrier); /* leaves in good order: nobody is missed */
            _exit(0);
        }
    }
    for (int p = 0; p < PROCESSES; p++)
        CHECK(end_of(children[p]) == 0);
    for (int i = 0; i < meetings; i++)
        CHECK(seen[i].come == ALL && seen[i].last == 1);
    shm_barrier_stat_t figures = barrier_stat_of(barrier);
    CHECK(figures.phase == (uint64_t)meetings && figures.arrived == 0 && figures.members == 0 && figures.broken == 0);
    CHECK(figures.participants == ALL);
    shm_barrier_close(barrier);
    return 0;
}
