/* notify_fork.c - a forked child asks for descriptors of its own, and ends without harm to its parent's. */
#include "objects.h"

static shm_event_t *event;

static void *fork_often(void *unused)
{
    for (int i = 0; i < (slowly() ? 3 : 40); i++) {
        pid_t child = fork();
        if (child == 0) {
            int own = -1;
            OK(shm_event_notify_fd(event, 0x10, SHM_EVENT_ANY, &own));
            OK(shm_event_set(event, 0x10));
            CHECK(readable(own, 5000));
            OK(shm_notify_close(own));
            _exit(0);
        }
        CHECK(end_of(child) == 0);
    }
    return unused;
}

int main(void)
{
    char name[64];
    int fd = -1;
    shm_object_options_t options = object_options(SHM_OBJECT_LAST_CLOSE);
    OK(shm_event_create(unique_name(name, sizeof name), NULL, 0, &options, &event));
    OK(shm_event_notify_fd(event, 1, SHM_EVENT_ANY, &fd));

    pid_t child = fork();
    if (child == 0) {
        int own = -1;
        CHECK(threads_running() == 1);
        RC(EBADF, shm_notify_close(fd)); /* its parent's */
        CHECK(close(fd) == 0);
        OK(shm_event_notify_fd(event, 1, SHM_EVENT_ANY, &own));
        CHECK(threads_running() == 2);
        OK(shm_event_set(event, 1));
        CHECK(readable(own, 5000));
        shm_event_close(event); /* with a watch */
        CHECK(exists(name));
        exit(0); /* with a thread */
    }
    CHECK(end_of(child) == 0);
    CHECK(readable(fd, 5000));
    drained(fd);

    /* Threads that fork while the helper is busy. */
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, fork_often, NULL) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    OK(shm_event_clear(event, 1));
    OK(shm_event_set(event, 1));
    CHECK(readable(fd, 5000));

    /* A child that closes what it inherited does not keep the event alive. */
    int closed[2], end[2];
    CHECK(pipe(closed) == 0 && pipe(end) == 0);
    child = fork();
    if (child == 0) {
        shm_event_close(event);
        close(fd);
        tell(closed);
        hear(end);
        _exit(0);
    }
    hear(closed);
    OK(shm_notify_close(fd));
    shm_event_close(event);
    CHECK(!exists(name));
    tell(end);
    CHECK(end_of(child) == 0);
    return 0;
}
