/* event_loses_nothing.c - two processes that answer each other by bits, as fast as they can, lose no wake-up. */
#include "objects.h"

int main(void)
{
    int rounds = slowly() ? 200 : 20000;
    shm_event_t *event = new_event(NULL);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < rounds; i++) {
            OK(shm_event_wait(event, 1, SHM_EVENT_ANY | SHM_EVENT_CONSUME, SECONDS(20), NULL));
            if (i % 64 == 0)
                sleep_ms(1); /* now and then the other one sleeps, too */
            OK(shm_event_set(event, 2));
        }
        _exit(0);
    }
    int64_t start = now_ns();
    for (int i = 0; i < rounds; i++) {
        OK(shm_event_set(event, 1));
        OK(shm_event_wait(event, 2, SHM_EVENT_ANY | SHM_EVENT_CONSUME, SECONDS(20), NULL));
    }
    CHECK(slowly() || now_ns() - start < SECONDS(30)); /* each lost wake-up costs 20 ms */
    CHECK(end_of(child) == 0 && bits_of(event) == 0);
    shm_event_close(event);
    return 0;
}
