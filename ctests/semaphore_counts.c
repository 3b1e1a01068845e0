/* semaphore_counts.c - a signalling semaphore counts: what is posted can be taken, once, by anybody. */
#include "objects.h"

int main(void)
{
    char name[64];
    shm_semaphore_t *made = new_semaphore(unique_name(name, sizeof name), SHM_SEMAPHORE_SIGNALLING, 2);
    shm_semaphore_t *other = opened_semaphore(name, SHM_OBJECT_WRITE);
    CHECK(strcmp(shm_semaphore_name(other), name) == 0 && value_of(other) == 2);

    OK(shm_semaphore_wait(other, 0));
    OK(shm_semaphore_wait(made, FOREVER));
    RC(EBUSY, shm_semaphore_wait(made, 0));
    SAYS("nobody has posted");
    OK(shm_semaphore_post(other, 3));
    CHECK(value_of(made) == 3);
    OK(shm_semaphore_wait(made, 0));

    /* The largest count, and not one more. */
    RC(EOVERFLOW, shm_semaphore_post(made, SHM_SEMAPHORE_MAX_VALUE));
    SAYS("2147483647");
    CHECK(value_of(made) == 2);
    OK(shm_semaphore_post(made, SHM_SEMAPHORE_MAX_VALUE - 2));
    RC(EOVERFLOW, shm_semaphore_post(made, 1));
    CHECK(value_of(made) == SHM_SEMAPHORE_MAX_VALUE);
    OK(shm_semaphore_wait(made, 0));
    OK(shm_semaphore_post(made, 1));
    shm_semaphore_close(made);
    OK(shm_semaphore_unlink(name));

    /* A child posts what its parent waits for; a signalling semaphore remembers no owners. */
    shm_semaphore_t *anonymous = new_semaphore(NULL, SHM_SEMAPHORE_SIGNALLING, 0);
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(20);
        OK(shm_semaphore_post(anonymous, 2));
        _exit(0);
    }
    OK(shm_semaphore_wait(anonymous, SECONDS(5)));
    CHECK(end_of(child) == 0);
    OK(shm_semaphore_wait(anonymous, 0));
    RC(EBUSY, shm_semaphore_wait(anonymous, 0));
    CHECK(semaphore_stat_of(anonymous).kind == SHM_SEMAPHORE_SIGNALLING);
    shm_semaphore_close(anonymous);
    shm_semaphore_close(other);
    return 0;
}
