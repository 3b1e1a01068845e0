/* funlink.c - a handle unlinks its own array's name, and only that: where the name is another's by now, ESTALE. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3);
    OK(shm_array_funlink(array));
    CHECK(!exists(name));
    doubles(array)[0] = 1;
    RC(ENOENT, shm_array_funlink(array));
    SAYS(name);

    shm_array_t *second = new_doubles(name, 3);
    RC(ESTALE, shm_array_funlink(array));
    SAYS(name);
    CHECK(exists(name));
    OK(shm_array_funlink(second));
    CHECK(!exists(name));
    shm_array_close(second);

    /* A foreign file of that name is not this array either. */
    CHECK(close(open(path_of(name), O_CREAT | O_WRONLY, 0600)) == 0);
    RC(ESTALE, shm_array_funlink(array));
    CHECK(unlink(path_of(name)) == 0);
    shm_array_close(array);

    shm_array_t *anonymous = new_doubles(NULL, 3);
    RC(EINVAL, shm_array_funlink(anonymous));
    SAYS("anonymous");
    shm_array_close(anonymous);
    return 0;
}
