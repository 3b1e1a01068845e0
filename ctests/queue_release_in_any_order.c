/* queue_release_in_any_order.c - messages may be released in any order, and a slow one holds up no other. */
#include "queues.h"

int main(void)
{
    char name[64];
    shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 4, 8, 0);
    shm_queue_message_t slow = no_message(), first = no_message(), second = no_message();
    send_number(queue, 0);
    OK(shm_queue_take(queue, 0, &slow));
    for (uint64_t i = 1; i < 1000; i++) {
        send_number(queue, i);
        CHECK(receive_number(queue) == i);
    }
    for (uint64_t i = 0; i < 3; i++)
        send_number(queue, i);
    uint64_t number = 3;
    RC(EAGAIN, shm_queue_send(queue, &number, 8, 0, 0));
    OK(shm_queue_take(queue, 0, &first));
    OK(shm_queue_take(queue, 0, &second));
    CHECK(queue_stat_of(queue).out == 3 && *(uint64_t *)slow.data == 0);
    OK(shm_queue_release(queue, &second));
    send_number(queue, 3);
    OK(shm_queue_give_back(queue, &first));
    CHECK(receive_number(queue) == 0 && receive_number(queue) == 2 && receive_number(queue) == 3);
    OK(shm_queue_release(queue, &slow));
    shm_queue_close(queue);
    OK(shm_queue_unlink(name));
    return 0;
}
