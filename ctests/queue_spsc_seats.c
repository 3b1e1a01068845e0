/* queue_spsc_seats.c - with SHM_QUEUE_SPSC there is one producer and one consumer; a closed or dead one's place is free. */
#include "queues.h"

int main(void)
{
    char name[64];
    uint64_t number = 0;
    size_t len;
    int ready[2], done[2];
    CHECK(pipe(ready) == 0 && pipe(done) == 0);
    shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 8, 8, SHM_QUEUE_SPSC), *second = opened_queue(name);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        send_number(queue, 1);
        tell(ready);
        hear(done);
        raise(SIGKILL);
    }
    hear(ready);
    RC(EBUSY, shm_queue_send(queue, &number, 8, 0, SECONDS(1)));
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)child);
    SAYS(pid);
    SAYS("SHM_QUEUE_SPSC");
    CHECK(receive_number(queue) == 1);
    RC(EBUSY, shm_queue_receive(second, &number, 8, 0, &len)); /* the same process, another handle */
    tell(done);
    CHECK(end_of(child) == -SIGKILL);
    send_number(second, 2);
    RC(EBUSY, shm_queue_send(queue, &number, 8, 0, 0));
    CHECK(receive_number(queue) == 2);
    shm_queue_close(second);
    send_number(queue, 3);
    CHECK(receive_number(queue) == 3);

    /* A child has none of its parent's places, though it has a copy of its handle. */
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        RC(EBUSY, shm_queue_send(queue, &number, 8, 0, 0));
        RC(EBUSY, shm_queue_receive(queue, &number, 8, 0, &len));
        shm_queue_close(queue);
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    send_number(queue, 4);
    CHECK(receive_number(queue) == 4);
    shm_queue_close(queue);
    OK(shm_queue_unlink(name));
    return 0;
}
