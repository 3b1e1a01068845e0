/* last_close_fork.c - a forked child uses what it inherited: the array stays for it, and goes when it closes. */
#include "given.h"

int main(void)
{
    char name[64];
    int go[2];
    uint64_t shape[] = {3};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.flags = SHM_ARRAY_LAST_CLOSE;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, &options, &array));
    doubles(array)[2] = 7;
    CHECK(pipe(go) == 0);

    pid_t child = fork();
    if (child == 0) {
        hear(go);
        CHECK(exists(name));
        CHECK(doubles(array)[2] == 7);
        shm_array_close(array);
        CHECK(!exists(name));
        _exit(0);
    }
    shm_array_close(array);
    CHECK(exists(name));
    tell(go);
    CHECK(end_of(child) == 0);
    CHECK(!exists(name));

    /* A child that ends without closing has left, too. */
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, &options, &array));
    child = fork();
    if (child == 0)
        _exit(0);
    CHECK(end_of(child) == 0);
    CHECK(exists(name));
    shm_array_close(array);
    CHECK(!exists(name));
    return 0;
}
