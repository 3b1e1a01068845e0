/* notify_pipe.c - a descriptor becomes readable when bytes come, and at the end of the file, also by a kill. */
#include "objects.h"
#include "pipes.h"

int main(void)
{
    char name[64], got[10];
    int fd = -1, go[2];
    shm_pipe_t *reader = new_pipe(unique_name(name, sizeof name), 0, SHM_PIPE_READER);
    OK(shm_pipe_notify_fd(reader, &fd));
    CHECK(!readable(fd, 50) && pipe(go) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        shm_pipe_t *writer = opened_pipe(name, SHM_PIPE_WRITER);
        write_all(writer, "abc", 3);
        hear(go);
        usleep(100000);
        write_all(writer, "def", 3);
        hear(go);
        usleep(100000);
        raise(SIGKILL);
    }
    CHECK(readable(fd, 5000));
    drained(fd);
    CHECK(read_some(reader, got, sizeof got) == 3);
    tell(go);
    CHECK(readable(fd, 5000));
    drained(fd);
    CHECK(read_some(reader, got, sizeof got) == 3);
    tell(go);
    CHECK(readable(fd, 5000));
    CHECK(read_some(reader, got, sizeof got) == 0);
    CHECK(end_of(child) == -SIGKILL);

    /* No less one byte of a new writer, which stays. */
    drained(fd);
    shm_pipe_t *writer = opened_pipe(name, SHM_PIPE_WRITER);
    write_all(writer, "g", 1);
    CHECK(readable(fd, 5000));
    CHECK(read_some(reader, got, sizeof got) == 1);

    int none = -1;
    RC(EBADF, shm_pipe_notify_fd(writer, &none));
    RC(EINVAL, shm_pipe_notify_fd(NULL, &none));
    RC(EINVAL, shm_pipe_notify_fd(reader, NULL));
    shm_pipe_close(writer);
    OK(shm_notify_close(fd));
    shm_pipe_close(reader);
    OK(shm_pipe_unlink(name));
    return 0;
}
