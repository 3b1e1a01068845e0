/* notify_semaphore.c - a descriptor becomes readable at each post, and when permits come back from the dead. */
#include "objects.h"

int main(void)
{
    int fd = -1, permits = -1;
    shm_semaphore_t *signalling = new_semaphore(NULL, SHM_SEMAPHORE_SIGNALLING, 0);
    OK(shm_semaphore_notify_fd(signalling, &fd));
    CHECK(!readable(fd, 120));
    for (int i = 0; i < 3; i++) {
        OK(shm_semaphore_post(signalling, 2));
        CHECK(readable(fd, 5000));
        drained(fd);
        OK(shm_semaphore_wait(signalling, 0));
        OK(shm_semaphore_wait(signalling, 0));
    }
    CHECK(!readable(fd, 120));

    shm_semaphore_t *owned = new_semaphore(NULL, SHM_SEMAPHORE_OWNED, 1);
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        OK(shm_semaphore_wait(owned, 0));
        tell(ready);
        stay();
    }
    hear(ready);
    OK(shm_semaphore_notify_fd(owned, &permits));
    CHECK(!readable(permits, 120));
    CHECK(killed(child) == -SIGKILL);
    CHECK(readable(permits, 5000));
    drained(permits);
    OK(shm_semaphore_wait(owned, 0));
    OK(shm_semaphore_post(owned, 1));
    CHECK(readable(permits, 5000));

    RC(EINVAL, shm_semaphore_notify_fd(NULL, &fd));
    RC(EINVAL, shm_semaphore_notify_fd(owned, NULL));
    OK(shm_notify_close(fd));
    OK(shm_notify_close(permits));
    shm_semaphore_close(owned);
    shm_semaphore_close(signalling);
    return 0;
}
