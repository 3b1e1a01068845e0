/* lock_excludes.c - of processes that add to one number under the exclusive lock none loses an addition. */
#include "given.h"

enum { PROCESSES = 4 };

int main(void)
{
    char name[64];
    int rounds = slowly() ? 1000 : 20000;
    pid_t children[PROCESSES];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    for (int i = 0; i < PROCESSES; i++)
        if ((children[i] = fork()) == 0) {
            shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
            volatile double *number = doubles(mine);
            for (int n = 0; n < rounds; n++) {
                OK(shm_array_lock(mine, SHM_ARRAY_EXCLUSIVE, FOREVER));
                *number = *number + 1;
                OK(shm_array_unlock(mine));
            }
            _exit(0);
        }
    for (int i = 0; i < PROCESSES; i++)
        CHECK(end_of(children[i]) == 0);
    CHECK(doubles(array)[0] == (double)PROCESSES * rounds);
    uint64_t generation = 0;
    OK(shm_array_generation(array, &generation));
    CHECK(generation == (uint64_t)PROCESSES * (uint64_t)rounds);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
