/* notify_thousand.c - a thousand descriptors in one process. [no valgrind: it has a descriptor limit of its own] */
#include "objects.h"
#include <sys/resource.h>

enum { EVENTS = 200, EACH = 5 };
static shm_event_t *events[EVENTS];
static int fds[EVENTS][EACH];

int main(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_max < 4096)
        skip("needs 4,096 descriptors");
    limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);

    for (int e = 0; e < EVENTS; e++) {
        events[e] = new_event(NULL);
        for (int i = 0; i < EACH; i++)
            OK(shm_event_notify_fd(events[e], 1, SHM_EVENT_ANY, &fds[e][i]));
    }
    CHECK(threads_running() == 1 + (EVENTS + 126) / 127);
    for (int round = 0; round < 2; round++) {
        for (int e = 0; e < EVENTS; e++) {
            OK(shm_event_set(events[e], 1));
            for (int i = 0; i < EACH; i++)
                CHECK(readable(fds[e][i], 5000));
            for (int i = 0; i < EACH; i++)
                drained(fds[e][i]);
            CHECK(!readable(fds[(e + 1) % EVENTS][0], 0));
            OK(shm_event_clear(events[e], 1));
        }
    }
    for (int e = 0; e < EVENTS; e++) {
        for (int i = 1; i < EACH; i++)
            OK(shm_notify_close(fds[e][i]));
        shm_event_close(events[e]);
        CHECK(close(fds[e][0]) == 0);
    }
    for (int i = 0; i < 500 && threads_running() > 1; i++)
        sleep_ms(10);
    CHECK(threads_running() == 1);

    /* And a thousand of one event: one thread. */
    static int thousand[1000];
    shm_event_t *event = new_event(NULL);
    for (int i = 0; i < 1000; i++)
        OK(shm_event_notify_fd(event, 1, SHM_EVENT_ANY, &thousand[i]));
    CHECK(threads_running() == 2);
    OK(shm_event_set(event, 1));
    for (int i = 0; i < 1000; i++)
        CHECK(readable(thousand[i], 5000));

    /* Where descriptors run out, the words say so. */
    limit.rlim_cur = (rlim_t)descriptors_open() + 1;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int fd = -1;
    RC(EMFILE, shm_event_notify_fd(event, 1, SHM_EVENT_ANY, &fd));
    SAYS("ulimit -n");
    CHECK(fd == -1);
    shm_event_close(event);
    return 0;
}
