/* pipe_atomic.c - several writers and readers: pieces of up to SHM_PIPE_ATOMIC bytes are never torn apart. */
#include "pipes.h"

enum { WRITERS = 3 };

int main(void)
{
    int pieces = slowly() ? 200 : 5000;
    char name[64];
    shm_pipe_t *reader = new_pipe(unique_name(name, sizeof name), 10000, SHM_PIPE_READER);
    pid_t writers[WRITERS];
    for (int w = 0; w < WRITERS; w++)
        if ((writers[w] = fork()) == 0) {
            static unsigned char piece[SHM_PIPE_ATOMIC];
            shm_pipe_t *writer = opened_pipe(name, SHM_PIPE_WRITER);
            for (int i = 0; i < pieces; i++) {
                /* writer, length, and then the number of the piece again and again */
                uint16_t len = (uint16_t)(4 + (i * 37 + w * 501) % (SHM_PIPE_ATOMIC - 4));
                piece[0] = (unsigned char)w, memcpy(piece + 1, &len, 2);
                memset(piece + 3, i % 256, len - 3u);
                write_all(writer, piece, len);
            }
            shm_pipe_close(writer);
            _exit(0);
        }
    while (pipe_stat_of(reader).writers == 0 && bytes_in(reader) == 0)
        usleep(100);
    static unsigned char data[100000];
    size_t have = 0, got;
    int seen[WRITERS] = {0};
    do {
        got = read_some(reader, data + have, sizeof data - have);
        have += got;
        size_t at = 0;
        uint16_t len;
        while (have - at >= 3 && (memcpy(&len, data + at + 1, 2), have - at >= len)) {
            int w = data[at];
            CHECK(w < WRITERS && len == 4 + (seen[w] * 37 + w * 501) % (SHM_PIPE_ATOMIC - 4));
            for (uint16_t i = 3; i < len; i++)
                CHECK(data[at + i] == seen[w] % 256);
            seen[w]++;
            at += len;
        }
        memmove(data, data + at, have - at);
        have -= at;
        /* Between two writers the pipe may be at its end for a moment. */
    } while (got || seen[0] + seen[1] + seen[2] < WRITERS * pieces);
    CHECK(have == 0);
    for (int w = 0; w < WRITERS; w++)
        CHECK(end_of(writers[w]) == 0 && seen[w] == pieces);
    shm_pipe_close(reader);
    OK(shm_pipe_unlink(name));
    return 0;
}
