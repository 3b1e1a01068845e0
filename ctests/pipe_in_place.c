/* pipe_in_place.c - peek and consume, reserve and commit; others have to wait, and a death or a close lets go. */
#include "pipes.h"

int main(void)
{
    char name[64], got[100];
    const void *seen = NULL;
    void *room = NULL;
    size_t len = 0, count = 77;
    int ready[2];
    CHECK(pipe(ready) == 0);
    shm_pipe_t *stream = new_pipe(unique_name(name, sizeof name), 4096, BOTH_ENDS);
    shm_pipe_t *other = opened_pipe(name, BOTH_ENDS);

    OK(shm_pipe_reserve(stream, 0, &room, &len));
    CHECK(len == 4096);
    memcpy(room, "hello, world", 12);
    RC(EAGAIN, shm_pipe_read(other, got, sizeof got, 0, &count));
    RC(EAGAIN, shm_pipe_write(other, "x", 1, 0, &count));
    SAYS("reserved");
    RC(EBUSY, shm_pipe_write(stream, "x", 1, 0, &count));
    RC(EBUSY, shm_pipe_reserve(stream, 0, &room, &len));
    RC(EPERM, shm_pipe_commit(other, 1));
    RC(EINVAL, shm_pipe_commit(stream, 4097));
    OK(shm_pipe_commit(stream, 12));
    RC(EPERM, shm_pipe_commit(stream, 1));
    OK(shm_pipe_reserve(stream, 0, &room, &len));
    OK(shm_pipe_commit(stream, 0));

    OK(shm_pipe_peek(stream, 0, &seen, &len));
    CHECK(len == 12 && memcmp(seen, "hello, world", 12) == 0);
    RC(EAGAIN, shm_pipe_read(other, got, sizeof got, 0, &count));
    RC(EBUSY, shm_pipe_read(stream, got, sizeof got, 0, &count));
    RC(EINVAL, shm_pipe_consume(stream, 13));
    OK(shm_pipe_consume(stream, 7));
    RC(EPERM, shm_pipe_consume(stream, 1));
    OK(shm_pipe_peek(other, 0, &seen, &len));
    CHECK(len == 5 && memcmp(seen, "world", 5) == 0);
    shm_pipe_close(other); /* lets go */
    CHECK(read_some(stream, got, sizeof got) == 5);

    /* Killed with room reserved and bytes peeked at: nothing was written, and nothing is lost. */
    write_all(stream, "stays", 5);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        OK(shm_pipe_reserve(stream, 0, &room, &len));
        OK(shm_pipe_peek(stream, 0, &seen, &len));
        memset(room, 'x', 5);
        tell(ready);
        pause();
    }
    hear(ready);
    RC(ETIMEDOUT, shm_pipe_write(stream, "!", 1, MILLISECONDS(30), &count));
    RC(ETIMEDOUT, shm_pipe_read(stream, got, sizeof got, MILLISECONDS(30), &count));
    kill(child, SIGKILL);
    write_all(stream, "!", 1);
    CHECK(read_some(stream, got, sizeof got) == 6 && memcmp(got, "stays!", 6) == 0);
    CHECK(end_of(child) == -SIGKILL);

    /* At the end of the ring as much as lies together; the rest comes next. */
    static char data[4096];
    memset(data, 'y', sizeof data);
    write_all(stream, data, 4000);
    CHECK(read_some(stream, data, 4000) == 4000);
    OK(shm_pipe_reserve(stream, 0, &room, &len));
    CHECK(len > 0 && len < 4096);
    memset(room, 'a', len);
    size_t first = len;
    OK(shm_pipe_commit(stream, first));
    OK(shm_pipe_reserve(stream, 0, &room, &len));
    CHECK(first + len == 4096);
    memset(room, 'b', len);
    OK(shm_pipe_commit(stream, len));
    RC(EAGAIN, shm_pipe_reserve(stream, 0, &room, &len));
    OK(shm_pipe_peek(stream, 0, &seen, &len));
    CHECK(len == first && *(const char *)seen == 'a');
    OK(shm_pipe_consume(stream, len));
    OK(shm_pipe_peek(stream, 0, &seen, &len));
    CHECK(len == 4096 - first && *(const char *)seen == 'b');
    OK(shm_pipe_consume(stream, len));
    shm_pipe_close(stream);
    OK(shm_pipe_unlink(name));
    return 0;
}
