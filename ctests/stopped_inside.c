/* stopped_inside.c - beside a process stopped in the middle of a call waits end, and what is given back counts.
 *
 * Where the process is stopped is left to chance; death's freezing pass stops it at every instruction. */
#include "objects.h"

enum { PERMITS = 3, ROUNDS = 60, MORE_ROUNDS = 600 };

/* Take and give, come and leave, until the end. */
static void bustle(const shm_semaphore_t *semaphore, const shm_barrier_t *barrier)
{
    for (;;) {
        int code = shm_semaphore_wait(semaphore, 0);
        CHECK(code == 0 || code == EBUSY);
        if (code == 0)
            OK(shm_semaphore_post(semaphore, 1));
        RC(EBUSY, shm_barrier_wait(barrier, 0, NULL));
    }
}

int main(void)
{
    shm_semaphore_t *semaphore = new_semaphore(NULL, SHM_SEMAPHORE_OWNED, PERMITS);
    shm_barrier_t *barrier = new_barrier(NULL, 5);
    OK(shm_barrier_join(barrier));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        bustle(semaphore, barrier);

    int inside = 0;
    for (int round = 0; round < ROUNDS || (inside == 0 && round < MORE_ROUNDS); round++) {
        OK(shm_semaphore_wait(semaphore, SECONDS(20)));
        sleep_ms(1);
        int status;
        CHECK(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));

        int64_t timeout = round % 2 ? MILLISECONDS(8) : 0;
        int expired = round % 2 ? ETIMEDOUT : EBUSY;
        OK(shm_semaphore_post(semaphore, 1));
        int code = shm_semaphore_wait(semaphore, timeout);
        CHECK(code == 0 || code == expired);
        if (code == 0)
            OK(shm_semaphore_post(semaphore, 1));
        inside += code != 0;
        RC(expired, shm_barrier_wait(barrier, timeout, NULL));
        CHECK(kill(child, SIGCONT) == 0);
    }

    CHECK(killed(child) == -SIGKILL);
    for (int i = 0; i < PERMITS; i++)
        OK(shm_semaphore_wait(semaphore, 0));
    RC(EBUSY, shm_semaphore_wait(semaphore, 0));
    OK(shm_semaphore_post(semaphore, PERMITS));
    CHECK(value_of(semaphore) == PERMITS);

    RC(EOWNERDEAD, shm_barrier_wait(barrier, SECONDS(20), NULL));
    OK(shm_barrier_reset(barrier));
    RC(EBUSY, shm_barrier_wait(barrier, 0, NULL));
    CHECK(barrier_stat_of(barrier).arrived == 0);

    shm_semaphore_close(semaphore);
    shm_barrier_close(barrier);
    return 0;
}
