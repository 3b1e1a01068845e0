/* queue_producer_killed.c - a producer that is killed before it commits has sent nothing, and is in nobody's way. */
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64];
        uint64_t number = 0;
        size_t len;
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 3, 8, (uint32_t)flags);
        for (int round = 0; round < 5; round++) {
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0) {
                shm_queue_message_t message = no_message();
                send_number(queue, 1);
                OK(shm_queue_reserve(queue, 0, &message));
                memset(message.data, 0xff, 8);
                raise(SIGKILL);
            }
            CHECK(end_of(child) == -SIGKILL);
            CHECK(receive_number(queue) == 1);
            RC(EAGAIN, shm_queue_receive(queue, &number, 8, 0, &len));
        }
        /* All three places are free again. */
        for (uint64_t i = 0; i < 3; i++)
            OK(shm_queue_send(queue, &i, 8, 0, SECONDS(5)));
        for (uint64_t i = 0; i < 3; i++)
            CHECK(receive_number(queue) == i);
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
