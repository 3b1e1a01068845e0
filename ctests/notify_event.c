/* notify_event.c - a descriptor becomes readable when bits are set, by whomever, and not for anything else. */
#include "objects.h"

int main(void)
{
    char name[64];
    int any = -1, all = -1, reading = -1;
    CHECK(threads_running() == 1);
    shm_event_t *event = new_event(unique_name(name, sizeof name));
    shm_event_t *reader = opened_event(name, SHM_OBJECT_READ);
    OK(shm_event_notify_fd(event, 0x3, SHM_EVENT_ANY, &any));
    OK(shm_event_notify_fd(event, 0x3, SHM_EVENT_ALL, &all));
    OK(shm_event_notify_fd(reader, 0x3, SHM_EVENT_ANY, &reading));
    CHECK(threads_running() == 2); /* one for all of them */
    CHECK(!readable(any, 150) && !readable(all, 0) && !readable(reading, 0));
    OK(shm_event_set(event, 0x4));
    CHECK(!readable(any, 150));

    pid_t child = fork();
    if (child == 0) {
        OK(shm_event_set(event, 0x1));
        _exit(0);
    }
    CHECK(readable(any, 5000) && readable(reading, 5000) && !readable(all, 0));
    CHECK(end_of(child) == 0);
    CHECK(drained(any) == 1);
    /* What was told is not told again; the bit is still set. */
    CHECK(!readable(any, 200));
    OK(shm_event_wait(event, 0x1, SHM_EVENT_ANY | SHM_EVENT_CONSUME, 0, NULL));
    CHECK(!readable(any, 150));
    OK(shm_event_set(event, 0x3));
    CHECK(readable(any, 5000) && readable(all, 5000));
    drained(any), drained(all);

    /* A pulse tells, too. */
    OK(shm_event_clear(event, 0x3));
    OK(shm_event_pulse(event, 0x2));
    CHECK(readable(any, 5000) && !readable(all, 150));

    /* What is set already is told at once. */
    int late = -1;
    OK(shm_event_notify_fd(event, 0x4, SHM_EVENT_ANY, &late));
    CHECK(readable(late, 0));

    /* Again and again, each set after a look: none is missed. */
    drained(any);
    int64_t start = now_ns(), idle = start - busy_ns(getpid()), rounds = 0;
    const int most = slowly() ? 20 : 3000; /* a machine may be too busy for all of them */
    for (; rounds < most && now_ns() - start < SECONDS(5); rounds++) {
        OK(shm_event_set(event, 0x1));
        do {
            CHECK(readable(any, 5000));
            drained(any);
        } while (shm_event_wait(event, 0x1, SHM_EVENT_ANY | SHM_EVENT_CONSUME, 0, NULL) != 0);
    }
    idle = now_ns() - busy_ns(getpid()) - idle;
    CHECK(slowly() || idle < SECONDS(2) + rounds * MILLISECONDS(1) / 10); /* each that is missed costs 80 ms */

    OK(shm_notify_close(any));
    RC(EBADF, shm_notify_close(any));
    SAYS("not a descriptor that this process is notified by");
    OK(shm_notify_close(late));
    OK(shm_notify_close(all));
    /* The handle ends the rest; the number stays the caller's. */
    shm_event_close(reader);
    RC(EBADF, shm_notify_close(reading));
    CHECK(close(reading) == 0);
    for (int i = 0; i < 500 && threads_running() > 1; i++)
        sleep_ms(10);
    CHECK(threads_running() == 1);

    RC(EINVAL, shm_event_notify_fd(NULL, 1, SHM_EVENT_ANY, &any));
    RC(EINVAL, shm_event_notify_fd(event, 0, SHM_EVENT_ANY, &any));
    RC(EINVAL, shm_event_notify_fd(event, 1, SHM_EVENT_ANY | SHM_EVENT_CONSUME, &any));
    RC(EINVAL, shm_event_notify_fd(event, 1, SHM_EVENT_ANY, NULL));
    shm_event_close(event);
    OK(shm_event_unlink(name));
    return 0;
}
