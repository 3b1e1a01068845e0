/* notify_queue_room.c - a descriptor becomes readable when a full queue has room: by a receiver, a death, or its end. */
#include "objects.h"
#include "queues.h"

static void reserves(const void *queue)
{
    shm_queue_message_t message = no_message();
    OK(shm_queue_reserve((const shm_queue_t *)queue, 0, &message));
}

int main(void)
{
    EACH_KIND(flags) {
        char name[64];
        int fd = -1;
        uint64_t number = 0;
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 2, 8, (uint32_t)flags);
        RC(EINVAL, shm_queue_notify_room_fd(NULL, &fd));
        RC(EINVAL, shm_queue_notify_room_fd(queue, NULL));
        OK(shm_queue_notify_room_fd(queue, &fd));
        CHECK(readable(fd, 5000));
        drained(fd);
        send_number(queue, 0);
        send_number(queue, 1);
        RC(EAGAIN, shm_queue_send(queue, &number, 8, 0, 0));
        quieted(fd);
        CHECK(!readable(fd, 50));
        for (uint64_t round = 2; round < 5; round++) {
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0) {
                shm_queue_t *own = opened_queue(name);
                CHECK(receive_number(own) == round - 2);
                shm_queue_close(own);
                _exit(0);
            }
            CHECK(readable(fd, 5000));
            drained(fd);
            CHECK(end_of(child) == 0);
            OK(shm_queue_send(queue, &round, 8, 0, 0));
            RC(EAGAIN, shm_queue_send(queue, &number, 8, 0, 0));
            CHECK(!readable(fd, 30));
        }
        if (!flags) {
            CHECK(receive_number(queue) == 3);
            if (readable(fd, 5000))
                drained(fd);
            pid_t child = stays_after(reserves, queue);
            quieted(fd);
            RC(EAGAIN, shm_queue_send(queue, &number, 8, 0, 0));
            CHECK(killed(child) == -SIGKILL);
            CHECK(readable(fd, 5000));
            drained(fd);
            OK(shm_queue_send(queue, &number, 8, 0, 0));
        }
        OK(shm_queue_finish(queue));
        CHECK(readable(fd, 5000));
        RC(EPIPE, shm_queue_send(queue, &number, 8, 0, 0));
        OK(shm_notify_close(fd));
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
