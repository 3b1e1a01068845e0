/* barrier_refused.c - what a barrier cannot do is refused in words. */
#include "objects.h"

int main(void)
{
    char name[64];
    unique_name(name, sizeof name);
    shm_barrier_t *barrier = NULL, *out = NULL;
    uint32_t index = 77;
    int fd = -1;
    RC(EINVAL, shm_barrier_create(name, 0, NULL, &out));
    SAYS("from 1 to 65535");
    RC(EINVAL, shm_barrier_create(name, 65536, NULL, &out));
    RC(EINVAL, shm_barrier_create(name, 2, NULL, NULL));
    CHECK(!exists(name) && out == NULL);
    OK(shm_barrier_create(name, 2, NULL, &barrier));
    shm_object_options_t options = object_options(SHM_OBJECT_OR_OPEN);
    RC(EEXIST, shm_barrier_create(name, 3, &options, &out));
    SAYS("for 2 participants, not 3");
    OK(shm_barrier_create(name, 2, &options, &out));
    shm_barrier_close(out);
    out = NULL;

    OK(shm_barrier_open(name, SHM_OBJECT_READ, &out));
    RC(EACCES, shm_barrier_wait(out, 0, &index));
    RC(EACCES, shm_barrier_join(out));
    RC(EACCES, shm_barrier_reset(out));
    SAYS("open it for writing");
    CHECK(barrier_stat_of(out).participants == 2 && strcmp(shm_barrier_name(out), name) == 0);
    shm_barrier_close(out);
    out = NULL;
    OK(shm_barrier_fd(barrier, &fd));
    OK(shm_barrier_open_fd(fd, SHM_OBJECT_WRITE, &out));
    CHECK(close(fd) == 0);
    shm_barrier_close(out);
    shm_event_t *event = NULL;
    RC(SHM_ARRAY_ERR_FORMAT, shm_event_open(name, SHM_OBJECT_WRITE, &event));
    SAYS("is a barrier, not an event");

    RC(EINVAL, shm_barrier_wait(NULL, 0, &index));
    SAYS("barrier is NULL");
    RC(EINVAL, shm_barrier_join(NULL));
    RC(EINVAL, shm_barrier_reset(NULL));
    RC(EINVAL, shm_barrier_stat(barrier, NULL));
    RC(EINVAL, shm_barrier_open(NULL, SHM_OBJECT_READ, &out));
    RC(EBADF, shm_barrier_open_fd(-1, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_barrier_fd(NULL, &fd));
    CHECK(shm_barrier_name(NULL) == NULL && index == 77);

    /* One participant meets itself. */
    shm_barrier_t *alone = NULL;
    OK(shm_barrier_create(NULL, 1, NULL, &alone));
    OK(shm_barrier_wait(alone, 0, &index));
    CHECK(index == 0);
    shm_barrier_close(alone);
    shm_barrier_close(NULL);
    shm_barrier_close(barrier);
    OK(shm_barrier_unlink(name));
    RC(ENOENT, shm_barrier_unlink(name));
    return 0;
}
