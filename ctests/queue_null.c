/* queue_null.c - NULL is an ordinary error; a handle for reading looks, and neither sends nor receives. */
#include "queues.h"

int main(void)
{
    char name[64];
    uint64_t number = 77;
    size_t len = 77;
    int descriptor = 77;
    shm_queue_t *untouched = (shm_queue_t *)&number, *out = untouched;
    shm_queue_message_t message = no_message();
    shm_queue_stat_t figures;
    memset(&figures, 0x55, sizeof figures), figures.size = sizeof figures;
    shm_queue_t *queue = new_queue(unique_name(name, sizeof name), 4, 8, 0);

    RC(EINVAL, shm_queue_create("ctest-null", 4, 8, NULL, 1, 0, NULL, NULL));
    RC(EINVAL, shm_queue_open(NULL, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_queue_open(name, SHM_OBJECT_READ, NULL));
    RC(EINVAL, shm_queue_open_typed(NULL, NULL, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_queue_open_fd(0, SHM_OBJECT_READ, NULL));
    RC(EBADF, shm_queue_open_fd(-1, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_queue_fd(NULL, &descriptor));
    RC(EINVAL, shm_queue_fd(queue, NULL));
    RC(EINVAL, shm_queue_send(NULL, &number, 8, 0, 0));
    SAYS("queue");
    RC(EINVAL, shm_queue_send(queue, NULL, 8, 0, 0));
    SAYS("data");
    RC(EINVAL, shm_queue_send_many(queue, NULL, &len, 1, 0, 0, &len));
    RC(EINVAL, shm_queue_send_many(NULL, NULL, NULL, 0, 0, 0, &len));
    RC(EINVAL, shm_queue_send_many(queue, NULL, NULL, 0, 0, 0, NULL));
    OK(shm_queue_send(queue, NULL, 0, 0, 0));
    RC(EINVAL, shm_queue_receive(NULL, &number, 8, 0, &len));
    RC(EINVAL, shm_queue_receive(queue, NULL, 8, 0, &len));
    RC(EINVAL, shm_queue_receive(queue, &number, 8, 0, NULL));
    RC(EINVAL, shm_queue_receive_many(queue, &number, 8, 1, 0, NULL, &len));
    RC(EINVAL, shm_queue_receive_many(queue, NULL, 8, 1, 0, &len, &len));
    RC(EINVAL, shm_queue_reserve(NULL, 0, &message));
    RC(EINVAL, shm_queue_reserve(queue, 0, NULL));
    RC(EINVAL, shm_queue_take(NULL, 0, &message));
    RC(EINVAL, shm_queue_take(queue, 0, NULL));
    RC(EINVAL, shm_queue_commit(queue, NULL));
    RC(EINVAL, shm_queue_commit(NULL, &message));
    RC(EINVAL, shm_queue_cancel(queue, NULL));
    RC(EINVAL, shm_queue_release(queue, NULL));
    RC(EINVAL, shm_queue_give_back(queue, NULL));
    RC(EINVAL, shm_queue_finish(NULL));
    RC(EINVAL, shm_queue_count(NULL, &number));
    RC(EINVAL, shm_queue_count(queue, NULL));
    RC(EINVAL, shm_queue_stat(NULL, &figures));
    RC(EINVAL, shm_queue_stat(queue, NULL));
    RC(EINVAL, shm_queue_unlink(NULL));
    CHECK(shm_queue_name(NULL) == NULL && shm_queue_dtype(NULL) == NULL);
    shm_queue_close(NULL);
    CHECK(out == untouched && number == 77 && len == 77 && descriptor == 77 && figures.capacity == 0x5555555555555555);
    OK(shm_queue_receive(queue, NULL, 0, 0, &len));
    CHECK(len == 0 && strcmp(shm_queue_name(queue), name) == 0 && strcmp(shm_queue_dtype(queue), "") == 0);

    /* For reading. */
    OK(shm_queue_open(name, SHM_OBJECT_READ, &out));
    send_number(queue, 1);
    CHECK(count_of(out) == 1 && queue_stat_of(out).sent == 2);
    RC(EACCES, shm_queue_send(out, &number, 8, 0, FOREVER));
    RC(EACCES, shm_queue_receive(out, &number, 8, FOREVER, &len));
    RC(EACCES, shm_queue_reserve(out, FOREVER, &message));
    RC(EACCES, shm_queue_finish(out));
    shm_queue_close(out);

    /* A message with no token of ours. */
    message.token = UINT64_MAX;
    RC(EPERM, shm_queue_release(queue, &message));
    message.size = 3;
    RC(EINVAL, shm_queue_release(queue, &message));
    shm_queue_close(queue);
    OK(shm_queue_unlink(name));
    return 0;
}
