/* queue_in_place.c - reserve, fill, commit; take, use, release: by any thread, and nothing is seen before its time. */
#include "queues.h"

static shm_queue_t *queue;

static void *releaser(void *message)
{
    OK(shm_queue_release(queue, (shm_queue_message_t *)message));
    return NULL;
}

int main(void)
{
    EACH_KIND(flags) {
        char name[64];
        queue = new_queue(unique_name(name, sizeof name), 2, 1000, (uint32_t)flags);
        for (int round = 0; round < 9; round++) {
            shm_queue_message_t in = no_message(), out = no_message();
            OK(shm_queue_reserve(queue, 0, &in));
            CHECK(in.len == 1000 && count_of(queue) == 0);
            RC(EAGAIN, shm_queue_take(queue, 0, &out));
            memset(in.data, round, 1000);
            if (round % 3 == 2) {
                OK(shm_queue_cancel(queue, &in));
                RC(EAGAIN, shm_queue_take(queue, 0, &out));
                continue;
            }
            in.len = (size_t)round;
            OK(shm_queue_commit(queue, &in));
            OK(shm_queue_take(queue, 0, &out));
            CHECK(out.len == (size_t)round && (!round || *(char *)out.data == round) && !(out.flags & SHM_QUEUE_AGAIN));
            if (round % 3 == 1) {
                OK(shm_queue_give_back(queue, &out));
                RC(EPERM, shm_queue_release(queue, &out));
                OK(shm_queue_take(queue, 0, &out));
                CHECK(out.flags & SHM_QUEUE_AGAIN);
            }
            pthread_t thread;
            CHECK(pthread_create(&thread, NULL, releaser, &out) == 0 && pthread_join(thread, NULL) == 0);
            RC(EPERM, shm_queue_release(queue, &out));
        }
        CHECK(queue_stat_of(queue).out == 0);
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
