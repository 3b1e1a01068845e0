/* range_excludes.c - ranges that overlap exclude each other unless both are shared; ranges apart do not. */
#include "given.h"

/* How another process fares that only tries. */
static int attempt(const char *name, uint64_t first, uint64_t rows, uint32_t mode)
{
    pid_t child = fork();
    if (child == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        int code = rows ? shm_array_lock_range(mine, first, rows, mode, 0) : shm_array_lock(mine, mode, 0);
        if (code == 0 && rows)
            OK(shm_array_unlock_range(mine, first, rows));
        shm_array_close(mine);
        _exit(code);
    }
    return end_of(child);
}

int main(void)
{
    char name[64];
    const uint32_t X = SHM_ARRAY_EXCLUSIVE, S = SHM_ARRAY_SHARED;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100);

    OK(shm_array_lock_range(array, 10, 10, X, 0));
    CHECK(attempt(name, 10, 10, X) == EBUSY && attempt(name, 19, 1, X) == EBUSY && attempt(name, 0, 11, X) == EBUSY);
    CHECK(attempt(name, 12, 2, S) == EBUSY && attempt(name, 0, 100, S) == EBUSY);
    CHECK(attempt(name, 0, 10, X) == 0 && attempt(name, 20, 80, X) == 0 && attempt(name, 20, 80, S) == 0);
    CHECK(attempt(name, 0, 0, X) == EBUSY && attempt(name, 0, 0, S) == EBUSY); /* the whole array */
    OK(shm_array_unlock_range(array, 10, 10));
    CHECK(attempt(name, 10, 10, X) == 0 && attempt(name, 0, 0, X) == 0 && attempt(name, 0, 0, S) == 0);

    OK(shm_array_lock_range(array, 10, 10, S, 0));
    CHECK(attempt(name, 10, 10, X) == EBUSY && attempt(name, 0, 0, X) == EBUSY);
    CHECK(attempt(name, 10, 10, S) == 0 && attempt(name, 5, 50, S) == 0 && attempt(name, 0, 0, S) == 0);
    OK(shm_array_unlock_range(array, 10, 10));

    OK(shm_array_lock(array, X, 0));
    CHECK(attempt(name, 0, 1, X) == EBUSY && attempt(name, 0, 1, S) == EBUSY);
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, S, 0));
    CHECK(attempt(name, 0, 1, X) == EBUSY && attempt(name, 0, 1, S) == 0);
    OK(shm_array_unlock(array));
    CHECK(attempt(name, 0, 100, X) == 0);

    /* The same inside one process. */
    OK(shm_array_lock_range(array, 0, 50, X, 0));
    RC(EBUSY, shm_array_lock_range(array, 49, 1, S, 0));
    SAYS("rows 0 to 49");
    OK(shm_array_lock_range(array, 50, 50, X, 0));
    OK(shm_array_unlock_range(array, 0, 50));
    OK(shm_array_unlock_range(array, 50, 50));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
