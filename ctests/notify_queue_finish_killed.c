/* notify_queue_finish_killed.c - a descriptor tells that a queue is finished when receivers find it so, not before. */
#include "objects.h"
#include "queue_memory.h"

enum { CAPACITY = 11, MESSAGE = 1234 }; /* found in memory by these figures */

int main(void)
{
    int fd = -1;
    uint64_t number = 0;
    size_t len;
    shm_queue_t *queue = new_queue(NULL, CAPACITY, MESSAGE, SHM_QUEUE_SPSC);
    mapped_t mapped = map_queue(queue, CAPACITY, MESSAGE);
    OK(shm_queue_notify_fd(queue, &fd));

    /* As if who finishes it had been killed between two stores: only the word for queues without seats is set. */
    const uint32_t one = 1;
    memcpy(mapped.state + FINISHED_WORD, &one, sizeof one);
    CHECK(!readable(fd, 300));
    CHECK(!(queue_stat_of(queue).flags & SHM_QUEUE_FINISHED));
    RC(EAGAIN, shm_queue_receive(queue, &number, sizeof number, 0, &len));
    OK(shm_queue_finish(queue));
    CHECK(readable(fd, 5000));
    drained(fd);
    RC(ENODATA, shm_queue_receive(queue, &number, sizeof number, 0, &len));

    OK(shm_notify_close(fd));
    unmap_queue(&mapped);
    shm_queue_close(queue);
    return 0;
}
