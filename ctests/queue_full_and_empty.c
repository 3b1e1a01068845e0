/* queue_full_and_empty.c - a full queue and an empty one say so at once, or in time, and change nothing. */
#include "queues.h"
#include <time.h>

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * (int64_t)1000000000 + time.tv_nsec;
}

int main(void)
{
    EACH_KIND(flags) {
        char name[64];
        uint64_t number = 7;
        size_t len = 77;
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 3, 8, (uint32_t)flags);
        RC(EAGAIN, shm_queue_receive(queue, &number, sizeof number, 0, &len));
        SAYS("empty");
        int64_t begin = now();
        RC(ETIMEDOUT, shm_queue_receive(queue, &number, sizeof number, MILLISECONDS(30), &len));
        CHECK(now() - begin >= MILLISECONDS(30) && len == 77 && number == 7);
        for (uint64_t i = 0; i < 3; i++)
            send_number(queue, i);
        RC(EAGAIN, shm_queue_send(queue, &number, 8, 0, 0));
        SAYS("3");
        begin = now();
        RC(ETIMEDOUT, shm_queue_send(queue, &number, 8, 0, MILLISECONDS(30)));
        CHECK(now() - begin >= MILLISECONDS(30) && count_of(queue) == 3);
        for (uint64_t i = 0; i < 3; i++)
            CHECK(receive_number(queue) == i);
        RC(EAGAIN, shm_queue_receive(queue, &number, sizeof number, 0, &len));
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
