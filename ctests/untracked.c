/* untracked.c - an untracked array has no lock and no descriptor, yet its mapping keeps it from being collected. */
#include "given.h"

int main(void)
{
    own_dev_shm("size=64m");
    uint64_t shape[] = {3}, removed = 0;
    int descriptors = descriptors_open();
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL, *second = NULL, *part = NULL;
    options.flags = SHM_ARRAY_UNTRACKED | SHM_ARRAY_LAST_CLOSE;
    OK(shm_array_create("untracked", "<f8", 1, shape, &options, &array));
    CHECK(descriptors_open() == descriptors);
    second = opened("untracked", SHM_ARRAY_WRITE | SHM_ARRAY_UNTRACKED);
    CHECK(descriptors_open() == descriptors);
    doubles(array)[0] = 5;
    CHECK(doubles(second)[0] == 5);
    CHECK(view_of(second).flags & SHM_ARRAY_VIEW_SHARED && view_of(second).flags & SHM_ARRAY_VIEW_WRITABLE);
    OK(shm_array_slice(second, 0, NULL, NULL, NULL, &part));

    RC(EOPNOTSUPP, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    SAYS("SHM_ARRAY_UNTRACKED");
    RC(EOPNOTSUPP, shm_array_lock(part, SHM_ARRAY_SHARED, 0));
    RC(EPERM, shm_array_unlock(array));
    int untouched = -5, descriptor = untouched;
    CHECK(shm_array_fd(array, &descriptor) != 0);
    SAYS("SHM_ARRAY_UNTRACKED");
    CHECK(descriptor == untouched);

    shm_array_close(array);
    shm_array_close(second);
    OK(shm_array_collect(-1, &removed));
    CHECK(removed == 0 && exists("untracked") && doubles(part)[0] == 5);
    shm_array_close(part);
    CHECK(!exists("untracked"));
    CHECK(descriptors_open() == descriptors);
    return 0;
}
