/* pipe_end_of_file.c - the file ends when the last writer is gone, closed or killed, and all is read; not before one came. */
#include "pipes.h"

int main(void)
{
    char name[64], got[100];
    size_t count = 77;
    int ready[2];
    CHECK(pipe(ready) == 0);
    shm_pipe_t *reader = new_pipe(unique_name(name, sizeof name), 0, SHM_PIPE_READER);
    RC(EAGAIN, shm_pipe_read(reader, got, sizeof got, 0, &count)); /* no writer came yet: no end */
    RC(ETIMEDOUT, shm_pipe_read(reader, got, sizeof got, MILLISECONDS(30), &count));

    shm_pipe_t *first = opened_pipe(name, SHM_PIPE_WRITER), *second = opened_pipe(name, SHM_PIPE_WRITER);
    CHECK(pipe_stat_of(reader).writers == 2 && pipe_stat_of(reader).readers == 1);
    write_all(first, "abc", 3);
    shm_pipe_close(first);
    CHECK(read_some(reader, got, 2) == 2);
    RC(EAGAIN, (read_some(reader, got, 2), shm_pipe_read(reader, got, sizeof got, 0, &count)));
    write_all(second, "def", 3);
    shm_pipe_close(second);
    CHECK(read_some(reader, got, sizeof got) == 3 && memcmp(got, "def", 3) == 0);
    CHECK(read_some(reader, got, sizeof got) == 0 && read_some(reader, got, sizeof got) == 0);

    /* Two that are killed, of which one lives longer. */
    pid_t children[2];
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            shm_pipe_t *writer = opened_pipe(name, SHM_PIPE_WRITER);
            write_all(writer, "x", 1);
            tell(ready);
            pause();
        }
    }
    hear(ready), hear(ready);
    kill(children[0], SIGKILL);
    siginfo_t info; /* a zombie is dead enough */
    CHECK(waitid(P_PID, (id_t)children[0], &info, WEXITED | WNOWAIT) == 0);
    CHECK(read_some(reader, got, sizeof got) == 2);
    RC(ETIMEDOUT, shm_pipe_read(reader, got, sizeof got, MILLISECONDS(50), &count));
    CHECK(pipe_stat_of(reader).writers == 1);
    kill(children[1], SIGKILL);
    CHECK(read_some(reader, got, sizeof got) == 0);
    CHECK(end_of(children[0]) == -SIGKILL && end_of(children[1]) == -SIGKILL);

    /* Somebody comes again: it goes on. */
    first = opened_pipe(name, SHM_PIPE_WRITER);
    RC(EAGAIN, shm_pipe_read(reader, got, sizeof got, 0, &count));
    write_all(first, "again", 5);
    CHECK(read_some(reader, got, sizeof got) == 5);
    shm_pipe_close(first);
    CHECK(read_some(reader, got, sizeof got) == 0);
    shm_pipe_close(reader);
    OK(shm_pipe_unlink(name));
    return 0;
}
