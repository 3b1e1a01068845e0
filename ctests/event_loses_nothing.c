/* event_loses_nothing.c - two processes that answer each other by bits, as fast as they can, lose no wake-up. */
#include "objects.h"

int main(void)
{
    enum { ASK = 1, LAST = 2, ANSWER = 4 };
    const int most = slowly() ? 200 : 20000; /* a machine may be too busy for all of them */
    shm_event_t *event = new_event(NULL);
    pid_t child = fork();
    if (child == 0) {
        uint64_t came = 0;
        for (int i = 0; !(came & LAST); i++) {
            OK(shm_event_wait(event, ASK | LAST, SHM_EVENT_ANY | SHM_EVENT_CONSUME, SECONDS(20), &came));
            if (i % 64 == 0)
                sleep_ms(1); /* now and then the other one sleeps, too */
            OK(shm_event_set(event, ANSWER));
        }
        _exit(0);
    }
    int64_t start = now_ns(), idle = start - busy_ns(getpid()), rounds = 0;
    for (int is_last = 0; !is_last;) {
        is_last = ++rounds == most || now_ns() - start > SECONDS(5);
        OK(shm_event_set(event, is_last ? LAST : ASK));
        OK(shm_event_wait(event, ANSWER, SHM_EVENT_ANY | SHM_EVENT_CONSUME, SECONDS(20), NULL));
    }
    idle = now_ns() - busy_ns(getpid()) - busy_ns(child) - idle;
    CHECK(slowly() || idle < SECONDS(2) + rounds * MILLISECONDS(1) / 10); /* each lost wake-up costs 20 ms */
    CHECK(end_of(child) == 0 && bits_of(event) == 0);
    shm_event_close(event);
    return 0;
}
