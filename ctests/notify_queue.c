/* notify_queue.c - a descriptor becomes readable when a message comes, is given back by the dead, or the queue is finished. */
#include "objects.h"
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64];
        int fd = -1;
        uint64_t number;
        size_t len;
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 4, 8, (uint32_t)flags);
        RC(EINVAL, shm_queue_notify_fd(NULL, &fd));
        RC(EINVAL, shm_queue_notify_fd(queue, NULL));
        OK(shm_queue_notify_fd(queue, &fd));
        CHECK(!readable(fd, 50));
        for (uint64_t round = 0; round < 3; round++) {
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0) {
                shm_queue_t *own = opened_queue(name);
                send_number(own, round);
                shm_queue_close(own);
                _exit(0);
            }
            CHECK(readable(fd, 5000));
            drained(fd);
            CHECK(receive_number(queue) == round && end_of(child) == 0);
            RC(EAGAIN, shm_queue_receive(queue, &number, 8, 0, &len));
            CHECK(!readable(fd, 30));
        }
        if (!flags) {
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0) {
                shm_queue_message_t message = no_message();
                send_number(queue, 7);
                OK(shm_queue_take(queue, 0, &message));
                raise(SIGKILL);
            }
            CHECK(end_of(child) == -SIGKILL);
            CHECK(readable(fd, 5000));
            while (shm_queue_receive(queue, &number, 8, 0, &len) == EAGAIN)
                CHECK((drained(fd), readable(fd, 5000)));
            CHECK(number == 7);
            if (readable(fd, 200)) /* now and then once too often */
                drained(fd);
        }
        OK(shm_queue_finish(queue));
        CHECK(readable(fd, 5000));
        RC(ENODATA, shm_queue_receive(queue, &number, 8, 0, &len));
        OK(shm_notify_close(fd));
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
