/* lock_shared.c - many hold the lock shared at a time, and keep out who wants it alone; and the other way round. */
#include "given.h"

static int in_another_process(const char *name, uint32_t mode)
{
    pid_t child = fork();
    if (child == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        int code = shm_array_lock(mine, mode, 0);
        if (code == 0)
            OK(shm_array_unlock(mine));
        shm_array_close(mine);
        _exit(code);
    }
    return end_of(child);
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4), *second = opened(name, SHM_ARRAY_WRITE);

    OK(shm_array_lock(array, SHM_ARRAY_SHARED, 0));
    CHECK(in_another_process(name, SHM_ARRAY_SHARED) == 0);
    CHECK(in_another_process(name, SHM_ARRAY_EXCLUSIVE) == EBUSY);
    OK(shm_array_lock(second, SHM_ARRAY_SHARED, 0));
    OK(shm_array_lock(second, SHM_ARRAY_SHARED, 0));
    OK(shm_array_unlock(array));
    CHECK(in_another_process(name, SHM_ARRAY_EXCLUSIVE) == EBUSY);
    OK(shm_array_unlock(second));
    CHECK(in_another_process(name, SHM_ARRAY_EXCLUSIVE) == EBUSY);
    OK(shm_array_unlock(second));
    CHECK(in_another_process(name, SHM_ARRAY_EXCLUSIVE) == 0);

    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    CHECK(in_another_process(name, SHM_ARRAY_SHARED) == EBUSY);
    CHECK(in_another_process(name, SHM_ARRAY_EXCLUSIVE) == EBUSY);
    /* The own process waits like any other. */
    RC(EBUSY, shm_array_lock(second, SHM_ARRAY_SHARED, 0));
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    RC(ETIMEDOUT, shm_array_lock(array, SHM_ARRAY_SHARED, MILLISECONDS(10)));
    OK(shm_array_unlock(array));
    CHECK(in_another_process(name, SHM_ARRAY_SHARED) == 0);

    shm_array_close(second);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
