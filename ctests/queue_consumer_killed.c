/* queue_consumer_killed.c - a consumer that is killed with a message gives it back: first of all, and marked. */
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64];
        int ready[2];
        shm_queue_message_t message = no_message();
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 4, 8, (uint32_t)flags);
        CHECK(pipe(ready) == 0);
        for (uint64_t i = 1; i <= 4; i++)
            send_number(queue, i);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            OK(shm_queue_take(queue, 0, &message));
            tell(ready);
            pause();
        }
        hear(ready);
        if (flags)
            RC(EBUSY, shm_queue_take(queue, 0, &message));
        kill(child, SIGKILL);
        siginfo_t info; /* a zombie is dead enough */
        CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
        if (!flags) {
            /* The queue is not empty: nobody has looked for the dead yet. */
            CHECK(receive_number(queue) == 2 && receive_number(queue) == 3 && receive_number(queue) == 4);
            send_number(queue, 5);
            CHECK(receive_number(queue) == 5);
        }
        OK(shm_queue_take(queue, SECONDS(5), &message));
        CHECK(*(uint64_t *)message.data == 1 && (message.flags & SHM_QUEUE_AGAIN));
        OK(shm_queue_release(queue, &message));
        if (flags)
            CHECK(receive_number(queue) == 2 && receive_number(queue) == 3 && receive_number(queue) == 4);
        CHECK(count_of(queue) == 0 && end_of(child) == -SIGKILL);
        close(ready[0]), close(ready[1]);
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
