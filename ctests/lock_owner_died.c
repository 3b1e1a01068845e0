/* lock_owner_died.c - a lock whose holder is killed passes on, and says so, while the dead one is still a zombie. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);

    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        raise(SIGKILL);
    }
    siginfo_t info;
    CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);

    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    SAYS("shm_array_recover");
    CHECK(end_of(child) == -SIGKILL);
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));

    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
