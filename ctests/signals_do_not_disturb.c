/* signals_do_not_disturb.c - a shower of signals neither ends a wait early nor keeps a creation from its end. */
#include "given.h"
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t signals;
static void count(int sig) { (void)sig; signals = signals + 1; }

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECONDS(1) + time.tv_nsec;
}

int main(void)
{
    char name[64], big[64];
    int ready[2], go[2];
    struct sigaction action;
    memset(&action, 0, sizeof action); /* without SA_RESTART: every system call is interrupted */
    action.sa_handler = count;
    CHECK(sigaction(SIGPROF, &action, NULL) == 0 && pipe(ready) == 0 && pipe(go) == 0);

    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        tell(ready);
        hear(go);
        usleep(200000);
        OK(shm_array_unlock(array));
        _exit(0);
    }
    hear(ready);
    timer_t timer;
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGPROF;
    struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &every, NULL) == 0);

    do { /* on a busy machine one signal stands for many */
        int64_t begin = now();
        RC(ETIMEDOUT, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, MILLISECONDS(100)));
        CHECK(now() - begin >= MILLISECONDS(100));
    } while (signals < 50);
    tell(go);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
    OK(shm_array_unlock(array));

    /* 256 MiB take longer to reserve than the time between two signals. */
    uint64_t shape[] = {slowly() ? UINT64_C(1) << 20 : UINT64_C(32) << 20};
    shm_array_t *large = NULL;
    OK(shm_array_create(unique_name(big, sizeof big), "<f8", 1, shape, NULL, &large));
    shm_array_close(large);
    OK(shm_array_unlink(big));
    CHECK(timer_delete(timer) == 0);
    int status;
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
