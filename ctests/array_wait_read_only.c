/* array_wait_read_only.c - readers wait for writes too: with a look every 20 ms, or at once where the array wakes readers. */
#include "objects.h"

/* Whether a reader wakes so soon after the write, as a rule. A busy machine may spoil some attempts; a reader that
 * nobody wakes may come in time by chance. */
static int wakes_within(int64_t limit, const char *name, shm_array_t *array, uint32_t access)
{
    shm_array_t *reader = opened(name, access);
    int tries = 0, in_time = 0;
    while (tries < 9 || (2 * in_time < tries && tries < 45)) {
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
        sleep_ms(23); /* where nobody wakes it, it looks 17 ms later */
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
        int64_t written = now_ns(), woken;
        OK(shm_array_unlock(array));
        CHECK(read(times[0], &woken, sizeof woken) == sizeof woken && end_of(child) == 0);
        in_time += woken - written < limit;
        tries++;
        CHECK(close(times[0]) == 0 && close(times[1]) == 0);
    }
    shm_array_close(reader);
    return 2 * in_time >= tries;
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
    CHECK(wakes_within(SECONDS(2), quiet, array, SHM_ARRAY_READ));
    CHECK(wakes_within(SECONDS(2), quiet, array, SHM_ARRAY_COPY_ON_WRITE));
    CHECK(wakes_within(SECONDS(2), quiet, array, SHM_ARRAY_WRITE | SHM_ARRAY_UNTRACKED));
    CHECK(slowly() || wakes_within(MILLISECONDS(12), loud, waking, SHM_ARRAY_READ));
    CHECK(slowly() || wakes_within(MILLISECONDS(12), loud, waking, SHM_ARRAY_COPY_ON_WRITE));
    shm_array_close(array);
    shm_array_close(waking);
    OK(shm_array_unlink(quiet));
    OK(shm_array_unlink(loud));
    return 0;
}
