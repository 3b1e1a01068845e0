/* pipe_full_and_empty.c - a full pipe takes what it can of a long write, and a short one whole or not at all. */
#include "pipes.h"

int main(void)
{
    static char data[10000], got[10000];
    char name[64];
    size_t count = 77;
    shm_pipe_t *stream = new_pipe(unique_name(name, sizeof name), 8192, BOTH_ENDS);
    RC(EAGAIN, shm_pipe_read(stream, got, 10, 0, &count));
    SAYS("empty");
    RC(ETIMEDOUT, shm_pipe_read(stream, got, 10, MILLISECONDS(20), &count));
    CHECK(count == 77);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i % 127);
    OK(shm_pipe_write(stream, data, 10000, 0, &count));
    CHECK(count == 8192);
    RC(EAGAIN, shm_pipe_write(stream, data, 1, 0, &count));
    SAYS("8192");
    RC(ETIMEDOUT, shm_pipe_write(stream, data, 10000, MILLISECONDS(20), &count));
    CHECK(read_some(stream, got, 4095) == 4095);
    RC(EAGAIN, shm_pipe_write(stream, data, SHM_PIPE_ATOMIC, 0, &count)); /* one byte too many: none */
    RC(ETIMEDOUT, shm_pipe_write(stream, data, 9000, MILLISECONDS(20), &count)); /* too little room for a piece */
    CHECK(bytes_in(stream) == 8192 - 4095);
    OK(shm_pipe_write(stream, data, 4095, 0, &count));
    CHECK(count == 4095 && bytes_in(stream) == 8192);
    CHECK(read_some(stream, got, 8192) == 8192 && memcmp(got, data + 4095, 4097) == 0);
    OK(shm_pipe_write(stream, data, 10000, MILLISECONDS(20), &count)); /* what there was room for in time */
    CHECK(count == 8192);
    OK(shm_pipe_write(stream, NULL, 0, 0, &count));
    OK(shm_pipe_read(stream, NULL, 0, 0, &count));
    CHECK(count == 0);
    shm_pipe_close(stream);
    OK(shm_pipe_unlink(name));
    return 0;
}
