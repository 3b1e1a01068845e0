/* semaphore_loses_nothing.c - threads and processes that post and wait as fast as they can lose no count and no wake-up. */
#include "objects.h"
#include <sys/mman.h>

enum { WORKERS = 3, ROUNDS = 20000 };
static shm_semaphore_t *there, *back;

static void *echo(void *rounds)
{
    for (int i = *(int *)rounds; i > 0; i--) {
        OK(shm_semaphore_wait(there, SECONDS(20)));
        OK(shm_semaphore_post(back, 1));
    }
    return NULL;
}

int main(void)
{
    int rounds = slowly() ? ROUNDS / 100 : ROUNDS;
    there = new_semaphore(NULL, SHM_SEMAPHORE_SIGNALLING, 0);
    back = new_semaphore(NULL, SHM_SEMAPHORE_SIGNALLING, 0);
    pid_t children[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            pthread_t threads[2];
            for (int t = 0; t < 2; t++)
                CHECK(pthread_create(&threads[t], NULL, echo, &rounds) == 0);
            for (int t = 0; t < 2; t++)
                CHECK(pthread_join(threads[t], NULL) == 0);
            _exit(0);
        }
    }
    /* Several at a time, so that a wake-up may have to be passed on. */
    int64_t start = now_ns();
    for (int i = 0; i < rounds * WORKERS * 2; i += 4) {
        OK(shm_semaphore_post(there, 4));
        for (int j = 0; j < 4; j++)
            OK(shm_semaphore_wait(back, SECONDS(20)));
    }
    /* If one wake-up in twenty were lost, each would cost 20 ms. */
    CHECK(slowly() || now_ns() - start < SECONDS(30));
    for (int i = 0; i < WORKERS; i++)
        CHECK(end_of(children[i]) == 0);
    CHECK(value_of(there) == 0 && value_of(back) == 0);
    shm_semaphore_close(there);
    shm_semaphore_close(back);
    return 0;
}
