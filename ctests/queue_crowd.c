/* queue_crowd.c - many producers and consumers: every message arrives once, each producer's in order. */
#include "queues.h"

enum { PRODUCERS = 3, CONSUMERS = 3 };

struct message { uint32_t producer, number; };

int main(void)
{
    uint32_t each = slowly() ? 500 : 20000;
    char name[64];
    int results[2];
    CHECK(pipe(results) == 0);
    shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 16, sizeof(struct message), 0);
    pid_t producers[PRODUCERS], consumers[CONSUMERS];
    for (uint32_t p = 0; p < PRODUCERS; p++)
        if ((producers[p] = fork()) == 0) {
            for (uint32_t i = 0; i < each; i++) {
                struct message message = {p, i};
                OK(shm_queue_send(queue, &message, sizeof message, 0, FOREVER));
            }
            _exit(0);
        }
    for (int c = 0; c < CONSUMERS; c++)
        if ((consumers[c] = fork()) == 0) {
            uint64_t next[PRODUCERS] = {0}, sum = 0;
            struct message message;
            size_t len;
            int code;
            while ((code = shm_queue_receive(queue, &message, sizeof message, FOREVER, &len)) == 0) {
                CHECK(len == sizeof message && message.producer < PRODUCERS && message.number >= next[message.producer]);
                next[message.producer] = message.number + 1;
                sum += (uint64_t)message.number + 1;
            }
            RC(ENODATA, code);
            CHECK(write(results[1], &sum, sizeof sum) == sizeof sum);
            _exit(0);
        }
    for (int p = 0; p < PRODUCERS; p++)
        CHECK(end_of(producers[p]) == 0);
    OK(shm_queue_finish(queue));
    uint64_t total = 0, sum;
    for (int c = 0; c < CONSUMERS; c++) {
        CHECK(end_of(consumers[c]) == 0);
        CHECK(read(results[0], &sum, sizeof sum) == sizeof sum);
        total += sum;
    }
    CHECK(total == PRODUCERS * ((uint64_t)each * (each + 1) / 2));
    shm_queue_close(queue);
    OK(shm_queue_unlink(name));
    return 0;
}
