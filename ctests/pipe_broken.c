/* pipe_broken.c - EPIPE when the last reader is gone, closed or killed; bytes wait before the first has come. */
#include "pipes.h"

int main(void)
{
    static char data[9000];
    char name[64], got[10];
    size_t count = 77;
    int ready[2], go[2];
    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    shm_pipe_t *writer = new_pipe(unique_name(name, sizeof name), 8192, SHM_PIPE_WRITER);
    write_all(writer, "early", 5);
    OK(shm_pipe_write(writer, data, 9000, 0, &count));
    RC(ETIMEDOUT, shm_pipe_write(writer, data, 1, MILLISECONDS(30), &count)); /* full, and no reader came yet */
    shm_pipe_t *reader = opened_pipe(name, SHM_PIPE_READER);
    CHECK(read_some(reader, got, 5) == 5 && memcmp(got, "early", 5) == 0);
    write_all(writer, "more", 4);
    shm_pipe_close(reader);
    RC(EPIPE, shm_pipe_write(writer, "x", 1, 0, &count));
    RC(EPIPE, shm_pipe_write(writer, data, 9000, FOREVER, &count));
    SAYS("nobody reads");

    /* It is full, and its reader is killed while we wait. */
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        reader = opened_pipe(name, SHM_PIPE_READER);
        tell(ready);
        hear(go);
        usleep(100000);
        raise(SIGKILL);
    }
    hear(ready);
    CHECK(pipe_stat_of(writer).readers == 1);
    RC(EAGAIN, shm_pipe_write(writer, data, 9000, 0, &count));
    tell(go);
    RC(EPIPE, shm_pipe_write(writer, data, 9000, SECONDS(10), &count));
    CHECK(end_of(child) == -SIGKILL && pipe_stat_of(writer).readers == 0);
    shm_pipe_close(writer);
    OK(shm_pipe_unlink(name));
    return 0;
}
