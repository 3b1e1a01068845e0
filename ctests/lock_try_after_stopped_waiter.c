/* lock_try_after_stopped_waiter.c - who only tries gets a free lock, although one who is next for it was stopped. */
#include "given.h"

enum { NEXT = -4096 + 8 }; /* from the file's end; docs/format.md */

/* Whether somebody who has slept is next. */
static int has_next(int file, off_t length)
{
    uint32_t next = 0;
    CHECK(pread(file, &next, sizeof next, length + NEXT) == sizeof next);
    return next != 0;
}

int main(void)
{
    char name[64];
    struct stat facts;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    int file = open(path_of(name), O_RDONLY | O_CLOEXEC), status;
    CHECK(fstat(file, &facts) == 0);
    const int64_t patience[] = {0, MILLISECONDS(1)};
    for (int round = 0; round < 2; round++) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        pid_t waiter = fork();
        if (waiter == 0) {
            OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
            OK(shm_array_unlock(array));
            _exit(0);
        }
        while (!has_next(file, facts.st_size))
            sched_yield();
        CHECK(kill(waiter, SIGSTOP) == 0 && waitpid(waiter, &status, WUNTRACED) == waiter && WIFSTOPPED(status));
        OK(shm_array_unlock(array));
        int code;
        while ((code = shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, patience[round])) != 0)
            CHECK(code == (round == 0 ? EBUSY : ETIMEDOUT));
        OK(shm_array_unlock(array));
        CHECK(kill(waiter, SIGCONT) == 0 && end_of(waiter) == 0);
    }
    CHECK(close(file) == 0);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
