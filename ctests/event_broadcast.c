/* event_broadcast.c - a set reaches all who wait, a consumed bit exactly one of them, a pulse those who wait now. */
#include "objects.h"

enum { WAITERS = 5 };
static pid_t children[WAITERS];

/* Children that wait for `mask`; returns when all of them sleep. */
static void begin_waiting(shm_event_t *event, uint64_t mask, uint32_t flags, int64_t timeout_ns)
{
    for (int i = 0; i < WAITERS; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            uint64_t came = 0;
            int code = shm_event_wait(event, mask, flags, timeout_ns, &came);
            _exit(code == 0 ? (int)came : 100 + (code == ETIMEDOUT));
        }
    }
    for (int i = 0; i < WAITERS; i++) {
        char path[64], state = 0;
        do {
            snprintf(path, sizeof path, "/proc/%d/stat", (int)children[i]);
            FILE *file = fopen(path, "r");
            CHECK(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && fclose(file) == 0);
        } while (state != 'S');
    }
    sleep_ms(50);
}

static int ended_with(int code)
{
    int count = 0;
    for (int i = 0; i < WAITERS; i++)
        count += end_of(children[i]) == code;
    return count;
}

int main(void)
{
    shm_event_t *event = new_event(NULL);

    begin_waiting(event, 0x3, SHM_EVENT_ANY, SECONDS(20));
    OK(shm_event_set(event, 0x2));
    CHECK(ended_with(0x2) == WAITERS);
    OK(shm_event_clear(event, 0x2));

    begin_waiting(event, 0x4, SHM_EVENT_ANY | SHM_EVENT_CONSUME, SECONDS(20));
    for (int i = 0; i < WAITERS; i++) {
        OK(shm_event_set(event, 0x4));
        while (bits_of(event))
            sleep_ms(1);
    }
    CHECK(ended_with(0x4) == WAITERS);
    begin_waiting(event, 0x4, SHM_EVENT_ANY | SHM_EVENT_CONSUME, SECONDS(20));
    OK(shm_event_set(event, 0x4));
    while (bits_of(event))
        sleep_ms(1);
    sleep_ms(200); /* who got it without being entitled to it ends, too */
    int got = 0;
    for (int i = 0; i < WAITERS; i++) {
        CHECK(kill(children[i], SIGKILL) == 0);
        int code = end_of(children[i]);
        CHECK(code == 0x4 || code == -SIGKILL);
        got += code == 0x4;
    }
    CHECK(got <= 1);

    begin_waiting(event, 0x30, SHM_EVENT_ALL, SECONDS(20));
    OK(shm_event_pulse(event, 0x10));
    CHECK(bits_of(event) == 0);
    OK(shm_event_pulse(event, 0x20));
    CHECK(ended_with(0x30) == WAITERS);
    RC(EBUSY, shm_event_wait(event, 0x30, SHM_EVENT_ANY, 0, NULL)); /* who comes later finds nothing */
    RC(ETIMEDOUT, shm_event_wait(event, 0x30, SHM_EVENT_ANY, MILLISECONDS(50), NULL));

    shm_event_close(event);
    return 0;
}
