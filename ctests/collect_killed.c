/* collect_killed.c - collecting removes the last-close arrays whose users were all killed, and nothing else. */
#include "given.h"

static shm_array_t *make(const char *name, uint32_t flags)
{
    uint64_t shape[] = {3};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.flags = flags;
    OK(shm_array_create(name, "<f8", 1, shape, &options, &array));
    return array;
}

int main(void)
{
    own_dev_shm("size=64m");
    uint64_t removed = 99;
    int ready[2], descriptors = descriptors_open();
    OK(shm_array_collect(-1, &removed));
    CHECK(removed == 0);
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        make("killed-1", SHM_ARRAY_LAST_CLOSE);
        make("killed-2", SHM_ARRAY_LAST_CLOSE | SHM_ARRAY_UNTRACKED);
        make("killed-persistent", 0);
        OK(shm_array_lock(make("killed-locked", SHM_ARRAY_LAST_CLOSE), SHM_ARRAY_EXCLUSIVE, 0));
        tell(ready);
        pause();
    }
    hear(ready);
    shm_array_t *tracked = make("alive-tracked", SHM_ARRAY_LAST_CLOSE);
    shm_array_t *untracked = make("alive-untracked", SHM_ARRAY_LAST_CLOSE | SHM_ARRAY_UNTRACKED);

    /* While the child lives nothing goes. */
    OK(shm_array_collect(-1, &removed));
    CHECK(removed == 0 && files_in("/dev/shm") == 6);
    CHECK(kill(child, SIGKILL) == 0);
    siginfo_t info;
    CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);

    /* The dead child is a zombie still: dead enough. */
    OK(shm_array_collect(-1, &removed));
    CHECK(removed == 3);
    CHECK(exists("killed-persistent") && exists("alive-tracked") && exists("alive-untracked"));
    CHECK(files_in("/dev/shm") == 3);
    CHECK(end_of(child) == -SIGKILL);

    shm_array_close(tracked);
    shm_array_close(untracked);
    OK(shm_array_collect(-1, NULL));
    CHECK(files_in("/dev/shm") == 1);
    OK(shm_array_unlink("killed-persistent"));
    CHECK(descriptors_open() == descriptors + 2);
    return 0;
}
