/* queue_arrays_refused.c - arrays that cannot be sent, and NULL: words, nothing is sent, and no array is kept for it. */
#include "queues.h"

int main(void)
{
    char name[64], queue_name[64];
    uint64_t count = 3;
    shm_array_t *array = NULL, *got = NULL;
    shm_array_options_t options = no_options();
    shm_queue_t *queue = new_queue(unique_name(queue_name, sizeof queue_name), 1, 60, 0);

    OK(shm_array_create(NULL, "<f8", 1, &count, NULL, &array));
    RC(EOPNOTSUPP, shm_queue_send_array(queue, array, 0, 0, 0));
    SAYS("SHM_ARRAY_LAST_CLOSE");
    shm_array_close(array);

    options.flags = SHM_ARRAY_LAST_CLOSE;
    unique_name(name, sizeof name);
    memset(name + strlen(name), 'x', 40), name[40] = 0; /* too long for the queue */
    OK(shm_array_create(name, "<f8", 1, &count, &options, &array));
    RC(EMSGSIZE, shm_queue_send_array(queue, array, 0, 0, 0));
    SAYS("60");
    shm_array_close(array);

    unique_name(name, sizeof name);
    OK(shm_array_create(name, "<f8", 1, &count, &options, &array));
    RC(EINVAL, shm_queue_send_array(queue, array, -1, 0, 0));
    RC(EINVAL, shm_queue_send_array(queue, array, SECONDS(86401), 0, 0));
    RC(EINVAL, shm_queue_send_array(queue, array, 0, 1, 0));
    RC(EINVAL, shm_queue_send_array(NULL, array, 0, 0, 0));
    RC(EINVAL, shm_queue_send_array(queue, NULL, 0, 0, 0));
    SAYS("array");
    RC(EINVAL, shm_queue_receive_array(NULL, SHM_ARRAY_READ, 0, &got));
    RC(EINVAL, shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, NULL));
    RC(EINVAL, shm_queue_receive_array(queue, 0, 0, &got));
    send_number(queue, 1);
    RC(EAGAIN, shm_queue_send_array(queue, array, 0, 0, 0));
    shm_array_t *private_copy = opened(name, SHM_ARRAY_COPY_ON_WRITE);
    RC(EINVAL, shm_queue_send_array(queue, private_copy, 0, 0, 0));
    SAYS("copy-on-write");
    shm_array_close(private_copy);
    CHECK(receive_number(queue) == 1 && !got);

    /* A message that somebody else made up. */
    OK(shm_queue_send_array(queue, array, 0, 0, 0));
    shm_queue_message_t message = no_message();
    OK(shm_queue_take(queue, 0, &message));
    memset(message.data, 0xff, 16);
    OK(shm_queue_give_back(queue, &message));
    RC(SHM_ARRAY_ERR_VERSION, shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &got));
    CHECK(count_of(queue) == 0 && !got);
    shm_array_close(array);
    CHECK(exists(name)); /* kept for a receiver: that message was ours */
    OK(shm_array_unlink(name));
    shm_queue_close(queue);
    OK(shm_queue_unlink(queue_name));
    return 0;
}
