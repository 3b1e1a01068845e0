/* lease.c - a leased last-close array outlives its users until the receiver has arrived; then it goes as ever. */
#include "given.h"

static shm_array_t *passing(char *name, size_t room)
{
    uint64_t shape[] = {3};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.flags = SHM_ARRAY_LAST_CLOSE;
    OK(shm_array_create(unique_name(name, room), "<f8", 1, shape, &options, &array));
    return array;
}

int main(void)
{
    char name[64];
    own_dev_shm("size=8m"); /* what is collected by age must be nobody else's */
    shm_array_t *array = passing(name, sizeof name);
    uint64_t removed;

    /* The sender is killed before anybody has come. */
    pid_t child = fork();
    if (child == 0) {
        doubles(array)[1] = 7;
        OK(shm_array_lease(array, SECONDS(60)));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    shm_array_close(array);
    CHECK(exists(name));
    OK(shm_array_collect(-1, &removed));
    CHECK(exists(name));
    OK(shm_array_collect(0, &removed));
    CHECK(exists(name));

    array = opened(name, SHM_ARRAY_WRITE);
    CHECK(doubles(array)[1] == 7);
    OK(shm_array_arrived(array));
    shm_array_close(array);
    CHECK(!exists(name));

    /* Two are on the way, and a reader leases and arrives as well. */
    array = passing(name, sizeof name);
    shm_array_t *reader = opened(name, SHM_ARRAY_READ);
    OK(shm_array_lease(reader, SECONDS(60)));
    OK(shm_array_lease(array, SECONDS(60)));
    shm_array_close(reader);
    shm_array_close(array);
    for (int left = 2; left > 0; left--) {
        CHECK(exists(name));
        reader = opened(name, SHM_ARRAY_READ);
        OK(shm_array_arrived(reader));
        shm_array_close(reader);
    }
    CHECK(!exists(name));

    /* Who arrives without having been expected takes nobody's lease away. */
    array = passing(name, sizeof name);
    OK(shm_array_arrived(array));
    OK(shm_array_lease(array, SECONDS(60)));
    OK(shm_array_unlink(name));
    CHECK(!exists(name));
    shm_array_close(array);

    RC(EINVAL, shm_array_lease(NULL, SECONDS(1)));
    RC(EINVAL, shm_array_arrived(NULL));
    array = passing(name, sizeof name);
    RC(EINVAL, shm_array_lease(array, 0));
    RC(EINVAL, shm_array_lease(array, FOREVER));
    RC(EINVAL, shm_array_lease(array, SECONDS(25 * 60 * 60)));
    SAYS("86400s");
    shm_array_close(array);
    CHECK(!exists(name));
    return 0;
}
