/* semaphore_refused.c - what a semaphore cannot do is refused in words: NULL, wrong kinds, values, readers. */
#include "objects.h"

int main(void)
{
    char name[64], array_name[64];
    unique_name(name, sizeof name);
    shm_semaphore_t *semaphore = NULL, *out = NULL;
    uint32_t value = 77;
    int fd = 77;
    RC(EINVAL, shm_semaphore_create(name, 0, 1, NULL, &out));
    SAYS("kind 0");
    RC(EINVAL, shm_semaphore_create(name, 3, 1, NULL, &out));
    RC(EINVAL, shm_semaphore_create(name, SHM_SEMAPHORE_OWNED, 0, NULL, &out));
    SAYS("from 1 to 2147483647");
    RC(EINVAL, shm_semaphore_create(name, SHM_SEMAPHORE_SIGNALLING, 0x80000000u, NULL, &out));
    RC(EINVAL, shm_semaphore_create(name, SHM_SEMAPHORE_SIGNALLING, 1, NULL, NULL));
    shm_object_options_t options = object_options(1);
    RC(EINVAL, shm_semaphore_create(name, SHM_SEMAPHORE_SIGNALLING, 1, &options, &out));
    SAYS("unknown");
    RC(ENOENT, shm_semaphore_open(name, SHM_OBJECT_WRITE, &out));
    RC(EINVAL, shm_semaphore_open(NULL, SHM_OBJECT_WRITE, &out));
    CHECK(out == NULL && !exists(name));

    OK(shm_semaphore_create(name, SHM_SEMAPHORE_OWNED, 2, NULL, &semaphore));
    RC(EEXIST, shm_semaphore_create(name, SHM_SEMAPHORE_OWNED, 2, NULL, &out));
    options = object_options(SHM_OBJECT_OR_OPEN);
    RC(EEXIST, shm_semaphore_create(name, SHM_SEMAPHORE_OWNED, 3, &options, &out));
    SAYS("limit of 2");
    RC(EEXIST, shm_semaphore_create(name, SHM_SEMAPHORE_SIGNALLING, 2, &options, &out));
    OK(shm_semaphore_create(name, SHM_SEMAPHORE_OWNED, 2, &options, &out));
    shm_semaphore_close(out);
    out = NULL;
    RC(EINVAL, shm_semaphore_post(semaphore, 0));
    RC(EINVAL, shm_semaphore_open(name, SHM_OBJECT_READ | SHM_OBJECT_WRITE, &out));

    /* Who may only read looks on. */
    shm_semaphore_t *reader = opened_semaphore(name, SHM_OBJECT_READ);
    CHECK(value_of(reader) == 2);
    OK(shm_semaphore_wait(semaphore, 0));
    CHECK(semaphore_stat_of(reader).held[0] == 1);
    RC(EACCES, shm_semaphore_wait(reader, 0));
    SAYS("open it for writing");
    RC(EACCES, shm_semaphore_post(reader, 1));
    shm_semaphore_close(reader);

    /* An array is no semaphore, and the other way round. */
    shm_array_t *array = new_doubles(unique_name(array_name, sizeof array_name), 3), *none = NULL;
    RC(SHM_ARRAY_ERR_FORMAT, shm_semaphore_open(array_name, SHM_OBJECT_WRITE, &out));
    SAYS("is an array, not a semaphore");
    RC(SHM_ARRAY_ERR_FORMAT, shm_array_open(name, SHM_ARRAY_WRITE, &none));
    RC(SHM_ARRAY_ERR_FORMAT, shm_semaphore_create(array_name, SHM_SEMAPHORE_OWNED, 2, &options, &out));

    /* By descriptor. */
    OK(shm_semaphore_fd(semaphore, &fd));
    OK(shm_semaphore_open_fd(fd, SHM_OBJECT_WRITE, &out));
    CHECK(value_of(out) == 1 && close(fd) == 0);
    shm_semaphore_close(out);
    RC(EBADF, shm_semaphore_open_fd(-1, SHM_OBJECT_WRITE, &out));

    RC(EINVAL, shm_semaphore_wait(NULL, 0));
    SAYS("semaphore is NULL");
    RC(EINVAL, shm_semaphore_post(NULL, 1));
    RC(EINVAL, shm_semaphore_value(NULL, &value));
    RC(EINVAL, shm_semaphore_value(semaphore, NULL));
    RC(EINVAL, shm_semaphore_stat(semaphore, NULL));
    shm_semaphore_stat_t figures;
    memset(&figures, 0, sizeof figures);
    RC(EINVAL, shm_semaphore_stat(semaphore, &figures)); /* no size */
    RC(EINVAL, shm_semaphore_fd(NULL, &fd));
    RC(EINVAL, shm_semaphore_fd(semaphore, NULL));
    RC(EINVAL, shm_semaphore_unlink(NULL));
    CHECK(shm_semaphore_name(NULL) == NULL && value == 77);
    shm_semaphore_close(NULL);
    shm_semaphore_close(semaphore);
    shm_array_close(array);
    OK(shm_array_unlink(array_name));
    OK(shm_semaphore_unlink(name));
    RC(ENOENT, shm_semaphore_unlink(name));
    return 0;
}
