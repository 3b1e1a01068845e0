/* pipe_fork.c - a child uses its parent's pipe, has nothing of what the parent reserved, and counts from its first call. */
#include "pipes.h"

int main(void)
{
    char got[10];
    void *room = NULL;
    size_t len = 0, count = 0;
    shm_pipe_t *stream = new_pipe(NULL, 0, BOTH_ENDS);
    CHECK(strcmp(shm_pipe_name(stream), "") == 0);
    OK(shm_pipe_reserve(stream, 0, &room, &len));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        RC(EPERM, shm_pipe_commit(stream, 1));
        RC(ETIMEDOUT, shm_pipe_write(stream, "x", 1, MILLISECONDS(20), &count));
        CHECK(pipe_stat_of(stream).writers == 2);
        shm_pipe_close(stream);
        _exit(0);
    }
    CHECK(end_of(child) == 0 && pipe_stat_of(stream).writers == 1);
    memcpy(room, "parent", 6);
    OK(shm_pipe_commit(stream, 6));
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(read_some(stream, got, 6) == 6 && memcmp(got, "parent", 6) == 0);
        write_all(stream, "child", 5);
        _exit(0); /* without closing */
    }
    CHECK(end_of(child) == 0);
    CHECK(read_some(stream, got, sizeof got) == 5 && memcmp(got, "child", 5) == 0);
    shm_pipe_close(stream);
    return 0;
}
