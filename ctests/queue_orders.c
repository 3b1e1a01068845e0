/* queue_orders.c - messages arrive whole, in order, across the end of the ring; lengths from 0 to the most. */
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64], text[100], got[100];
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 5, sizeof text, (uint32_t)flags);
        for (unsigned round = 0; round < 100; round++) {
            unsigned many = round % 5 + 1;
            for (unsigned i = 0; i < many; i++) {
                memset(text, (int)(round + i), sizeof text);
                OK(shm_queue_send(queue, text, (round * 7 + i) % 101, 0, 0));
            }
            CHECK(count_of(queue) == many);
            for (unsigned i = 0; i < many; i++) {
                size_t len = 777;
                memset(text, (int)(round + i), sizeof text);
                OK(shm_queue_receive(queue, got, sizeof got, 0, &len));
                CHECK(len == (round * 7 + i) % 101 && memcmp(text, got, len) == 0);
            }
        }
        CHECK(count_of(queue) == 0 && queue_stat_of(queue).sent == 300);
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
