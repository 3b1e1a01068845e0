/* open_id.c - a name with the id that it had once leads to that array or to ESTALE, never to another one. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3), *same = NULL;
    shm_array_stat_t first = stat_of(array);
    doubles(array)[0] = 1;
    OK(shm_array_open_id(name, SHM_ARRAY_WRITE, first.id, &same));
    CHECK(doubles(same)[0] == 1);
    CHECK(memcmp(stat_of(same).id, first.id, sizeof first.id) == 0);
    shm_array_close(same);
    OK(shm_array_unlink(name));

    shm_array_t *untouched = (shm_array_t *)name;
    same = untouched;
    RC(ENOENT, shm_array_open_id(name, SHM_ARRAY_WRITE, first.id, &same));
    SAYS(name);

    shm_array_t *second = new_doubles(name, 3);
    CHECK(memcmp(stat_of(second).id, first.id, sizeof first.id) != 0);
    int descriptors = descriptors_open();
    RC(ESTALE, shm_array_open_id(name, SHM_ARRAY_WRITE, first.id, &same));
    SAYS(name);
    CHECK(same == untouched && descriptors_open() == descriptors);
    shm_array_close(second);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
