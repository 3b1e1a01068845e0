/* range_table_full.c - where all records of ranges are in use, others wait for one, and the dead make room. */
#include "given.h"

int main(void)
{
    char name[64];
    int ready[2];
    const uint32_t X = SHM_ARRAY_EXCLUSIVE, S = SHM_ARRAY_SHARED;
    const uint64_t shape[] = {100};
    shm_array_t *array = NULL;
    shm_array_options_t options = no_options();
    options.slots = 3; /* and as many ranges */
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, &options, &array));
    CHECK(pipe(ready) == 0);
    for (uint64_t row = 0; row < 3; row++)
        OK(shm_array_lock_range(array, row, 1, X, 0));
    RC(EBUSY, shm_array_lock_range(array, 50, 1, X, 0));
    SAYS("3 records");
    RC(ETIMEDOUT, shm_array_lock_range(array, 50, 1, S, MILLISECONDS(30)));

    pid_t child = fork();
    if (child == 0) {
        tell(ready);
        OK(shm_array_lock_range(array, 50, 1, X, SECONDS(20)));
        tell(ready);
        for (;;)
            pause();
    }
    hear(ready);
    usleep(100000);
    OK(shm_array_unlock_range(array, 1, 1));
    hear(ready);
    RC(EBUSY, shm_array_lock_range(array, 60, 1, S, 0));
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
    /* The dead writer's rows stay known, which takes a record. */
    RC(EBUSY, shm_array_lock_range(array, 60, 1, S, 0));
    OK(shm_array_unlock_range(array, 0, 1));
    RC(EOWNERDEAD, shm_array_lock_range(array, 45, 20, X, 0));
    OK(shm_array_recover_range(array, 50, 1));
    OK(shm_array_unlock_range(array, 45, 20));
    OK(shm_array_lock_range(array, 50, 1, X, 0));
    OK(shm_array_unlock_range(array, 50, 1));
    OK(shm_array_unlock_range(array, 2, 1));

    /* Cutting a dead writer's rows in two needs a record. */
    child = fork();
    if (child == 0) {
        OK(shm_array_lock_range(array, 40, 20, X, 0));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    RC(EOWNERDEAD, shm_array_lock_range(array, 45, 2, X, 0));
    OK(shm_array_lock_range(array, 0, 1, X, 0));
    RC(ENOSPC, shm_array_recover_range(array, 45, 2));
    OK(shm_array_unlock_range(array, 0, 1));
    OK(shm_array_recover_range(array, 45, 2));
    OK(shm_array_unlock_range(array, 45, 2));
    RC(EOWNERDEAD, shm_array_lock_range(array, 40, 5, X, 0));
    OK(shm_array_unlock_range(array, 40, 5));
    OK(shm_array_lock_range(array, 45, 2, X, 0));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
