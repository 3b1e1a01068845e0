/* event_bits.c - bits are set, waited for (any, all), kept or consumed, and cleared. */
#include "objects.h"

int main(void)
{
    char name[64];
    uint64_t came = 0;
    shm_event_t *event = new_event(unique_name(name, sizeof name));
    shm_event_t *other = opened_event(name, SHM_OBJECT_WRITE);
    RC(EBUSY, shm_event_wait(event, 1, SHM_EVENT_ANY, 0, &came));
    SAYS("none is");
    OK(shm_event_set(other, 0x5));
    OK(shm_event_wait(event, 0x7, SHM_EVENT_ANY, 0, &came));
    CHECK(came == 0x5);
    OK(shm_event_wait(event, 0x4, SHM_EVENT_ANY, FOREVER, NULL)); /* it stays set */
    RC(EBUSY, shm_event_wait(event, 0x7, SHM_EVENT_ALL, 0, &came));
    OK(shm_event_set(event, 0x2));
    OK(shm_event_wait(other, 0x7, SHM_EVENT_ALL, 0, &came));
    CHECK(came == 0x7);

    /* To consume is to clear what ended the wait, and nothing else. */
    OK(shm_event_wait(other, 0x9, SHM_EVENT_ANY | SHM_EVENT_CONSUME, 0, &came));
    CHECK(came == 0x1 && bits_of(event) == 0x6);
    RC(EBUSY, shm_event_wait(other, 0x1, SHM_EVENT_ANY | SHM_EVENT_CONSUME, 0, &came));
    RC(EBUSY, shm_event_wait(other, 0x7, SHM_EVENT_ALL | SHM_EVENT_CONSUME, 0, &came));
    CHECK(bits_of(event) == 0x6); /* not enough: nothing was consumed */
    OK(shm_event_wait(other, 0x6, SHM_EVENT_ALL | SHM_EVENT_CONSUME, 0, &came));
    CHECK(came == 0x6 && bits_of(event) == 0);

    OK(shm_event_set(event, UINT64_MAX));
    OK(shm_event_clear(event, UINT64_C(1) << 63));
    CHECK(bits_of(other) == UINT64_MAX >> 1);
    OK(shm_event_clear(event, UINT64_MAX));

    /* One that comes while we wait. */
    pid_t child = fork();
    if (child == 0) {
        for (uint64_t bit = 1; bit < 8; bit <<= 1) {
            sleep_ms(20);
            OK(shm_event_set(event, bit << 10));
        }
        _exit(0);
    }
    OK(shm_event_wait(event, UINT64_C(7) << 10, SHM_EVENT_ALL, SECONDS(5), &came));
    CHECK(came == UINT64_C(7) << 10);
    CHECK(end_of(child) == 0);
    int64_t start = now_ns();
    RC(ETIMEDOUT, shm_event_wait(event, 1, SHM_EVENT_ANY, MILLISECONDS(70), NULL));
    CHECK(now_ns() - start >= MILLISECONDS(70));

    shm_event_close(event);
    shm_event_close(other);
    OK(shm_event_unlink(name));
    return 0;
}
