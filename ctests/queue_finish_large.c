/* queue_finish_large.c - the end of a large queue, many of whose messages were cancelled, is found in one look. */
#include "queues.h"

int main(void)
{
    const int blocks = slowly() ? 1000 : 200000;
    shm_queue_t *queue = new_queue(NULL, (uint64_t)blocks, 1, 0);
    shm_queue_message_t message = no_message();
    char byte;
    size_t len;
    /* Each block has been a producer's, and is free: only the rings tell that nothing comes from there. */
    for (int i = 0; i < blocks; i++) {
        OK(shm_queue_reserve(queue, 0, &message));
        OK(shm_queue_cancel(queue, &message));
    }
    OK(shm_queue_finish(queue));
    /* Looking through the rings for each block would take minutes. */
    RC(ENODATA, shm_queue_receive(queue, &byte, 1, FOREVER, &len));
    shm_queue_close(queue);
    return 0;
}
