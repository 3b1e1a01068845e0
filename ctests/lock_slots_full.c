/* lock_slots_full.c - when as many processes lock as the array has slots, one more gets EUSERS; a death makes room. */
#include "given.h"

enum { SLOTS = 64 };

int main(void)
{
    char name[64];
    int ready[2];
    uint64_t shape[] = {4};
    pid_t children[SLOTS];
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.slots = SLOTS;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, &options, &array));
    CHECK(stat_of(array).slots == SLOTS);
    CHECK(pipe(ready) == 0);
    for (int i = 0; i < SLOTS; i++)
        if ((children[i] = fork()) == 0) {
            OK(shm_array_lock(array, SHM_ARRAY_SHARED, FOREVER));
            OK(shm_array_unlock(array));
            tell(ready);
            pause();
        }
    for (int i = 0; i < SLOTS; i++)
        hear(ready);

    int descriptors = descriptors_open();
    RC(EUSERS, shm_array_lock(array, SHM_ARRAY_SHARED, 0));
    SAYS("64");
    SAYS("slots");
    RC(EUSERS, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(1)));
    CHECK(descriptors_open() <= descriptors + 1); /* the one that an attachment keeps */
    RC(EPERM, shm_array_unlock(array));

    CHECK(kill(children[17], SIGKILL) == 0 && end_of(children[17]) == -SIGKILL);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_unlock(array));
    for (int i = 0; i < SLOTS; i++)
        if (i != 17)
            CHECK(kill(children[i], SIGKILL) == 0 && end_of(children[i]) == -SIGKILL);
    shm_array_close(array);
    OK(shm_array_unlink(name));

    options.slots = 1024;
    shm_array_t *untouched = (shm_array_t *)name;
    array = untouched;
    RC(EINVAL, shm_array_create(name, "<f8", 1, shape, &options, &array));
    SAYS("1024");
    SAYS("1023");
    CHECK(array == untouched && !exists(name));
    options.slots = 1023;
    OK(shm_array_create(name, "<f8", 1, shape, &options, &array));
    CHECK(stat_of(array).slots == 1023);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
