/* lease_expires.c - when nobody has come by the lease's end, collect removes the array, and the last closer does. */
#include "given.h"
#include <time.h>

static shm_array_t *leased(char *name, size_t room, int64_t duration)
{
    uint64_t shape[] = {3};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.flags = SHM_ARRAY_LAST_CLOSE;
    OK(shm_array_create(unique_name(name, room), "<f8", 1, shape, &options, &array));
    OK(shm_array_lease(array, duration));
    return array;
}

static void pass(int64_t ns)
{
    struct timespec time = {ns / 1000000000, ns % 1000000000};
    CHECK(nanosleep(&time, NULL) == 0);
}

int main(void)
{
    char name[64], other[64];

    struct timespec begin, now;
    int kept = 0;
    clock_gettime(CLOCK_BOOTTIME, &begin);
    shm_array_close(leased(name, sizeof name, SECONDS(1)));
    kept = exists(name);
    clock_gettime(CLOCK_BOOTTIME, &now);
    CHECK(kept || SECONDS(now.tv_sec - begin.tv_sec) + now.tv_nsec - begin.tv_nsec >= SECONDS(1));
    pass(MILLISECONDS(1100));
    OK(shm_array_collect(-1, NULL));
    CHECK(!exists(name)); /* another process may have collected it, too */

    shm_array_t *array = leased(name, sizeof name, MILLISECONDS(10));
    pass(MILLISECONDS(20));
    shm_array_close(array);
    CHECK(!exists(name));

    /* A shorter lease does not cut a longer one. */
    array = leased(other, sizeof other, SECONDS(60));
    OK(shm_array_lease(array, MILLISECONDS(1)));
    pass(MILLISECONDS(5));
    shm_array_close(array);
    CHECK(exists(other));
    OK(shm_array_unlink(other));
    return 0;
}
