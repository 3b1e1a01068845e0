/* notify_queue_died_inside.c - descriptors tell of what somebody did who was killed before it moved a ring's head or tail. */
#include "queue_memory.h"

enum { CAPACITY = 11, MESSAGE = 1234 }; /* found in memory by these figures */

static mapped_t mapped;

/* In processes that then are killed. */
static void takes(const void *queue)
{
    const shm_queue_t *own = (const shm_queue_t *)queue;
    shm_queue_message_t message = no_message();
    OK(shm_queue_take(own, 0, &message));
    set_back(&mapped, READY, HEAD);
}

static void reserves(const void *queue)
{
    const shm_queue_t *own = (const shm_queue_t *)queue;
    shm_queue_message_t message = no_message();
    OK(shm_queue_reserve(own, 0, &message));
    set_back(&mapped, FREE, HEAD);
}

int main(void)
{
    char name[64];
    int fd = -1;
    uint64_t number = 0;
    size_t len;
    shm_queue_message_t messages[CAPACITY], message = no_message();
    shm_queue_t *queue = new_queue(unique_name(name, sizeof name), CAPACITY, MESSAGE, 0);
    mapped = map_queue(queue, CAPACITY, MESSAGE);

    /* Sent, and killed before the tail of the messages. */
    send_number(queue, 1);
    set_back(&mapped, READY, TAIL);
    CHECK(count_of(queue) == 1);
    OK(shm_queue_notify_fd(queue, &fd));
    CHECK(readable(fd, 5000));
    drained(fd);

    /* Taken, and killed before their head: it comes again. */
    pid_t child = stays_after(takes, queue);
    CHECK(count_of(queue) == 0 && queue_stat_of(queue).out == 1);
    quieted(fd);
    CHECK(!readable(fd, 50));
    CHECK(killed(child) == -SIGKILL);
    CHECK(readable(fd, 5000));
    drained(fd);
    OK(shm_queue_take(queue, 0, &message));
    CHECK(message.flags & SHM_QUEUE_AGAIN);
    OK(shm_queue_release(queue, &message));
    OK(shm_notify_close(fd));

    /* Freed, and killed before the tail of the free ones. */
    for (int i = 0; i < CAPACITY; i++)
        messages[i] = no_message(), OK(shm_queue_reserve(queue, 0, &messages[i]));
    OK(shm_queue_cancel(queue, &messages[0]));
    set_back(&mapped, FREE, TAIL);
    OK(shm_queue_notify_room_fd(queue, &fd));
    CHECK(readable(fd, 5000));
    drained(fd);

    /* Reserved, and killed before their head: there is room again. */
    child = stays_after(reserves, queue);
    quieted(fd);
    CHECK(!readable(fd, 50));
    CHECK(killed(child) == -SIGKILL);
    CHECK(readable(fd, 5000));
    drained(fd);
    OK(shm_queue_send(queue, &number, sizeof number, 0, 0));
    OK(shm_queue_receive(queue, messages, sizeof messages, 0, &len));
    OK(shm_notify_close(fd));

    unmap_queue(&mapped);
    shm_queue_close(queue);
    OK(shm_queue_unlink(name));
    return 0;
}
