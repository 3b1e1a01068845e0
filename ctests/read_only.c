/* read_only.c - an array opened for reading cannot be written: its view says so, and the hardware sees to it. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3), *part = NULL;
    doubles(array)[1] = 1;
    shm_array_t *reader = opened(name, SHM_ARRAY_READ);
    CHECK(doubles(reader)[1] == 1);
    CHECK(!(view_of(reader).flags & SHM_ARRAY_VIEW_WRITABLE) && view_of(reader).flags & SHM_ARRAY_VIEW_SHARED);
    OK(shm_array_slice(reader, 0, NULL, NULL, NULL, &part));
    CHECK(!(view_of(part).flags & SHM_ARRAY_VIEW_WRITABLE));
    shm_array_close(part);

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        doubles(reader)[1] = 2;
        _exit(0);
    }
    CHECK(end_of(child) == -SIGSEGV);
    CHECK(doubles(reader)[1] == 1 && doubles(array)[1] == 1);

    /* A writer in another place of the same process is not affected, and is seen. */
    doubles(array)[1] = 5;
    CHECK(doubles(reader)[1] == 5);

    /* Locks are kept in the array, so who opened it for reading cannot take them. */
    RC(EACCES, shm_array_lock(reader, SHM_ARRAY_EXCLUSIVE, 0));
    SAYS(name);
    RC(EACCES, shm_array_lock(reader, SHM_ARRAY_SHARED, SECONDS(1)));
    RC(EPERM, shm_array_unlock(reader));
    RC(EPERM, shm_array_recover(reader));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));

    shm_array_close(reader);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
