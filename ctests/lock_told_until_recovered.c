/* lock_told_until_recovered.c - after a holder died every later holder is told, until one recovers. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);

    /* Trying is enough: nobody has to wait for the dead. */
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    CHECK(stat_of(array).inconsistent == 1);
    OK(shm_array_unlock(array));
    CHECK(stat_of(array).inconsistent == 1);
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_SHARED, 0));
    RC(EPERM, shm_array_recover(array)); /* who only shares the array cannot have repaired it */
    SAYS("SHM_ARRAY_EXCLUSIVE");
    OK(shm_array_unlock(array));
    RC(EPERM, shm_array_recover(array));

    /* Another process is told as well; there a close takes the place of the unlock. */
    child = fork();
    if (child == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        RC(EOWNERDEAD, shm_array_lock(mine, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
        shm_array_close(mine);
        _exit(0);
    }
    CHECK(end_of(child) == 0);

    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
    OK(shm_array_recover(array));
    CHECK(stat_of(array).inconsistent == 0);
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, SHM_ARRAY_SHARED, 0));
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));

    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
