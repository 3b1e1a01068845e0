/* array_last_publish.c - an array tells who wrote last, when, and whether that process still lives. */
#include "objects.h"

static shm_array_publish_t last_of(const shm_array_t *array)
{
    shm_array_publish_t last;
    memset(&last, 0, sizeof last);
    last.size = sizeof last;
    OK(shm_array_last_publish(array, &last));
    return last;
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    shm_array_t *reader = opened(name, SHM_ARRAY_READ);
    shm_array_publish_t last = last_of(reader);
    CHECK(last.generation == 0 && last.pid == 0 && last.alive == 0 && last.published_ns == 0 && last.age_ns == 0);
    CHECK(stat_of(reader).publisher_pid == 0);

    struct timespec before, after;
    int ready[2];
    CHECK(pipe(ready) == 0);
    clock_gettime(CLOCK_REALTIME_COARSE, &before);
    pid_t writer = fork();
    if (writer == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
        OK(shm_array_unlock(array));
        tell(ready);
        stay();
    }
    hear(ready);
    clock_gettime(CLOCK_REALTIME_COARSE, &after);
    shm_array_t *handles[2] = {array, reader};
    for (int i = 0; i < 2; i++) {
        last = last_of(handles[i]);
        CHECK(last.generation == 1 && last.pid == (uint32_t)writer && last.alive == 1);
        CHECK(last.published_ns >= SECONDS(before.tv_sec) + before.tv_nsec);
        CHECK(last.published_ns <= SECONDS(after.tv_sec) + after.tv_nsec);
        shm_array_stat_t figures = stat_of(handles[i]);
        CHECK(figures.publisher_pid == (uint32_t)writer && figures.publisher_alive == 1);
        CHECK(figures.published_ns == last.published_ns && figures.published_age_ns >= last.age_ns);
    }
    uint64_t age = last_of(reader).age_ns;
    sleep_ms(30);
    while (last_of(reader).age_ns < age + (uint64_t)MILLISECONDS(20)) /* a clock that only ticks may be late */
        sleep_ms(1);

    /* Its word outlives it, and so does its name. */
    CHECK(killed(writer) == -SIGKILL);
    for (int i = 0; i < 2; i++) {
        last = last_of(handles[i]);
        CHECK(last.generation == 1 && last.pid == (uint32_t)writer && last.alive == 0);
        CHECK(stat_of(handles[i]).publisher_alive == 0);
    }
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_unlock(array));
    last = last_of(array);
    CHECK(last.generation == 2 && last.pid == (uint32_t)getpid() && last.alive == 1 && last_of(reader).alive == 1);

    RC(EINVAL, shm_array_last_publish(NULL, &last));
    RC(EINVAL, shm_array_last_publish(array, NULL));
    last.size = 0;
    RC(EINVAL, shm_array_last_publish(array, &last));
    shm_array_close(reader);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
