/* permissions.c - an array is its maker's alone unless other permissions are asked for, whatever the umask is. */
#include "given.h"

static unsigned mode_of(const char *name)
{
    struct stat facts;
    CHECK(stat(path_of(name), &facts) == 0);
    return facts.st_mode & 07777;
}

int main(void)
{
    char name[64];
    uint64_t shape[] = {3};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;

    umask(0);
    shm_array_close(new_doubles(unique_name(name, sizeof name), 3));
    CHECK(mode_of(name) == 0600);
    OK(shm_array_unlink(name));

    umask(077);
    options.permissions = 0664;
    OK(shm_array_create(name, "<f8", 1, shape, &options, &array));
    CHECK(mode_of(name) == 0664);
    shm_array_close(array);
    OK(shm_array_unlink(name));

    options.permissions = 010000; /* more than a mode has */
    RC(EINVAL, shm_array_create(name, "<f8", 1, shape, &options, &array));
    SAYS("10000");
    CHECK(!exists(name));
    return 0;
}
