/* queue_finish_waits_for_reserved.c - the end of a queue waits for what the living have reserved, not for the dead. */
#include "queues.h"

int main(void)
{
    char name[64];
    uint64_t number = 0;
    size_t len = 0;
    int ready[2];
    shm_queue_message_t message = no_message();
    shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 4, 8, 0);
    CHECK(pipe(ready) == 0);
    OK(shm_queue_reserve(queue, 0, &message));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        shm_queue_message_t never = no_message();
        OK(shm_queue_reserve(queue, 0, &never));
        RC(EPERM, shm_queue_commit(queue, &message)); /* its parent's */
        tell(ready);
        pause();
    }
    hear(ready);
    OK(shm_queue_finish(queue));
    RC(ETIMEDOUT, shm_queue_receive(queue, &number, 8, MILLISECONDS(30), &len));
    memcpy(message.data, "reserved", 8);
    message.len = 8;
    OK(shm_queue_commit(queue, &message));
    char text[8];
    OK(shm_queue_receive(queue, text, 8, 0, &len));
    CHECK(len == 8 && memcmp(text, "reserved", 8) == 0);
    RC(ETIMEDOUT, shm_queue_receive(queue, &number, 8, MILLISECONDS(30), &len));
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
    RC(ENODATA, shm_queue_receive(queue, &number, 8, SECONDS(5), &len));
    shm_queue_close(queue);
    OK(shm_queue_unlink(name));
    return 0;
}
