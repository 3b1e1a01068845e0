/* notify_queue_end.c - a descriptor tells of a finished queue's end when what was reserved is given up, or its holder dies. */
#include "objects.h"
#include "queues.h"

/* How what was reserved when the queue was finished is not sent after all; and sent, for once. */
enum { CANCELLED, CLOSED, KILLED, COMMITTED, WAYS };

static void producer(const char *name, int way, int ready[2], int go[2])
{
    shm_queue_message_t message = no_message();
    shm_queue_t *own = opened_queue(name);
    OK(shm_queue_reserve(own, 0, &message));
    tell(ready);
    hear(go);
    if (way == CANCELLED)
        OK(shm_queue_cancel(own, &message));
    message.len = 8;
    if (way == COMMITTED)
        OK(shm_queue_commit(own, &message));
    if (way == CLOSED)
        shm_queue_close(own);
    if (way == KILLED)
        raise(SIGKILL);
    tell(ready);
    stay();
}

int main(void)
{
    for (int way = 0; way < WAYS; way++) {
        char name[64];
        int fd = -1, ready[2], go[2];
        uint64_t number;
        size_t len;
        CHECK(pipe(ready) == 0 && pipe(go) == 0);
        shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 4, 8, 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            producer(name, way, ready, go);
        hear(ready);
        OK(shm_queue_notify_fd(queue, &fd));
        OK(shm_queue_finish(queue));
        CHECK(readable(fd, 5000));
        drained(fd);
        RC(EAGAIN, shm_queue_receive(queue, &number, 8, 0, &len));
        quieted(fd);
        CHECK(!readable(fd, 50));
        tell(go);
        if (way != KILLED)
            hear(ready); /* and it lives on, with nothing reserved */
        CHECK(readable(fd, 5000));
        drained(fd);
        if (way == COMMITTED) {
            OK(shm_queue_receive(queue, &number, 8, 0, &len));
            if (readable(fd, 200))
                drained(fd);
        }
        RC(ENODATA, shm_queue_receive(queue, &number, 8, 0, &len));
        kill(child, SIGKILL);
        CHECK(end_of(child) == -SIGKILL);
        OK(shm_notify_close(fd));
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
        close(ready[0]), close(ready[1]), close(go[0]), close(go[1]);
    }
    return 0;
}
