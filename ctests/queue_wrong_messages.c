/* queue_wrong_messages.c - too long, of the wrong dtype or priority, into too small a buffer: words, and nothing lost. */
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64], text[65] = "";
        size_t len = 77;
        shm_queue_t *queue = NULL, *other = NULL;
        shm_queue_message_t message = no_message();
        OK(shm_queue_create(unique_name(name, sizeof name), 4, 64, "[('id', '<u4'), ('at', '<f8')]", 0, (uint32_t)flags,
                            NULL, &queue));
        CHECK(strcmp(shm_queue_dtype(queue), "[('id', '<u4'), ('at', '<f8')]") == 0);
        CHECK(queue_stat_of(queue).itemsize == 12);
        RC(EMSGSIZE, shm_queue_send(queue, text, 65, 0, 0));
        SAYS("64");
        RC(SHM_ARRAY_ERR_DTYPE, shm_queue_send(queue, text, 13, 0, 0));
        SAYS("12");
        RC(EINVAL, shm_queue_send(queue, text, 12, 1, 0));
        SAYS("priority");
        OK(shm_queue_send(queue, text, 24, 0, 0));
        RC(EMSGSIZE, shm_queue_receive(queue, text, 23, 0, &len));
        SAYS("24");
        CHECK(len == 77 && count_of(queue) == 1);
        OK(shm_queue_receive(queue, text, 24, 0, &len));
        CHECK(len == 24);

        OK(shm_queue_reserve(queue, 0, &message));
        CHECK(message.len == 64 && (uintptr_t)message.data % 64 == 0);
        message.len = 65;
        RC(EMSGSIZE, shm_queue_commit(queue, &message));
        message.len = 11;
        RC(SHM_ARRAY_ERR_DTYPE, shm_queue_commit(queue, &message));
        message.len = 12;
        OK(shm_queue_commit(queue, &message));
        RC(EPERM, shm_queue_commit(queue, &message));
        RC(EPERM, shm_queue_cancel(queue, &message));
        RC(EPERM, shm_queue_release(queue, &message));

        RC(SHM_ARRAY_ERR_DTYPE, shm_queue_open_typed(name, "<f8", SHM_OBJECT_WRITE, &other));
        SAYS("<f8");
        RC(SHM_ARRAY_ERR_DTYPE, shm_queue_open_typed(name, NULL, SHM_OBJECT_WRITE, &other));
        SAYS("any bytes");
        OK(shm_queue_open_typed(name, "[('id', 'uint32'), ('at', 'f8')]", SHM_OBJECT_WRITE, &other));
        shm_queue_close(other);
        shm_queue_close(queue);
        OK(shm_queue_unlink(name));
    }
    return 0;
}
