/* condition_died.c - waiters lose no notification with one that is killed, and learn of a holder that is. */
#include "given.h"

static const uint32_t X = SHM_ARRAY_EXCLUSIVE;

/* Waits until element 0 is what it shall be, and says so. */
static pid_t waiter(const char *name, double wanted, const int ready[2], const int done[2])
{
    pid_t child = fork();
    if (child == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        OK(shm_array_lock(mine, X, FOREVER));
        tell(ready);
        while (doubles(mine)[0] < wanted) {
            int code = shm_array_condition_wait(mine, 5, FOREVER);
            CHECK(code == 0 || code == EOWNERDEAD);
        }
        tell(done);
        shm_array_close(mine);
        _exit(0);
    }
    hear(ready);
    return child;
}

static void set(shm_array_t *array, double value)
{
    OK(shm_array_lock(array, X, FOREVER));
    doubles(array)[0] = value;
    OK(shm_array_unlock(array));
}

int main(void)
{
    char name[64];
    int ready[2], done[2];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    CHECK(pipe(ready) == 0 && pipe(done) == 0);

    /* The first sleeper is the one that the kernel wakes; stopped, it cannot act on it, and is killed. */
    pid_t first = waiter(name, 1, ready, done);
    usleep(100000);
    pid_t second = waiter(name, 1, ready, done);
    usleep(100000);
    CHECK(kill(first, SIGSTOP) == 0);
    set(array, 1);
    OK(shm_array_condition_notify(array, 5, 1));
    hear(done); /* from the second */
    CHECK(kill(first, SIGKILL) == 0 && end_of(first) == -SIGKILL && end_of(second) == 0);

    /* One that sleeps is killed: the next notification of one reaches the other. */
    first = waiter(name, 2, ready, done);
    second = waiter(name, 2, ready, done);
    usleep(100000);
    CHECK(kill(first, SIGKILL) == 0 && end_of(first) == -SIGKILL);
    set(array, 2);
    OK(shm_array_condition_notify(array, 5, 1));
    hear(done);
    CHECK(end_of(second) == 0);

    /* A holder dies without notifying: the waiter is told, and may recover. */
    first = fork();
    if (first == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        OK(shm_array_lock(mine, X, FOREVER));
        tell(ready);
        RC(EOWNERDEAD, shm_array_condition_wait(mine, 5, FOREVER));
        RC(EOWNERDEAD, shm_array_condition_wait(mine, 5, FOREVER)); /* until it recovers */
        OK(shm_array_recover(mine));
        RC(ETIMEDOUT, shm_array_condition_wait(mine, 6, MILLISECONDS(50)));
        shm_array_close(mine);
        _exit(0);
    }
    hear(ready);
    second = fork();
    if (second == 0) {
        OK(shm_array_lock(array, X, FOREVER));
        raise(SIGKILL);
    }
    CHECK(end_of(second) == -SIGKILL && end_of(first) == 0);

    /* Whoever recovers calls all who wait. */
    first = waiter(name, 3, ready, done);
    second = fork();
    if (second == 0) {
        OK(shm_array_lock(array, X, FOREVER));
        doubles(array)[0] = 3;
        raise(SIGKILL);
    }
    CHECK(end_of(second) == -SIGKILL);
    int code = shm_array_lock(array, X, FOREVER);
    CHECK(code == EOWNERDEAD);
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    hear(done);
    CHECK(end_of(first) == 0);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
