/* identity.c - an array tells which one it is: the same through every handle, another for every other array. */
#include "given.h"

static shm_array_identity_t identity_of(const shm_array_t *array)
{
    shm_array_identity_t identity;
    memset(&identity, 0, sizeof identity);
    identity.size = sizeof identity;
    OK(shm_array_identity(array, &identity));
    return identity;
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3);
    shm_array_t *reader = opened(name, SHM_ARRAY_READ);
    shm_array_identity_t mine = identity_of(array), same = identity_of(reader);
    CHECK(memcmp(&mine, &same, sizeof mine) == 0);
    shm_array_stat_t figures = stat_of(array);
    CHECK(memcmp(mine.id, figures.id, sizeof mine.id) == 0 && mine.data_offset == figures.data_offset);
    struct stat file;
    CHECK(stat(path_of(name), &file) == 0);
    CHECK(mine.device == file.st_dev && mine.inode == file.st_ino && mine.flags == 0);
    shm_array_close(reader);
    OK(shm_array_unlink(name));

    shm_array_t *next = new_doubles(name, 3);
    shm_array_identity_t other = identity_of(next);
    CHECK(memcmp(mine.id, other.id, sizeof mine.id) != 0 && mine.inode != other.inode);
    OK(shm_array_unlink(name));
    shm_array_close(next);

    shm_array_t *anonymous = new_doubles(NULL, 3);
    other = identity_of(anonymous);
    CHECK(other.inode != 0 && memcmp(mine.id, other.id, sizeof mine.id) != 0);
    shm_array_close(anonymous);

    RC(EINVAL, shm_array_identity(NULL, &other));
    RC(EINVAL, shm_array_identity(array, NULL));
    other.size = 3;
    RC(EINVAL, shm_array_identity(array, &other));
    shm_array_close(array);
    return 0;
}
