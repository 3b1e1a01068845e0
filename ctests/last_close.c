/* last_close.c - an array made to live until its last user closes goes then, whoever closes last, even both at once. */
#include "given.h"

static shm_array_t *passing(char *name, size_t room)
{
    uint64_t shape[] = {3};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.flags = SHM_ARRAY_LAST_CLOSE;
    OK(shm_array_create(unique_name(name, room), "<f8", 1, shape, &options, &array));
    CHECK(stat_of(array).flags & SHM_ARRAY_LAST_CLOSE);
    return array;
}

int main(void)
{
    char name[64];
    shm_array_close(passing(name, sizeof name));
    CHECK(!exists(name));

    /* The maker closes first. */
    int ready[2], go[2];
    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    shm_array_t *array = passing(name, sizeof name);
    pid_t child = fork();
    if (child == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        shm_array_close(array);
        tell(ready);
        hear(go);
        CHECK(exists(name));
        doubles(mine)[0] = 1;
        shm_array_close(mine);
        CHECK(!exists(name));
        _exit(0);
    }
    hear(ready);
    shm_array_close(array);
    CHECK(exists(name));
    tell(go);
    CHECK(end_of(child) == 0);

    /* Two handles of one process are two users. */
    array = passing(name, sizeof name);
    shm_array_t *second = opened(name, SHM_ARRAY_READ);
    shm_array_close(second);
    CHECK(exists(name));
    second = opened(name, SHM_ARRAY_WRITE);
    shm_array_close(array);
    CHECK(exists(name));
    shm_array_close(second);
    CHECK(!exists(name));

    /* Both at once: one of them wins. */
    for (int round = 0; round < 200; round++) {
        array = passing(name, sizeof name);
        child = fork();
        if (child == 0) {
            shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
            shm_array_close(array);
            tell(ready);
            hear(go);
            shm_array_close(mine);
            _exit(0);
        }
        hear(ready);
        tell(go);
        shm_array_close(array);
        CHECK(end_of(child) == 0);
        CHECK(!exists(name));
    }
    return 0;
}
