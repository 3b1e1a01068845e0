/* range_more_beside_waiting_writer.c - who holds a range gets another one although a writer of all waits for it. */
#include "given.h"

int main(void)
{
    char name[64];
    int ready[2];
    const uint32_t X = SHM_ARRAY_EXCLUSIVE;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100), *other = opened(name, SHM_ARRAY_WRITE);
    CHECK(pipe(ready) == 0);
    OK(shm_array_lock_range(array, 0, 10, X, 0));
    pid_t child = fork();
    if (child == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        tell(ready);
        OK(shm_array_lock(mine, X, SECONDS(20)));
        CHECK(doubles(mine)[0] == 1);
        shm_array_close(mine);
        _exit(0);
    }
    hear(ready);
    int code;
    while ((code = shm_array_lock_range(other, 50, 10, X, 0)) == 0) {
        OK(shm_array_unlock_range(other, 50, 10));
        usleep(1000);
    }
    RC(EBUSY, code); /* now it owns the lock, and waits until the range is given back: nobody new gets in */
    OK(shm_array_lock_range(array, 50, 10, X, 0));
    doubles(array)[0] = 1;
    OK(shm_array_unlock_range(array, 0, 10));
    OK(shm_array_unlock_range(array, 50, 10));
    CHECK(end_of(child) == 0);
    shm_array_close(other);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
