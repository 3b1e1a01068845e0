/* barrier_fork.c - a child takes part for itself, and leaving in good order, or exec, is what it is. */
#include "objects.h"

int main(void)
{
    shm_barrier_t *barrier = new_barrier(NULL, 2);
    OK(shm_barrier_join(barrier));
    CHECK(barrier_stat_of(barrier).members == 1);
    pid_t child = fork();
    if (child == 0) {
        OK(shm_barrier_wait(barrier, SECONDS(10), NULL));
        CHECK(barrier_stat_of(barrier).members == 2);
        shm_barrier_close(barrier);
        _exit(0);
    }
    OK(shm_barrier_wait(barrier, SECONDS(10), NULL));
    CHECK(end_of(child) == 0);
    CHECK(barrier_stat_of(barrier).members == 1);
    RC(ETIMEDOUT, shm_barrier_wait(barrier, MILLISECONDS(60), NULL)); /* it has left; it is not dead */

    /* A child that only has its parent's handle is nobody. */
    child = fork();
    if (child == 0)
        _exit(0);
    CHECK(end_of(child) == 0);
    RC(ETIMEDOUT, shm_barrier_wait(barrier, MILLISECONDS(60), NULL));

    /* Who execs another program without closing is gone, as if it had died. */
    child = fork();
    if (child == 0) {
        OK(shm_barrier_join(barrier));
        pid_t short_lived = vfork();
        if (short_lived == 0)
            execl("/bin/true", "true", (char *)NULL), _exit(127);
        CHECK(end_of(short_lived) == 0);
        execl("/bin/sleep", "sleep", "60", (char *)NULL);
        _exit(127);
    }
    int code;
    while ((code = shm_barrier_wait(barrier, MILLISECONDS(50), NULL)) == ETIMEDOUT)
        ;
    RC(EOWNERDEAD, code);
    CHECK(killed(child) == -SIGKILL);
    shm_barrier_close(barrier);
    return 0;
}
