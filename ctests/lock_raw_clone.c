/* lock_raw_clone.c - a child made by the bare clone(2), behind the C library's back, holds nothing either. */
#include "given.h"
#include <sys/syscall.h>

static pid_t raw_clone(void)
{
    pid_t child = (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        check_child(); /* no fork handler has done it */
    return child;
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
    pid_t child = raw_clone();
    if (child == 0) {
        RC(EPERM, shm_array_unlock(array));
        RC(EPERM, shm_array_recover(array));
        RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        shm_array_close(array);
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        RC(EBUSY, shm_array_lock(mine, SHM_ARRAY_EXCLUSIVE, 0));
        shm_array_close(mine);
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));

    /* It is a process like others: what it locks is its own, and its death is reported. */
    child = raw_clone();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
        kill((pid_t)syscall(SYS_getpid), SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));

    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
