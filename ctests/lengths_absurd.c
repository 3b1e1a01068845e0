/* lengths_absurd.c - a length of (size_t)-1, as an unchecked error gives it, is an error in words. */
#include "pipes.h"
#include "queues.h"

int main(void)
{
    const size_t absurd = (size_t)-1;
    char buffer[16] = "";
    size_t len = 0;
    uint64_t shape[] = {3};
    shm_array_t *array = NULL;
    shm_pipe_t *stream = new_pipe(NULL, 0, BOTH_ENDS);
    shm_queue_t *queue = new_queue(NULL, 3, 16, 0);
    OK(shm_pipe_write(stream, "abc", 3, 0, &len));
    OK(shm_queue_send(queue, "abc", 3, 0, 0));

    RC(EINVAL, shm_pipe_write(stream, buffer, absurd, 0, &len));
    SAYS("negative");
    RC(EINVAL, shm_pipe_read(stream, buffer, absurd, 0, &len));
    SAYS("negative");
    RC(EINVAL, shm_queue_send(queue, buffer, absurd, 0, 0));
    RC(EINVAL, shm_queue_receive(queue, buffer, absurd, 0, &len));
    RC(EINVAL, shm_array_create(NULL, "<f8", absurd, shape, NULL, &array));
    SAYS("64");

    OK(shm_pipe_read(stream, buffer, sizeof buffer, 0, &len));
    CHECK(len == 3);
    OK(shm_queue_receive(queue, buffer, sizeof buffer, 0, &len));
    CHECK(len == 3);
    shm_queue_close(queue);
    shm_pipe_close(stream);
    return 0;
}
