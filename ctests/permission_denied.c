/* permission_denied.c - another user gets EACCES in words: no access, or no writing where reading is allowed. */
#include "given.h"

int main(void)
{
    if (geteuid() != 0)
        skip("needs root, to become another user");
    char closed[64], readable[64];
    uint64_t shape[] = {3};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    shm_array_close(new_doubles(unique_name(closed, sizeof closed), 3));
    options.permissions = 0644;
    OK(shm_array_create(unique_name(readable, sizeof readable), "<f8", 1, shape, &options, &array));
    doubles(array)[2] = 3;

    pid_t child = fork();
    if (child == 0) {
        CHECK(setgid(65534) == 0 && setuid(65534) == 0);
        shm_array_t *untouched = (shm_array_t *)&shape, *mine = untouched;
        int descriptors = descriptors_open();
        RC(EACCES, shm_array_open(closed, SHM_ARRAY_READ, &mine));
        SAYS(closed);
        SAYS("65534");
        RC(EACCES, shm_array_open(closed, SHM_ARRAY_WRITE, &mine));
        RC(EACCES, shm_array_open(readable, SHM_ARRAY_WRITE, &mine));
        SAYS(readable);
        CHECK(mine == untouched && descriptors_open() == descriptors);
        /* /dev/shm is sticky: who does not own the name cannot remove it. */
        int code = shm_array_unlink(readable);
        CHECK(code == EACCES || code == EPERM);
        SAYS(readable);
        CHECK(descriptors_open() == descriptors);

        mine = opened(readable, SHM_ARRAY_READ);
        CHECK(doubles(mine)[2] == 3);
        CHECK(!(view_of(mine).flags & SHM_ARRAY_VIEW_WRITABLE));
        RC(EACCES, shm_array_lock(mine, SHM_ARRAY_EXCLUSIVE, 0));
        RC(EACCES, shm_array_lock(mine, SHM_ARRAY_SHARED, SECONDS(1)));
        shm_array_close(mine);
        _exit(0);
    }
    CHECK(end_of(child) == 0);

    shm_array_close(array);
    OK(shm_array_unlink(closed));
    OK(shm_array_unlink(readable));
    return 0;
}
