/* pipe_null.c - NULL, wrong ends, wrong names, wrong capacities: words, and nothing is touched. */
#include "pipes.h"

int main(void)
{
    char name[64], got[10] = "untouched";
    size_t len = 77;
    uint64_t number = 77;
    int descriptor = 77;
    const void *seen = got;
    void *room = got;
    shm_object_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    shm_pipe_t *untouched = (shm_pipe_t *)&number, *out = untouched;
    shm_pipe_stat_t figures;
    memset(&figures, 0x55, sizeof figures), figures.size = sizeof figures;
    unique_name(name, sizeof name);

    RC(EINVAL, shm_pipe_create(name, 4095, 0, NULL, &out));
    SAYS("4096");
    RC(EINVAL, shm_pipe_create(name, UINT64_MAX, 0, NULL, &out));
    RC(EINVAL, shm_pipe_create(name, 0, 1, NULL, &out));
    RC(EINVAL, shm_pipe_create(name, 0, 0, NULL, NULL));
    RC(EINVAL, shm_pipe_create("a/b", 0, 0, NULL, &out));
    RC(ENOENT, shm_pipe_open(name, SHM_PIPE_READER, &out));
    CHECK(!exists(name) && out == untouched);

    shm_pipe_t *stream = new_pipe(name, 0, BOTH_ENDS);
    CHECK(pipe_stat_of(stream).capacity == 65536 && strcmp(shm_pipe_name(stream), name) == 0);
    RC(EEXIST, shm_pipe_create(name, 0, 0, NULL, &out));
    options.flags = SHM_OBJECT_OR_OPEN;
    RC(EEXIST, shm_pipe_create(name, 8192, 0, &options, &out));
    SAYS("65536");
    OK(shm_pipe_create(name, 65536, 0, &options, &out));
    RC(EBADF, shm_pipe_read(out, got, 1, 0, &len));
    SAYS("SHM_PIPE_READER");
    RC(EBADF, shm_pipe_write(out, got, 1, 0, &len));
    RC(EBADF, shm_pipe_peek(out, 0, &seen, &len));
    RC(EBADF, shm_pipe_reserve(out, 0, &room, &len));
    shm_pipe_close(out);
    out = untouched;

    RC(EINVAL, shm_pipe_open(NULL, SHM_PIPE_READER, &out));
    RC(EINVAL, shm_pipe_open(name, SHM_PIPE_READER, NULL));
    RC(EINVAL, shm_pipe_open(name, 0, &out));
    RC(EINVAL, shm_pipe_open(name, SHM_PIPE_READER | SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_pipe_open_fd(0, SHM_PIPE_READER, NULL));
    RC(EBADF, shm_pipe_open_fd(-1, SHM_PIPE_READER, &out));
    RC(EINVAL, shm_pipe_fd(NULL, &descriptor));
    RC(EINVAL, shm_pipe_fd(stream, NULL));
    RC(EINVAL, shm_pipe_write(NULL, got, 1, 0, &len));
    SAYS("pipe");
    RC(EINVAL, shm_pipe_write(stream, NULL, 1, 0, &len));
    RC(EINVAL, shm_pipe_write(stream, got, 1, 0, NULL));
    RC(EINVAL, shm_pipe_read(NULL, got, 1, 0, &len));
    RC(EINVAL, shm_pipe_read(stream, NULL, 1, 0, &len));
    RC(EINVAL, shm_pipe_read(stream, got, 1, 0, NULL));
    RC(EINVAL, shm_pipe_peek(NULL, 0, &seen, &len));
    RC(EINVAL, shm_pipe_peek(stream, 0, NULL, &len));
    RC(EINVAL, shm_pipe_peek(stream, 0, &seen, NULL));
    RC(EINVAL, shm_pipe_reserve(NULL, 0, &room, &len));
    RC(EINVAL, shm_pipe_reserve(stream, 0, NULL, &len));
    RC(EINVAL, shm_pipe_reserve(stream, 0, &room, NULL));
    RC(EINVAL, shm_pipe_consume(NULL, 0));
    RC(EINVAL, shm_pipe_commit(NULL, 0));
    RC(EINVAL, shm_pipe_count(NULL, &number));
    RC(EINVAL, shm_pipe_count(stream, NULL));
    RC(EINVAL, shm_pipe_stat(NULL, &figures));
    RC(EINVAL, shm_pipe_stat(stream, NULL));
    RC(EINVAL, shm_pipe_unlink(NULL));
    CHECK(shm_pipe_name(NULL) == NULL);
    shm_pipe_close(NULL);
    CHECK(out == untouched && len == 77 && number == 77 && descriptor == 77 && figures.capacity == 0x5555555555555555);
    CHECK(seen == got && room == got && strcmp(got, "untouched") == 0 && bytes_in(stream) == 0);

    /* To look: it counts as nobody. */
    shm_pipe_t *looker = opened_pipe(name, SHM_OBJECT_READ);
    CHECK(pipe_stat_of(looker).readers == 1 && pipe_stat_of(looker).writers == 1);
    RC(EBADF, shm_pipe_read(looker, got, 1, FOREVER, &len));
    shm_pipe_close(looker);

    shm_queue_t *queue = NULL;
    RC(SHM_ARRAY_ERR_FORMAT, shm_queue_open(name, SHM_OBJECT_WRITE, &queue));
    SAYS("is a pipe, not a queue");
    shm_pipe_close(stream);
    OK(shm_pipe_unlink(name));
    return 0;
}
