/* range_owner_died.c - who locks rows of a writer that died is told until they are recovered; nobody else is told. */
#include "given.h"

static const uint32_t X = SHM_ARRAY_EXCLUSIVE, S = SHM_ARRAY_SHARED;

static void die_holding(const char *name, uint64_t first, uint64_t rows, uint32_t mode)
{
    pid_t child = fork();
    if (child == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        int code = shm_array_lock_range(mine, first, rows, mode, SECONDS(5));
        CHECK(code == 0 || code == EOWNERDEAD);
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
}

static void finds(shm_array_t *array, int code, uint64_t first, uint64_t rows, uint32_t mode)
{
    RC(code, shm_array_lock_range(array, first, rows, mode, 0)); /* trying is enough: nobody waits for the dead */
    OK(shm_array_unlock_range(array, first, rows));
}

int main(void)
{
    char name[64];
    uint64_t before, after;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100);
    OK(shm_array_generation(array, &before));
    die_holding(name, 10, 10, X);

    finds(array, 0, 0, 10, X);
    finds(array, 0, 20, 80, S);
    finds(array, EOWNERDEAD, 10, 10, X);
    finds(array, EOWNERDEAD, 19, 5, S);
    finds(array, EOWNERDEAD, 0, 100, X);
    CHECK(stat_of(array).inconsistent == 1);
    RC(EOWNERDEAD, shm_array_lock(array, S, 0)); /* the whole array contains them */
    OK(shm_array_unlock(array));
    RC(EOWNERDEAD, shm_array_lock(array, X, 0));
    OK(shm_array_unlock(array));

    /* Who may recover: a handle with an exclusive range over all of the rows. */
    RC(EPERM, shm_array_recover_range(array, 10, 10));
    RC(EOWNERDEAD, shm_array_lock_range(array, 10, 10, S, 0));
    RC(EPERM, shm_array_recover_range(array, 10, 10));
    OK(shm_array_unlock_range(array, 10, 10));
    RC(EOWNERDEAD, shm_array_lock_range(array, 12, 3, X, 0));
    RC(EPERM, shm_array_recover_range(array, 12, 4));
    OK(shm_array_recover_range(array, 12, 3)); /* from the middle */
    OK(shm_array_unlock_range(array, 12, 3));
    finds(array, 0, 12, 3, X);
    finds(array, EOWNERDEAD, 11, 1, X);
    finds(array, EOWNERDEAD, 15, 1, X);
    RC(EOWNERDEAD, shm_array_lock_range(array, 0, 14, X, 0));
    OK(shm_array_recover_range(array, 5, 6)); /* 10 */
    OK(shm_array_unlock_range(array, 0, 14));
    finds(array, 0, 10, 1, X);
    finds(array, EOWNERDEAD, 11, 1, X);
    RC(EOWNERDEAD, shm_array_lock_range(array, 0, 100, X, 0));
    OK(shm_array_recover_range(array, 0, 100));
    OK(shm_array_unlock_range(array, 0, 100));
    finds(array, 0, 0, 100, X);
    OK(shm_array_lock(array, S, 0));
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, X, 0));
    OK(shm_array_unlock(array));
    CHECK(stat_of(array).inconsistent == 0);

    /* Who only read leaves nothing to be told of. */
    die_holding(name, 10, 10, S);
    finds(array, 0, 10, 10, X);
    die_holding(name, 10, 10, S);
    OK(shm_array_lock(array, X, 0));
    OK(shm_array_unlock(array));

    /* Recovering the whole array recovers its ranges. Whoever dies at the same rows again and again fills no table. */
    for (int n = 0; n < (slowly() ? 3 : 300); n++)
        die_holding(name, 10 + n % 3, 10, X);
    RC(EOWNERDEAD, shm_array_lock(array, X, 0));
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    finds(array, 0, 0, 100, X);

    /* A writer of the whole array that dies leaves every range in doubt. */
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, X, FOREVER));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    finds(array, EOWNERDEAD, 3, 1, S);
    RC(EOWNERDEAD, shm_array_lock(array, X, 0));
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    finds(array, 0, 3, 1, S);
    OK(shm_array_generation(array, &after));
    CHECK(after > before);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
