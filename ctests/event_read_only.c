/* event_read_only.c - who may only read an event waits for it all the same, and is woken at once where it was made so. */
#include "objects.h"

/* Whether a reader wakes so soon after the set, as a rule. A busy machine may spoil some attempts; a reader that
 * nobody wakes may come in time by chance. */
static int wakes_within(int64_t limit, const char *name, shm_event_t *event)
{
    shm_event_t *reader = opened_event(name, SHM_OBJECT_READ);
    int tries = 0, in_time = 0;
    while (tries < 9 || (2 * in_time < tries && tries < 45)) {
        int times[2];
        CHECK(pipe(times) == 0);
        pid_t child = fork();
        if (child == 0) {
            OK(shm_event_wait(reader, 1, SHM_EVENT_ANY, SECONDS(10), NULL));
            int64_t woken = now_ns();
            CHECK(write(times[1], &woken, sizeof woken) == sizeof woken);
            _exit(0);
        }
        sleep_ms(23); /* where nobody wakes it, it looks 17 ms later */
        int64_t set = now_ns(), woken;
        OK(shm_event_set(event, 1));
        CHECK(read(times[0], &woken, sizeof woken) == sizeof woken && end_of(child) == 0);
        in_time += woken - set < limit;
        tries++;
        OK(shm_event_clear(event, 1));
        CHECK(close(times[0]) == 0 && close(times[1]) == 0);
    }
    shm_event_close(reader);
    return 2 * in_time >= tries;
}

int main(void)
{
    char quiet[64], loud[64];
    shm_object_options_t options = object_options(SHM_OBJECT_WAKES_READERS);
    shm_event_t *waking = NULL, *event = new_event(unique_name(quiet, sizeof quiet));
    OK(shm_event_create(unique_name(loud, sizeof loud), NULL, 0, &options, &waking));
    CHECK(wakes_within(SECONDS(2), quiet, event)); /* it looks every 20 ms; the rest is a busy machine's */
    CHECK(slowly() || wakes_within(MILLISECONDS(12), loud, waking));

    shm_event_t *reader = opened_event(quiet, SHM_OBJECT_READ);
    RC(EACCES, shm_event_set(reader, 1));
    SAYS("open it for writing");
    RC(EACCES, shm_event_clear(reader, 1));
    RC(EACCES, shm_event_pulse(reader, 1));
    RC(EACCES, shm_event_wait(reader, 1, SHM_EVENT_ANY | SHM_EVENT_CONSUME, 0, NULL));
    RC(ETIMEDOUT, shm_event_wait(reader, 1, SHM_EVENT_ANY, MILLISECONDS(30), NULL));
    shm_event_close(reader);
    shm_event_close(event);
    shm_event_close(waking);
    OK(shm_event_unlink(quiet));
    OK(shm_event_unlink(loud));
    return 0;
}
