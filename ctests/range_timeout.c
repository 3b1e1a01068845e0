/* range_timeout.c - a range is waited for to the end of the time and not longer, also behind a holder that is stopped. */
#include "given.h"
#include <time.h>

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECONDS(1) + time.tv_nsec;
}

int main(void)
{
    char name[64], holder[64];
    int ready[2];
    const uint32_t X = SHM_ARRAY_EXCLUSIVE, S = SHM_ARRAY_SHARED;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100);
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock_range(array, 10, 10, X, FOREVER));
        tell(ready);
        for (;;)
            pause();
    }
    hear(ready);
    CHECK(kill(child, SIGSTOP) == 0);
    snprintf(holder, sizeof holder, "process %d holds rows 10 to 19 exclusively", (int)child);
    RC(EBUSY, shm_array_lock_range(array, 15, 10, S, 0));
    SAYS(holder);
    for (int i = 0; i < 4; i++) {
        int64_t begin = now();
        if (i < 2)
            RC(ETIMEDOUT, shm_array_lock_range(array, 15, 10, i ? S : X, MILLISECONDS(100)));
        else
            RC(ETIMEDOUT, shm_array_lock(array, i == 2 ? S : X, MILLISECONDS(100)));
        int64_t waited = now() - begin;
        CHECK(waited >= MILLISECONDS(100) && waited < SECONDS(5)); /* 50 ms late at most, where nothing else runs */
    }
    RC(EPERM, shm_array_unlock_range(array, 15, 10)); /* a timeout has locked nothing */
    OK(shm_array_lock_range(array, 20, 10, X, SECONDS(5))); /* and stands in nobody's way */
    OK(shm_array_unlock_range(array, 20, 10));
    RC(ETIMEDOUT, shm_array_lock_range(array, 15, 10, X, 1));
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
    RC(EOWNERDEAD, shm_array_lock_range(array, 15, 10, X, INT64_MAX));
    OK(shm_array_unlock_range(array, 15, 10));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
