/* descriptor_limit.c - out of descriptors is EMFILE with the limit and the ways out, at any step; nothing is left. */
#include "given.h"
#include <sys/resource.h>

static void limit_to(int descriptors)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = (rlim_t)descriptors;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

int main(void)
{
    char name[64], other[64], figure[32];
    shm_array_t *untouched = (shm_array_t *)name, *arrays[256];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3);
    int before = descriptors_open();

    /* Open until no more can be opened. */
    int opened_count = 0, code;
    limit_to(64);
    do
        arrays[opened_count] = untouched;
    while ((code = shm_array_open(name, SHM_ARRAY_WRITE, &arrays[opened_count])) == 0 && ++opened_count < 256);
    RC(EMFILE, code);
    SAYS("64");
    SAYS("ulimit -n");
    SAYS("SHM_ARRAY_UNTRACKED");
    SAYS(name);
    CHECK(arrays[opened_count] == untouched && opened_count > 40);
    while (opened_count > 0)
        shm_array_close(arrays[--opened_count]);
    limit_to(1024);
    CHECK(descriptors_open() == before);

    /* Whichever step of creating, opening or locking finds no descriptor undoes the steps before it. The limit counts
       numbers, not descriptors: it is set from the lowest that is free. */
    int next = dup(0);
    CHECK(next >= 0 && close(next) == 0);
    unique_name(other, sizeof other);
    uint64_t shape[] = {3};
    int successes = 0;
    for (int spare = 0; spare < 8; spare++) {
        shm_array_t *made = untouched;
        limit_to(next + spare);
        snprintf(figure, sizeof figure, "%d", next + spare);
        code = shm_array_create(other, "<f8", 1, shape, NULL, &made);
        limit_to(1024);
        if (code == 0) {
            successes++;
            limit_to(next + spare + 1);
            code = shm_array_lock(made, SHM_ARRAY_EXCLUSIVE, 0);
            if (code != 0) {
                RC(EMFILE, code);
                RC(EPERM, shm_array_unlock(made));
            }
            limit_to(1024);
            shm_array_close(made);
            OK(shm_array_unlink(other));
        } else {
            RC(EMFILE, code);
            SAYS(figure);
            CHECK(made == untouched && !exists(other));
        }
        CHECK(descriptors_open() == before);
    }
    CHECK(successes > 0 && successes < 8);

    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
