/* lock_fork.c - a child forked while its parent holds the lock holds nothing; the parent's death frees the lock. */
#include "given.h"

static void outlive_parent(shm_array_t *array, const int parent_died[2])
{
    prctl(PR_SET_PDEATHSIG, 0);
    RC(EPERM, shm_array_unlock(array));
    SAYS("fork");
    RC(EPERM, shm_array_recover(array));
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    RC(ETIMEDOUT, shm_array_lock(array, SHM_ARRAY_SHARED, MILLISECONDS(50)));
    kill(getppid(), SIGKILL);
    hear(parent_died);
    /* The child is still here, attached and idle, when the main process finds the lock free. */
    hear(parent_died);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(20)));
    doubles(array)[0] = 2;
    OK(shm_array_unlock(array));
    shm_array_close(array);
    tell(parent_died);
    _exit(0);
}

int main(void)
{
    char name[64];
    int back[2], forth[2];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    CHECK(pipe(back) == 0 && pipe(forth) == 0);
    const int child_ends[2] = {forth[0], back[1]}, our_ends[2] = {back[0], forth[1]};

    pid_t parent = fork();
    if (parent == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        if (fork() == 0)
            outlive_parent(array, child_ends);
        for (;;)
            pause();
    }
    CHECK(end_of(parent) == -SIGKILL);
    tell(our_ends);
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(20)));
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    tell(our_ends);
    hear(our_ends);
    CHECK(doubles(array)[0] == 2);

    /* A child that closes what it inherited does not release what its parent holds. */
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    pid_t child = fork();
    if (child == 0) {
        shm_array_close(array);
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, SHM_ARRAY_SHARED, 0));
    child = fork();
    if (child == 0) {
        RC(EPERM, shm_array_unlock(array));
        shm_array_close(array);
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    child = fork();
    if (child == 0) {
        RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    OK(shm_array_unlock(array));

    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
