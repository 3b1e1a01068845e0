/* lease_objects.c - leased last-close objects that are no arrays outlive their users until the receiver has arrived. */
#include "objects.h"
#include "queues.h"

int main(void)
{
    char name[64];
    uint64_t removed, number = 7;
    int fd = -1;
    own_dev_shm("size=64m"); /* what is collected by age must be nobody else's */
    shm_object_options_t options = object_options(SHM_OBJECT_LAST_CLOSE);
    shm_queue_t *queue = NULL;
    OK(shm_queue_create(unique_name(name, sizeof name), 4, 8, NULL, 1, 0, &options, &queue));

    /* The sender is killed before anybody has come. */
    pid_t child = fork();
    if (child == 0) {
        send_number(queue, number);
        OK(shm_queue_fd(queue, &fd));
        OK(shm_object_lease(fd, SECONDS(60)));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    shm_queue_close(queue);
    CHECK(exists(name));
    OK(shm_array_collect(0, &removed));
    CHECK(exists(name));
    queue = opened_queue(name);
    CHECK(receive_number(queue) == number);
    OK(shm_queue_fd(queue, &fd));
    OK(shm_object_arrived(fd));
    CHECK(close(fd) == 0);
    shm_queue_close(queue);
    CHECK(!exists(name));

    /* A lease that nobody comes for ends by itself. */
    shm_semaphore_t *semaphore = NULL;
    int64_t lease = MILLISECONDS(50);
    for (int kept = 0; !kept; lease *= 4) {
        OK(shm_semaphore_create(name, SHM_SEMAPHORE_SIGNALLING, 3, &options, &semaphore));
        OK(shm_semaphore_fd(semaphore, &fd));
        OK(shm_object_arrived(fd)); /* who was not expected takes nobody's lease away */
        int64_t start = now_ns();
        OK(shm_object_lease(fd, lease));
        RC(EINVAL, shm_object_lease(fd, 0));
        RC(EINVAL, shm_object_lease(fd, SECONDS(25 * 60 * 60)));
        SAYS("86400s");
        CHECK(close(fd) == 0);
        shm_semaphore_close(semaphore);
        kept = exists(name);
        CHECK(kept || now_ns() - start >= lease); /* a busy machine: again, with more time */
    }
    usleep((useconds_t)(lease / 1000));
    OK(shm_array_collect(-1, &removed));
    CHECK(removed == 1 && !exists(name));

    RC(EBADF, shm_object_lease(-1, SECONDS(1)));
    RC(EBADF, shm_object_arrived(-1));
    int ends[2];
    CHECK(pipe(ends) == 0);
    CHECK(shm_object_lease(ends[0], SECONDS(1)) != 0);
    SAYS("regular");
    return 0;
}
