/* array_wait_read_only.c - readers wait for writes too: with a look every 20 ms, or at once where the array wakes readers. */
#include "objects.h"

static int64_t delay(const char *name, shm_array_t *array, uint32_t access)
{
    shm_array_t *reader = opened(name, access);
    int64_t least = SECONDS(100);
    for (int i = 0; i < 5; i++) {
        uint64_t generation;
        int times[2];
        OK(shm_array_generation(reader, &generation));
        CHECK(pipe(times) == 0);
        pid_t child = fork();
        if (child == 0) {
            OK(shm_array_wait(reader, generation, SECONDS(10), NULL));
            int64_t woken = now_ns();
            CHECK(write(times[1], &woken, sizeof woken) == sizeof woken);
            _exit(0);
        }
        sleep_ms(63);
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
        int64_t written = now_ns(), woken;
        OK(shm_array_unlock(array));
        CHECK(read(times[0], &woken, sizeof woken) == sizeof woken && end_of(child) == 0);
        least = woken - written < least ? woken - written : least;
        CHECK(close(times[0]) == 0 && close(times[1]) == 0);
    }
    shm_array_close(reader);
    return least;
}

int main(void)
{
    char quiet[64], loud[64];
    uint64_t count = 4;
    shm_array_options_t options = no_options();
    options.flags = SHM_ARRAY_WAKES_READERS;
    shm_array_t *waking = NULL, *array = new_doubles(unique_name(quiet, sizeof quiet), 4);
    OK(shm_array_create(unique_name(loud, sizeof loud), "<f8", 1, &count, &options, &waking));
    CHECK(stat_of(waking).flags == SHM_ARRAY_WAKES_READERS && stat_of(array).flags == 0);
    CHECK(delay(quiet, array, SHM_ARRAY_READ) < SECONDS(2));
    CHECK(delay(quiet, array, SHM_ARRAY_COPY_ON_WRITE) < SECONDS(2));
    CHECK(delay(quiet, array, SHM_ARRAY_WRITE | SHM_ARRAY_UNTRACKED) < SECONDS(2));
    CHECK(slowly() || delay(loud, waking, SHM_ARRAY_READ) < MILLISECONDS(15));
    CHECK(slowly() || delay(loud, waking, SHM_ARRAY_COPY_ON_WRITE) < MILLISECONDS(15));
    shm_array_close(array);
    shm_array_close(waking);
    OK(shm_array_unlink(quiet));
    OK(shm_array_unlink(loud));
    return 0;
}
