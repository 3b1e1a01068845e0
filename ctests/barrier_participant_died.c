/* barrier_participant_died.c - a participant that dies is not waited for: all others are told, until a reset. */
#include "objects.h"

enum { OTHERS = 2 };
static int reported[2], gate[2];

/* A participant that meets once, goes on when it hears so, and then is told of a death. */
static pid_t participant(shm_barrier_t *barrier)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        OK(shm_barrier_wait(barrier, SECONDS(10), NULL));
        hear(gate);
        RC(EOWNERDEAD, shm_barrier_wait(barrier, SECONDS(10), NULL));
        SAYS("has died");
        int64_t told = now_ns();
        CHECK(write(reported[1], &told, sizeof told) == sizeof told);
        shm_barrier_close(barrier);
        _exit(0);
    }
    return child;
}

static void await_arrivals(const shm_barrier_t *barrier, uint64_t phase, uint32_t count)
{
    int64_t patience = now_ns() + SECONDS(10);
    for (;;) {
        shm_barrier_stat_t figures = barrier_stat_of(barrier);
        if (figures.phase == phase && figures.arrived == count)
            return;
        CHECK(now_ns() < patience);
        sleep_ms(1);
    }
}

int main(void)
{
    char name[64];
    shm_barrier_t *barrier = new_barrier(unique_name(name, sizeof name), OTHERS + 1);
    CHECK(pipe(reported) == 0 && pipe(gate) == 0);
    int in_time[2] = {0, 0}; /* a busy machine may spoil some rounds */
    for (int round = 0; round < 4 || ((!in_time[0] || !in_time[1]) && round < 12); round++) {
        int dies_waiting = round % 2, late = 0;
        uint64_t phase = barrier_stat_of(barrier).phase;
        pid_t others[OTHERS], victim = fork();
        if (victim == 0) {
            OK(shm_barrier_wait(barrier, SECONDS(10), NULL));
            if (dies_waiting)
                shm_barrier_wait(barrier, FOREVER, NULL);
            stay();
        }
        for (int i = 0; i < OTHERS; i++)
            others[i] = participant(barrier);
        if (!dies_waiting)
            tell(gate), tell(gate);
        await_arrivals(barrier, phase + 1, dies_waiting ? 1 : OTHERS);
        int64_t death = now_ns(), told;
        CHECK(killed(victim) == -SIGKILL);
        if (dies_waiting)
            tell(gate), tell(gate);
        for (int i = 0; i < OTHERS; i++) {
            CHECK(read(reported[0], &told, sizeof told) == sizeof told);
            late += told - death >= SECONDS(2);
        }
        in_time[dies_waiting] |= !late;
        for (int i = 0; i < OTHERS; i++)
            CHECK(end_of(others[i]) == 0);

        /* Who comes later is told as well, at once, until a reset. */
        CHECK(barrier_stat_of(barrier).broken == 1);
        RC(EOWNERDEAD, shm_barrier_wait(barrier, FOREVER, NULL));
        SAYS("shm_barrier_reset");
        OK(shm_barrier_reset(barrier));
        CHECK(barrier_stat_of(barrier).broken == 0 && barrier_stat_of(barrier).members == 1);
        shm_barrier_close(barrier); /* we do not take part in what follows */
        OK(shm_barrier_open(name, SHM_OBJECT_WRITE, &barrier));
    }

    CHECK(in_time[0] && in_time[1]);

    /* One that has only joined is known, too. */
    pid_t joined = fork();
    if (joined == 0) {
        OK(shm_barrier_join(barrier));
        raise(SIGKILL);
    }
    CHECK(end_of(joined) == -SIGKILL);
    RC(EOWNERDEAD, shm_barrier_wait(barrier, SECONDS(10), NULL));
    shm_barrier_close(barrier);
    OK(shm_barrier_unlink(name));
    return 0;
}
