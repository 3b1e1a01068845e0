/* notify_queue_given_back.c - a descriptor becomes readable again when a message is given back. */
#include "objects.h"
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        int fd = -1;
        uint64_t number = 0;
        size_t len;
        shm_queue_t *queue = new_queue(NULL, 4, 8, (uint32_t)flags);
        OK(shm_queue_notify_fd(queue, &fd));
        send_number(queue, 5);
        CHECK(readable(fd, 5000));
        drained(fd);
        for (int round = 0; round < 3; round++) {
            shm_queue_message_t message = no_message();
            OK(shm_queue_take(queue, 0, &message));
            quieted(fd);
            OK(shm_queue_give_back(queue, &message));
            CHECK(readable(fd, 5000));
            drained(fd);
        }
        RC(EMSGSIZE, shm_queue_receive(queue, &number, 4, 0, &len)); /* which leaves it there */
        CHECK(readable(fd, 5000));
        drained(fd);
        CHECK(receive_number(queue) == 5);
        OK(shm_notify_close(fd));
        shm_queue_close(queue);
    }
    return 0;
}
