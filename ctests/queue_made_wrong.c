/* queue_made_wrong.c - queues that cannot be, names of something else, and what exists in another make: words. */
#include "queues.h"

int main(void)
{
    char name[64], array_name[64];
    shm_queue_t *out = NULL, *queue;
    shm_array_t *array = NULL;
    shm_object_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    unique_name(name, sizeof name);

    RC(EINVAL, shm_queue_create(name, 0, 8, NULL, 1, 0, NULL, &out));
    SAYS("messages");
    RC(EINVAL, shm_queue_create(name, SHM_QUEUE_MAX_CAPACITY + 1, 8, NULL, 1, 0, NULL, &out));
    RC(EINVAL, shm_queue_create(name, 4, 0, NULL, 1, 0, NULL, &out));
    RC(EINVAL, shm_queue_create(name, 4, UINT64_MAX, NULL, 1, 0, NULL, &out));
    RC(EINVAL, shm_queue_create(name, 4, 8, NULL, SHM_QUEUE_MAX_PRIORITIES + 1, 0, NULL, &out));
    SAYS("priorities");
    RC(EINVAL, shm_queue_create(name, 4, 8, NULL, 2, SHM_QUEUE_SPSC, NULL, &out));
    RC(EINVAL, shm_queue_create(name, 4, 8, NULL, 1, 64, NULL, &out));
    RC(EINVAL, shm_queue_create(name, 4, 7, "<f8", 1, 0, NULL, &out));
    RC(SHM_ARRAY_ERR_DTYPE, shm_queue_create(name, 4, 8, "object", 1, 0, NULL, &out));
    RC(EINVAL, shm_queue_create("a/b", 4, 8, NULL, 1, 0, NULL, &out));
    RC(ENOENT, shm_queue_open(name, SHM_OBJECT_WRITE, &out));
    RC(EINVAL, shm_queue_open(name, 3, &out));
    CHECK(!out && !exists(name));

    queue = new_queue(name, 4, 8, 0);
    RC(EEXIST, shm_queue_create(name, 4, 8, NULL, 1, 0, NULL, &out));
    options.flags = SHM_OBJECT_OR_OPEN;
    OK(shm_queue_create(name, 4, 8, NULL, 1, 0, &options, &out));
    send_number(out, 5);
    CHECK(receive_number(queue) == 5);
    shm_queue_close(out);
    RC(EEXIST, shm_queue_create(name, 5, 8, NULL, 1, 0, &options, &out));
    SAYS("room for 4 messages of 8 bytes");
    RC(EEXIST, shm_queue_create(name, 4, 8, "<u8", 1, 0, &options, &out));
    RC(EEXIST, shm_queue_create(name, 4, 8, NULL, 1, SHM_QUEUE_SPSC, &options, &out));

    RC(SHM_ARRAY_ERR_FORMAT, shm_array_open(name, SHM_ARRAY_READ, &array));
    SAYS("is a queue, not an array");
    array = new_doubles(unique_name(array_name, sizeof array_name), 3);
    RC(SHM_ARRAY_ERR_FORMAT, shm_queue_open(array_name, SHM_OBJECT_WRITE, &out));
    SAYS("is an array, not a queue");
    shm_array_close(array);
    OK(shm_array_unlink(array_name));
    shm_queue_close(queue);
    OK(shm_queue_unlink(name));
    return 0;
}
