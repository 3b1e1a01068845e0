/* pipes.h - what the tests of pipes begin with. */
#ifndef PIPES_H
#define PIPES_H

#include "given.h"

enum { BOTH_ENDS = SHM_PIPE_READER | SHM_PIPE_WRITER };

static inline shm_pipe_t *new_pipe(const char *name, uint64_t capacity, uint32_t ends)
{
    shm_pipe_t *made = NULL;
    OK(shm_pipe_create(name, capacity, ends, NULL, &made));
    return made;
}

static inline shm_pipe_t *opened_pipe(const char *name, uint32_t ends)
{
    shm_pipe_t *found = NULL;
    OK(shm_pipe_open(name, ends, &found));
    return found;
}

static inline shm_pipe_stat_t pipe_stat_of(const shm_pipe_t *stream)
{
    shm_pipe_stat_t figures;
    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    OK(shm_pipe_stat(stream, &figures));
    return figures;
}

static inline uint64_t bytes_in(const shm_pipe_t *stream)
{
    uint64_t count = 77;
    OK(shm_pipe_count(stream, &count));
    return count;
}

static inline void write_all(const shm_pipe_t *stream, const void *data, size_t len)
{
    size_t written = 0;
    OK(shm_pipe_write(stream, data, len, SECONDS(10), &written));
    CHECK(written == len);
}

static inline size_t read_some(const shm_pipe_t *stream, void *data, size_t room)
{
    size_t len = 77;
    OK(shm_pipe_read(stream, data, room, SECONDS(10), &len));
    return len;
}
#endif
