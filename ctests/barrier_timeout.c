/* barrier_timeout.c - who does not want to wait any longer counts as not come; a reset sends all away. */
#include "objects.h"

static void *comes(void *barrier)
{
    OK(shm_barrier_wait((shm_barrier_t *)barrier, SECONDS(20), NULL));
    return NULL;
}

static void *is_sent_away(void *barrier)
{
    RC(ECANCELED, shm_barrier_wait((shm_barrier_t *)barrier, SECONDS(20), NULL));
    SAYS("was reset");
    return NULL;
}

static void await_arrivals(const shm_barrier_t *barrier, uint32_t count)
{
    while (barrier_stat_of(barrier).arrived != count)
        sleep_ms(1);
}

int main(void)
{
    shm_barrier_t *barrier = new_barrier(NULL, 3);
    RC(EBUSY, shm_barrier_wait(barrier, 0, NULL));
    SAYS("1 of 3 participants");
    for (int i = 0; i < 4; i++) { /* four that go again are none that came */
        int64_t start = now_ns();
        RC(ETIMEDOUT, shm_barrier_wait(barrier, MILLISECONDS(45), NULL));
        CHECK(now_ns() - start >= MILLISECONDS(45));
    }
    CHECK(barrier_stat_of(barrier).arrived == 0);

    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, comes, barrier) == 0);
    await_arrivals(barrier, 2);
    uint32_t index = 77;
    OK(shm_barrier_wait(barrier, 0, &index)); /* the last one need not wait */
    CHECK(index == 2);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++)
            CHECK(pthread_create(&threads[i], NULL, is_sent_away, barrier) == 0);
        await_arrivals(barrier, 2);
        OK(shm_barrier_reset(barrier));
        for (int i = 0; i < 2; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(barrier_stat_of(barrier).arrived == 0 && barrier_stat_of(barrier).broken == 0);
    }
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, comes, barrier) == 0);
    await_arrivals(barrier, 2);
    OK(shm_barrier_wait(barrier, SECONDS(5), NULL));
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);

    /* A stopped participant is not dead: those who wait for it wait until their time. */
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t stopped = fork();
    if (stopped == 0) {
        OK(shm_barrier_join(barrier));
        tell(ready);
        stay();
    }
    hear(ready);
    CHECK(kill(stopped, SIGSTOP) == 0);
    int64_t start = now_ns();
    RC(ETIMEDOUT, shm_barrier_wait(barrier, MILLISECONDS(120), NULL));
    CHECK(now_ns() - start >= MILLISECONDS(120) && now_ns() - start < SECONDS(10));
    CHECK(killed(stopped) == -SIGKILL);
    RC(EOWNERDEAD, shm_barrier_wait(barrier, SECONDS(5), NULL));
    shm_barrier_close(barrier);
    return 0;
}
