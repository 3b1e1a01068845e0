/* lock_reader_died.c - a shared holder that is killed frees its share, and nobody is alarmed: it has not written. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_SHARED, FOREVER));
        OK(shm_array_lock(array, SHM_ARRAY_SHARED, FOREVER)); /* twice: both shares go */
        tell(ready);
        pause();
    }
    hear(ready);
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_unlock(array));
    CHECK(stat_of(array).inconsistent == 0);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
