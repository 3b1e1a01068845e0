/* semaphore_loses_nothing.c - threads and processes that post and wait as fast as they can lose no count and no wake-up. */
#include "objects.h"
#include <sys/mman.h>

enum { WORKERS = 3, ROUNDS = 20000 };
static shm_semaphore_t *there, *back;
static volatile int *over;

static void *echo(void *unused)
{
    for (;;) {
        OK(shm_semaphore_wait(there, SECONDS(20)));
        if (*over)
            return unused;
        OK(shm_semaphore_post(back, 1));
    }
}

int main(void)
{
    const int most = (slowly() ? ROUNDS / 100 : ROUNDS) * WORKERS / 2; /* a machine may be too busy for all of them */
    void *memory = mmap(NULL, sizeof *over, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    over = (volatile int *)memory;
    there = new_semaphore(NULL, SHM_SEMAPHORE_SIGNALLING, 0);
    back = new_semaphore(NULL, SHM_SEMAPHORE_SIGNALLING, 0);
    pid_t children[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            pthread_t threads[2];
            for (int t = 0; t < 2; t++)
                CHECK(pthread_create(&threads[t], NULL, echo, NULL) == 0);
            for (int t = 0; t < 2; t++)
                CHECK(pthread_join(threads[t], NULL) == 0);
            _exit(0);
        }
    }
    /* Several at a time, so that a wake-up may have to be passed on. */
    int64_t start = now_ns(), idle = start - busy_ns(getpid()), rounds = 0;
    for (; rounds < most && now_ns() - start < SECONDS(5); rounds++) {
        if (rounds % 64 == 0)
            sleep_ms(1); /* now and then all others sleep */
        OK(shm_semaphore_post(there, 4));
        for (int j = 0; j < 4; j++)
            OK(shm_semaphore_wait(back, SECONDS(20)));
    }
    idle = now_ns() - busy_ns(getpid()) - idle;
    for (int i = 0; i < WORKERS; i++)
        idle -= busy_ns(children[i]);
    CHECK(slowly() || idle < SECONDS(2) + rounds * MILLISECONDS(1) / 10); /* each lost wake-up costs 20 ms */
    *over = 1;
    OK(shm_semaphore_post(there, 2 * WORKERS));
    for (int i = 0; i < WORKERS; i++)
        CHECK(end_of(children[i]) == 0);
    CHECK(value_of(there) == 0 && value_of(back) == 0);
    shm_semaphore_close(there);
    shm_semaphore_close(back);
    return 0;
}
