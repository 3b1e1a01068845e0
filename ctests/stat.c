/* stat.c - the figures of an array: sizes, its maker, its users, who locks it, and that a holder died. */
#include "given.h"
#include <time.h>

static int has_pid(const shm_array_stat_t *figures, pid_t pid)
{
    uint32_t known = figures->attached < 64 ? figures->attached : 64;
    for (uint32_t i = 0; i < known; i++)
        if (figures->pids[i] == (uint32_t)pid)
            return 1;
    return 0;
}

int main(void)
{
    char name[64];
    int ready[2];
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100);
    clock_gettime(CLOCK_REALTIME, &after);
    CHECK(pipe(ready) == 0);

    shm_array_stat_t figures = stat_of(array);
    struct stat facts;
    CHECK(stat(path_of(name), &facts) == 0 && figures.file_bytes == (uint64_t)facts.st_size);
    CHECK(figures.data_offset == 4096 && figures.capacity_bytes >= 800);
    CHECK(figures.created_ns >= before.tv_sec * SECONDS(1) + before.tv_nsec);
    CHECK(figures.created_ns <= after.tv_sec * SECONDS(1) + after.tv_nsec);
    CHECK(figures.creator_pid == (uint32_t)getpid() && figures.flags == 0 && figures.slots == 256);
    CHECK(figures.lock == 0 && figures.lock_pid == 0 && figures.inconsistent == 0 && figures.generation == 0);
    CHECK(figures.placement == SHM_ARRAY_PLACE_SHM && shm_array_placement(array) == SHM_ARRAY_PLACE_SHM);
    CHECK(figures.allocated_bytes == (uint64_t)facts.st_blocks * 512 && figures.allocated_bytes > 800);

    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    figures = stat_of(array);
    CHECK(figures.lock == SHM_ARRAY_EXCLUSIVE && figures.lock_pid == (uint32_t)getpid());
    CHECK(figures.attached >= 1 && has_pid(&figures, getpid()));
    OK(shm_array_unlock(array));
    figures = stat_of(array);
    CHECK(figures.lock == 0 && figures.lock_pid == 0 && figures.generation == 1);
    OK(shm_array_lock(array, SHM_ARRAY_SHARED, 0));
    figures = stat_of(array);
    CHECK(figures.lock == SHM_ARRAY_SHARED && figures.lock_pid == 0);
    OK(shm_array_unlock(array));

    pid_t child = fork();
    if (child == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        tell(ready);
        pause();
    }
    hear(ready);
    figures = stat_of(array);
    CHECK(figures.lock == SHM_ARRAY_EXCLUSIVE && figures.lock_pid == (uint32_t)child && figures.inconsistent == 0);
    CHECK(figures.attached == 2 && has_pid(&figures, child) && has_pid(&figures, getpid()));

    /* Who only reads can look as well. */
    shm_array_t *reader = opened(name, SHM_ARRAY_READ);
    figures = stat_of(reader);
    CHECK(figures.lock_pid == (uint32_t)child && has_pid(&figures, child));
    shm_array_close(reader);

    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
    figures = stat_of(array);
    CHECK(figures.lock_pid == 0 && !has_pid(&figures, child) && has_pid(&figures, getpid()));
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    CHECK(stat_of(array).inconsistent == 1);
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    figures = stat_of(array);
    CHECK(figures.inconsistent == 0 && figures.generation >= 2);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
