/* pipe_stream.c - bytes come out as they went in, in any pieces, across the end of the ring. */
#include "pipes.h"

int main(void)
{
    static unsigned char in[20000], out[20000];
    char name[64];
    shm_pipe_t *stream = new_pipe(unique_name(name, sizeof name), 5000, BOTH_ENDS);
    unsigned next_in = 0, next_out = 0, seed = 1;
    for (int round = 0; round < 20000; round++) {
        seed = seed * 1103515245 + 12345;
        size_t len = (seed >> 8) % 3000, count;
        if (seed & 0x40000000) {
            for (size_t i = 0; i < len; i++)
                in[i] = (unsigned char)((next_in + i) % 251);
            int code = shm_pipe_write(stream, in, len, 0, &count);
            if (code == EAGAIN)
                continue;
            RC(0, code);
            CHECK(count == len);
            next_in += (unsigned)count;
        } else {
            int code = shm_pipe_read(stream, out, len, 0, &count);
            if (code == EAGAIN) {
                CHECK(next_in == next_out && len);
                continue;
            }
            RC(0, code);
            CHECK(count <= len && (count == len || count == next_in - next_out));
            for (size_t i = 0; i < count; i++)
                CHECK(out[i] == (next_out + i) % 251);
            next_out += (unsigned)count;
        }
        CHECK(bytes_in(stream) == next_in - next_out);
    }
    CHECK(next_in > 1000000 && pipe_stat_of(stream).written == next_in);
    shm_pipe_close(stream);
    OK(shm_pipe_unlink(name));
    return 0;
}
