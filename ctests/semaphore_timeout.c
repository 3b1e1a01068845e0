/* semaphore_timeout.c - a wait ends at its time, not before, whatever happens beside it and whoever is stopped. */
#include "objects.h"

static void nothing(int sig) { (void)sig; }

static void takes_its_time(shm_semaphore_t *semaphore)
{
    int64_t start = now_ns();
    RC(ETIMEDOUT, shm_semaphore_wait(semaphore, MILLISECONDS(130)));
    int64_t waited = now_ns() - start;
    CHECK(waited >= MILLISECONDS(130));
    CHECK(waited < SECONDS(10)); /* a machine may be busy; a wait that goes on for ever is found */
}

int main(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = nothing;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);

    shm_semaphore_t *signalling = new_semaphore(NULL, SHM_SEMAPHORE_SIGNALLING, 0);
    shm_semaphore_t *owned = new_semaphore(NULL, SHM_SEMAPHORE_OWNED, 1);
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t stopped = fork();
    if (stopped == 0) {
        OK(shm_semaphore_wait(owned, 0));
        tell(ready);
        stay();
    }
    hear(ready);
    CHECK(kill(stopped, SIGSTOP) == 0);
    takes_its_time(signalling);
    takes_its_time(owned); /* a stopped holder is not dead */
    SAYS("all 1 permits are taken");

    /* Signals do not end it. */
    pid_t main_process = getpid(), noise = fork();
    if (noise == 0) {
        for (;;) {
            kill(main_process, SIGUSR1);
            sleep_ms(3);
        }
    }
    takes_its_time(signalling);
    takes_its_time(owned);
    CHECK(killed(noise) == -SIGKILL);

    CHECK(killed(stopped) == -SIGKILL);
    OK(shm_semaphore_wait(owned, SECONDS(5)));
    shm_semaphore_close(owned);
    shm_semaphore_close(signalling);
    return 0;
}
