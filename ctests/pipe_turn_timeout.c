/* pipe_turn_timeout.c - who waits for another one's turn to end waits no longer than its own time. */
#include "objects.h"
#include "pipes.h"

int main(void)
{
    char name[64];
    void *place = NULL;
    const void *bytes = NULL;
    size_t room = 0, count = 0;
    const int waits = 30;
    int64_t least = INT64_MAX;
    shm_pipe_t *holder = new_pipe(unique_name(name, sizeof name), 0, BOTH_ENDS), *waiter = opened_pipe(name, BOTH_ENDS);
    OK(shm_pipe_write(holder, "abc", 3, 0, &count));
    OK(shm_pipe_reserve(holder, 0, &place, &room));
    OK(shm_pipe_peek(holder, 0, &bytes, &room));
    RC(EAGAIN, shm_pipe_write(waiter, "x", 1, 0, &count));

    /* Five milliseconds each, and not the hundred attempts of a millisecond that spinning would be; on a busy machine
     * some are later. */
    for (int i = 0; i < waits; i++) {
        char byte;
        int64_t begin = now_ns();
        RC(ETIMEDOUT, shm_pipe_write(waiter, "x", 1, MILLISECONDS(5), &count));
        RC(ETIMEDOUT, shm_pipe_read(waiter, &byte, 1, MILLISECONDS(5), &count));
        int64_t waited = now_ns() - begin;
        least = waited < least ? waited : least;
    }
    CHECK(least >= MILLISECONDS(10) && (slowly() || least < MILLISECONDS(50)));

    OK(shm_pipe_commit(holder, 0));
    OK(shm_pipe_consume(holder, 0));
    OK(shm_pipe_write(waiter, "x", 1, 0, &count));
    shm_pipe_close(waiter);
    shm_pipe_close(holder);
    OK(shm_pipe_unlink(name));
    return 0;
}
