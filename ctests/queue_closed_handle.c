/* queue_closed_handle.c - closing a handle gives back what it had taken, and forgets what it had reserved. */
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64];
        shm_queue_message_t in = no_message(), out = no_message();
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 2, 8, (uint32_t)flags);
        shm_queue_t *other = opened_queue(name);
        send_number(other, 4);
        OK(shm_queue_take(other, 0, &out));
        OK(shm_queue_reserve(other, 0, &in));
        RC(flags ? EBUSY : EAGAIN, shm_queue_take(queue, 0, &out));
        RC(flags ? EBUSY : EAGAIN, shm_queue_reserve(queue, 0, &out));
        shm_queue_close(other);
        OK(shm_queue_take(queue, 0, &out));
        CHECK(*(uint64_t *)out.data == 4 && (out.flags & SHM_QUEUE_AGAIN));
        OK(shm_queue_release(queue, &out));
        send_number(queue, 5);
        send_number(queue, 6);
        CHECK(receive_number(queue) == 5 && receive_number(queue) == 6);
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
