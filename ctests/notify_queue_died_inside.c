/* notify_queue_died_inside.c - descriptors tell of what somebody did who was killed before it moved a ring's head or tail. */
#include "objects.h"
#include "queue_memory.h"

enum { CAPACITY = 11, MESSAGE = 1234 }; /* found in memory by these figures */

static shm_queue_t *queue;
static mapped_t mapped;
static char name[64];

static void quiet(int fd)
{
    while (readable(fd, 150)) /* now and then once too often */
        drained(fd);
    CHECK(!readable(fd, 50));
}

/* In a process that then is killed by kill_it(). */
static pid_t taker(int is_consumer)
{
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        shm_queue_message_t message = no_message();
        OK(is_consumer ? shm_queue_take(queue, 0, &message) : shm_queue_reserve(queue, 0, &message));
        set_back(&mapped, is_consumer ? READY : FREE, HEAD);
        tell(ready);
        stay();
    }
    hear(ready);
    close(ready[0]), close(ready[1]);
    return child;
}

static void kill_it(pid_t child)
{
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
}

int main(void)
{
    int fd = -1;
    uint64_t number = 0;
    size_t len;
    shm_queue_message_t messages[CAPACITY], message = no_message();
    queue = new_queue(unique_name(name, sizeof name), CAPACITY, MESSAGE, 0);
    mapped = map_queue(queue, CAPACITY, MESSAGE);

    /* Sent, and killed before the tail of the messages. */
    send_number(queue, 1);
    set_back(&mapped, READY, TAIL);
    CHECK(count_of(queue) == 1);
    OK(shm_queue_notify_fd(queue, &fd));
    CHECK(readable(fd, 5000));
    drained(fd);

    /* Taken, and killed before their head: it comes again. */
    pid_t child = taker(1);
    CHECK(count_of(queue) == 0 && queue_stat_of(queue).out == 1);
    quiet(fd);
    kill_it(child);
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
    child = taker(0);
    quiet(fd);
    kill_it(child);
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
