/* lock_hands_over.c - who waits without end gets the lock when its holder unlocks, in both modes, many times. */
#include "given.h"

int main(void)
{
    char name[64];
    int rounds = slowly() ? 50 : 500, back[2], forth[2];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    CHECK(pipe(back) == 0 && pipe(forth) == 0);
    pid_t child = fork();
    if (child == 0) {
        for (int n = 0; n < rounds; n++) {
            hear(forth);
            OK(shm_array_lock(array, n % 2 ? SHM_ARRAY_SHARED : SHM_ARRAY_EXCLUSIVE, FOREVER));
            CHECK(doubles(array)[0] == n);
            OK(shm_array_unlock(array));
            tell(back);
        }
        _exit(0);
    }
    for (int n = 0; n < rounds; n++) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        tell(forth);
        usleep(n % 3 * 100);
        doubles(array)[0] = n;
        OK(shm_array_unlock(array));
        hear(back);
    }
    CHECK(end_of(child) == 0);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
