/* array_wait.c - who waits for a write is woken by the next unlock, whoever it may be, and by no other thing. */
#include "objects.h"

static void write_once(shm_array_t *array)
{
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_unlock(array));
}

int main(void)
{
    char name[64];
    uint64_t generation = 77;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    RC(EBUSY, shm_array_wait(array, 0, 0, &generation));
    SAYS("since generation 0");
    int64_t start = now_ns();
    RC(ETIMEDOUT, shm_array_wait(array, 0, MILLISECONDS(60), &generation));
    CHECK(now_ns() - start >= MILLISECONDS(60) && generation == 77);
    OK(shm_array_lock(array, SHM_ARRAY_SHARED, 0)); /* readers publish nothing */
    OK(shm_array_unlock(array));
    RC(EBUSY, shm_array_wait(array, 0, 0, NULL));
    write_once(array);
    OK(shm_array_wait(array, 0, FOREVER, &generation));
    CHECK(generation == 1);
    OK(shm_array_wait(array, 77, FOREVER, NULL)); /* another is another */

    /* Two processes take turns, as fast as they can: no wake-up is lost. A machine may be too busy for all rounds. */
    const uint64_t most = slowly() ? 100 : 5000;
    double *last = doubles(array);
    pid_t child = fork();
    if (child == 0) {
        int is_last = 0;
        for (uint64_t i = 0; !is_last; i++) {
            OK(shm_array_wait(array, 2 * i + 1, SECONDS(20), NULL));
            is_last = *last != 0;
            if (i % 64 == 0)
                sleep_ms(1);
            write_once(array);
        }
        _exit(0);
    }
    start = now_ns();
    int64_t idle = start - busy_ns(getpid()), rounds = 0;
    while (*last == 0) {
        *last = ++rounds == (int64_t)most || now_ns() - start > SECONDS(5);
        write_once(array);
        OK(shm_array_wait(array, 2 * (uint64_t)rounds, SECONDS(20), &generation));
        CHECK(generation == 2 * (uint64_t)rounds + 1);
    }
    idle = now_ns() - busy_ns(getpid()) - busy_ns(child) - idle;
    CHECK(slowly() || idle < SECONDS(2) + rounds * MILLISECONDS(1) / 10); /* each lost wake-up costs 20 ms */
    CHECK(end_of(child) == 0);

    /* One that dies inside has published nothing. */
    child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    RC(ETIMEDOUT, shm_array_wait(array, generation, MILLISECONDS(50), NULL));

    RC(EINVAL, shm_array_wait(NULL, 0, 0, NULL));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
