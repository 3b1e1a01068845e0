/* notify_array.c - a descriptor becomes readable at each completed write, for writers and for readers of the array. */
#include "objects.h"
#include <sys/epoll.h>

int main(void)
{
    char name[64];
    int fds[2] = {-1, -1};
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    shm_array_t *reader = opened(name, SHM_ARRAY_READ);
    OK(shm_array_notify_fd(array, 0, &fds[0]));
    OK(shm_array_notify_fd(reader, 0, &fds[1]));
    int queue = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        struct epoll_event asked;
        memset(&asked, 0, sizeof asked);
        asked.events = EPOLLIN, asked.data.fd = fds[i];
        CHECK(epoll_ctl(queue, EPOLL_CTL_ADD, fds[i], &asked) == 0);
    }
    struct epoll_event told[2];
    CHECK(epoll_wait(queue, told, 2, 150) == 0);
    for (int round = 0; round < 5; round++) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        CHECK(epoll_wait(queue, told, 2, 50) == 0); /* a lock alone is no news */
        OK(shm_array_unlock(array));
        for (int i = 0; i < 2; i++) {
            CHECK(readable(fds[i], 5000));
            drained(fds[i]);
        }
        CHECK(epoll_wait(queue, told, 2, 50) == 0);
    }

    /* A generation that is past already is told at once. */
    int late = -1;
    OK(shm_array_notify_fd(array, 4, &late));
    CHECK(readable(late, 0));
    OK(shm_notify_close(late));
    OK(shm_array_notify_fd(array, 5, &late));
    CHECK(!readable(late, 100));

    RC(EINVAL, shm_array_notify_fd(NULL, 0, &late));
    RC(EINVAL, shm_array_notify_fd(array, 0, NULL));
    CHECK(close(queue) == 0);
    shm_array_close(array); /* with two watches on it */
    array = opened(name, SHM_ARRAY_WRITE);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));
    CHECK(!readable(fds[0], 100));
    shm_array_close(array);
    CHECK(close(fds[0]) == 0 && close(late) == 0);
    OK(shm_notify_close(fds[1]));
    shm_array_close(reader);
    OK(shm_array_unlink(name));
    return 0;
}
