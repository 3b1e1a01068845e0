/* queue_finish.c - a finished queue refuses senders, and ends for receivers when it is drained; waiters are told. */
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64];
        uint64_t number = 9;
        size_t len = 0;
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 2, 8, (uint32_t)flags);
        pid_t receiver = fork();
        CHECK(receiver >= 0);
        if (receiver == 0) {
            CHECK(receive_number(queue) == 1);
            RC(ENODATA, shm_queue_receive(queue, &number, 8, FOREVER, &len));
            _exit(0);
        }
        send_number(queue, 1);
        usleep(50000); /* it sleeps, most likely */
        OK(shm_queue_finish(queue));
        CHECK(end_of(receiver) == 0);
        RC(EPIPE, shm_queue_send(queue, &number, 8, 0, FOREVER));
        SAYS("finished");
        RC(ENODATA, shm_queue_receive(queue, &number, 8, 0, &len));
        OK(shm_queue_finish(queue));
        CHECK(queue_stat_of(queue).flags & SHM_QUEUE_FINISHED);
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));

        queue = new_queue(unique_name(name, sizeof name), 2, 8, (uint32_t)flags);
        send_number(queue, 1);
        send_number(queue, 2);
        pid_t sender = fork();
        CHECK(sender >= 0);
        if (sender == 0) {
            shm_queue_t *own = opened_queue(name);
            RC(flags ? EBUSY : EPIPE, shm_queue_send(own, &number, 8, 0, FOREVER));
            shm_queue_close(own);
            _exit(0);
        }
        usleep(50000);
        OK(shm_queue_finish(queue));
        CHECK(end_of(sender) == 0);
        CHECK(receive_number(queue) == 1 && receive_number(queue) == 2);
        RC(ENODATA, shm_queue_receive(queue, &number, 8, FOREVER, &len));
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
