/* semaphore_owner_died.c - the permits of a holder that is killed come back, all of them, to who waits and who tries. */
#include "objects.h"

int main(void)
{
    char name[64];
    shm_semaphore_t *semaphore = new_semaphore(unique_name(name, sizeof name), SHM_SEMAPHORE_OWNED, 3);
    for (uint32_t round = 0; round < 6; round++) {
        int ready[2];
        CHECK(pipe(ready) == 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            for (int i = 0; i < 3; i++)
                OK(shm_semaphore_wait(semaphore, 0));
            tell(ready);
            sleep_ms(50);
            raise(SIGKILL);
        }
        hear(ready);
        /* One that only tries, in every other round: it looks for the dead as well. */
        if (round % 2) {
            CHECK(end_of(child) == -SIGKILL);
            OK(shm_semaphore_wait(semaphore, 0));
        } else {
            OK(shm_semaphore_wait(semaphore, SECONDS(5)));
            CHECK(end_of(child) == -SIGKILL);
        }
        CHECK(value_of(semaphore) == 2 && semaphore_stat_of(semaphore).reclaimed == 3 * (round + 1));
        OK(shm_semaphore_wait(semaphore, 0));
        OK(shm_semaphore_wait(semaphore, 0));
        RC(EBUSY, shm_semaphore_wait(semaphore, 0));
        OK(shm_semaphore_post(semaphore, 3));
        CHECK(close(ready[0]) == 0 && close(ready[1]) == 0);
    }
    shm_semaphore_close(semaphore);
    OK(shm_semaphore_unlink(name));
    return 0;
}
