/* event_refused.c - what an event cannot do is refused in words, and leaves everything as it was. */
#include "objects.h"

int main(void)
{
    char name[64];
    uint64_t bits = 77;
    int fd = -1;
    shm_event_t *event = new_event(unique_name(name, sizeof name)), *out = NULL;
    RC(EINVAL, shm_event_set(event, 0));
    SAYS("no bit");
    RC(EINVAL, shm_event_wait(event, 0, SHM_EVENT_ANY, 0, &bits));
    RC(EINVAL, shm_event_wait(event, 1, 0, 0, &bits));
    SAYS("SHM_EVENT_ANY");
    RC(EINVAL, shm_event_wait(event, 1, SHM_EVENT_ANY | SHM_EVENT_ALL, 0, &bits));
    RC(EINVAL, shm_event_wait(event, 1, SHM_EVENT_ANY | 8, 0, &bits));
    SAYS("0x9");
    RC(EINVAL, shm_event_set(NULL, 1));
    SAYS("event is NULL");
    RC(EINVAL, shm_event_clear(NULL, 1));
    RC(EINVAL, shm_event_pulse(NULL, 1));
    RC(EINVAL, shm_event_wait(NULL, 1, SHM_EVENT_ANY, 0, &bits));
    RC(EINVAL, shm_event_bit(event, NULL, &bits));
    RC(EINVAL, shm_event_bit(event, "X", NULL));
    RC(ENOENT, shm_event_bit(event, "X", &bits));
    SAYS("no names");
    RC(EINVAL, shm_event_stat(NULL, NULL));
    RC(EINVAL, shm_event_open(NULL, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_event_open(name, 0, &out));
    RC(EBADF, shm_event_open_fd(-1, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_event_fd(NULL, &fd));
    shm_semaphore_t *semaphore = NULL;
    RC(SHM_ARRAY_ERR_FORMAT, shm_semaphore_open(name, SHM_OBJECT_WRITE, &semaphore));
    SAYS("is an event, not a semaphore");
    CHECK(shm_event_name(NULL) == NULL && shm_event_bit_name(NULL, 0) == NULL && shm_event_bit_name(event, 1000) == NULL);
    CHECK(bits == 77 && out == NULL && fd == -1 && bits_of(event) == 0);

    OK(shm_event_fd(event, &fd));
    OK(shm_event_open_fd(fd, SHM_OBJECT_WRITE, &out));
    OK(shm_event_set(out, 8));
    CHECK(bits_of(event) == 8 && close(fd) == 0);
    shm_event_close(out);
    shm_event_close(NULL);
    shm_event_close(event);
    OK(shm_event_unlink(name));
    return 0;
}
