/* event_names.c - bits have names, which travel with the event; what has no name cannot be set. */
#include "objects.h"

int main(void)
{
    char name[64];
    const char *const names[] = {"START", "STOP", "RELOAD"}, *const others[] = {"START", "STOP"};
    uint64_t bit = 0;
    shm_event_t *made = NULL, *out = NULL;
    OK(shm_event_create(unique_name(name, sizeof name), names, 3, NULL, &made));
    shm_event_t *event = opened_event(name, SHM_OBJECT_WRITE);
    OK(shm_event_bit(event, "STOP", &bit));
    CHECK(bit == 2 && strcmp(shm_event_bit_name(event, 2), "RELOAD") == 0 && shm_event_bit_name(event, 3) == NULL);
    OK(shm_event_set(event, bit));
    RC(EBUSY, shm_event_wait(event, 5, SHM_EVENT_ANY, 0, NULL));
    SAYS("one of START, RELOAD; set: STOP");
    RC(ENOENT, shm_event_bit(event, "PAUSE", &bit));
    SAYS("START, STOP, RELOAD");
    CHECK(bit == 2);
    RC(EINVAL, shm_event_set(event, 0x18));
    SAYS("0x18");
    RC(EINVAL, shm_event_wait(event, 0x10, SHM_EVENT_ANY, 0, NULL));
    RC(EINVAL, shm_event_clear(event, UINT64_MAX));
    CHECK(bits_of(event) == 2);

    shm_object_options_t options = object_options(SHM_OBJECT_OR_OPEN);
    OK(shm_event_create(name, names, 3, &options, &out));
    shm_event_close(out);
    RC(EEXIST, shm_event_create(name, others, 2, &options, &out));
    SAYS("RELOAD");

    const char *const twice[] = {"A", "B", "A"}, *const empty[] = {""}, *const null[] = {NULL};
    const char *const longest[] = {"exactly-thirty-one-bytes-long.."}, *const too_long[] = {"exactly-thirty-two-bytes-long..."};
    RC(EINVAL, shm_event_create(NULL, twice, 3, NULL, &out));
    SAYS("two bits are called \"A\"");
    RC(EINVAL, shm_event_create(NULL, empty, 1, NULL, &out));
    RC(EINVAL, shm_event_create(NULL, too_long, 1, NULL, &out));
    SAYS("32 bytes, not 1 to 31");
    RC(EINVAL, shm_event_create(NULL, null, 1, NULL, &out));
    RC(EINVAL, shm_event_create(NULL, NULL, 1, NULL, &out));
    RC(EINVAL, shm_event_create(NULL, names, 65, NULL, &out));
    OK(shm_event_create(NULL, longest, 1, NULL, &out));
    CHECK(strcmp(shm_event_bit_name(out, 0), longest[0]) == 0);
    shm_event_close(out);
    shm_event_close(event);
    shm_event_close(made);
    OK(shm_event_unlink(name));
    return 0;
}
