/* persistent.c - an array of the default kind stays when its users close, exit, or are killed, until unlinked. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3);
    CHECK(!(stat_of(array).flags & SHM_ARRAY_LAST_CLOSE));
    doubles(array)[0] = 1;
    shm_array_close(array);
    CHECK(exists(name));

    pid_t child = fork();
    if (child == 0) {
        array = opened(name, SHM_ARRAY_WRITE);
        doubles(array)[1] = 2;
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);

    /* Only last-close arrays are collected unless a minimum age is given. */
    OK(shm_array_collect(-1, NULL));
    CHECK(exists(name));
    array = opened(name, SHM_ARRAY_READ);
    CHECK(doubles(array)[0] == 1 && doubles(array)[1] == 2);
    shm_array_close(array);
    CHECK(exists(name));
    OK(shm_array_unlink(name));
    CHECK(!exists(name));
    return 0;
}
