/* queue_many.c - batches: as many as there is room for are sent, as many as fit are received, in order. */
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64];
        uint64_t numbers[8], got[8];
        const void *data[8];
        size_t lens[8], count = 77;
        for (uint64_t i = 0; i < 8; i++)
            numbers[i] = i, data[i] = &numbers[i], lens[i] = 8;
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 6, 8, (uint32_t)flags);
        for (int round = 0; round < 10; round++) {
            OK(shm_queue_send_many(queue, data, lens, 8, 0, 0, &count));
            CHECK(count == 6);
            RC(EAGAIN, shm_queue_send_many(queue, data, lens, 8, 0, 0, &count));
            OK(shm_queue_receive_many(queue, got, 24, 8, 0, lens, &count));
            CHECK(count == 3 && got[0] == 0 && got[2] == 2 && lens[2] == 8);
            RC(EMSGSIZE, shm_queue_receive_many(queue, got, 7, 8, 0, lens, &count));
            OK(shm_queue_receive_many(queue, got, sizeof got, 2, 0, lens, &count));
            CHECK(count == 2 && got[0] == 3 && got[1] == 4);
            OK(shm_queue_receive_many(queue, got, sizeof got, 8, 0, lens, &count));
            CHECK(count == 1 && got[0] == 5);
            RC(EAGAIN, shm_queue_receive_many(queue, got, sizeof got, 8, 0, lens, &count));
        }
        OK(shm_queue_send_many(queue, NULL, NULL, 0, 0, 0, &count));
        CHECK(count == 0);
        lens[1] = 9; /* one that cannot be sent, and none is */
        RC(EMSGSIZE, shm_queue_send_many(queue, data, lens, 2, 0, 0, &count));
        CHECK(count_of(queue) == 0);
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
