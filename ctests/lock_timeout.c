/* lock_timeout.c - 0 only tries (EBUSY), a time is waited to its end (ETIMEDOUT), and the error names the holder. */
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
    char name[64], holder[32];
    int ready[2];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    CHECK(pipe(ready) == 0);
    const uint32_t modes[] = {SHM_ARRAY_EXCLUSIVE, SHM_ARRAY_SHARED};
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            OK(shm_array_lock(array, modes[i], FOREVER));
            tell(ready);
            pause();
        }
        hear(ready);
        snprintf(holder, sizeof holder, "%d", (int)child);
        RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        SAYS(holder);
        int64_t begin = now();
        RC(ETIMEDOUT, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, MILLISECONDS(50)));
        CHECK(now() - begin >= MILLISECONDS(50));
        SAYS(holder);
        if (modes[i] == SHM_ARRAY_EXCLUSIVE) {
            RC(EBUSY, shm_array_lock(array, SHM_ARRAY_SHARED, 0));
            SAYS(holder);
            RC(ETIMEDOUT, shm_array_lock(array, SHM_ARRAY_SHARED, MILLISECONDS(50)));
        }
        RC(ETIMEDOUT, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 1));
        RC(EPERM, shm_array_unlock(array)); /* a timeout has locked nothing */
        CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
        int code = shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, INT64_MAX); /* 292 years */
        CHECK(code == (modes[i] == SHM_ARRAY_EXCLUSIVE ? EOWNERDEAD : 0));
        OK(shm_array_recover(array));
        OK(shm_array_unlock(array));
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, INT64_MIN)); /* any negative time is for ever */
        OK(shm_array_unlock(array));
    }
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
