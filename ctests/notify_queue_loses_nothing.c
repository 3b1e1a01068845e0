/* notify_queue_loses_nothing.c - who drains the descriptor, and then takes until there is nothing, is told of every message. */
#include "objects.h"
#include "queues.h"

/* Bursts of messages, each as soon as the one before has arrived: the next may come while the notifier looks. */
static void send_bursts(const shm_queue_t *queue, const int had[2], unsigned bursts)
{
    uint64_t number = 0;
    for (unsigned seed = 1; bursts > 0; bursts--) {
        seed = seed * 1103515245 + 12345;
        for (unsigned i = 0; i < 4; i++) {
            send_number(queue, number++);
            for (volatile unsigned pause = seed >> (16 + 2 * i) & 1023; pause > 0; pause = pause - 1)
                ;
        }
        hear(had);
    }
}

int main(void)
{
    const unsigned bursts = slowly() ? 50 : 20000;
    int fd = -1, had[2];
    shm_queue_t *queue = new_queue(NULL, 8, 8, 0);
    CHECK(pipe(had) == 0);
    OK(shm_queue_notify_fd(queue, &fd));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        send_bursts(queue, had, bursts);
        _exit(0);
    }
    for (uint64_t next = 0; next < 4 * (uint64_t)bursts;) {
        uint64_t number;
        size_t len;
        CHECK(readable(fd, 20000));
        drained(fd);
        while (shm_queue_receive(queue, &number, sizeof number, 0, &len) == 0) {
            CHECK(number == next);
            if (++next % 4 == 0)
                tell(had);
        }
    }
    CHECK(end_of(child) == 0);
    OK(shm_notify_close(fd));
    shm_queue_close(queue);
    return 0;
}
