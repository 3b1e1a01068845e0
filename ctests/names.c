/* names.c - a plain name, shm://name and file:///path lead where they say, and a handle tells its name. */
#include "given.h"

int main(void)
{
    char name[64], long_name[80], path[64], file_name[96];
    shm_array_t *plain = new_doubles(unique_name(name, sizeof name), 3);
    CHECK(strcmp(shm_array_name(plain), name) == 0);
    CHECK(exists(name));
    doubles(plain)[2] = 7;

    snprintf(long_name, sizeof long_name, "shm://%s", name);
    shm_array_t *same = opened(long_name, SHM_ARRAY_READ);
    CHECK(doubles(same)[2] == 7);
    CHECK(strcmp(shm_array_name(same), name) == 0);
    shm_array_close(same);
    shm_array_close(plain);
    OK(shm_array_unlink(long_name));
    CHECK(!exists(name));

    snprintf(file_name, sizeof file_name, "file://%s/x.npy", new_directory(path, sizeof path));
    shm_array_t *in_file = new_doubles(file_name, 3);
    CHECK(strcmp(shm_array_name(in_file), file_name) == 0);
    CHECK(access(file_name + strlen("file://"), F_OK) == 0);
    CHECK(files_in(path) == 1);
    doubles(in_file)[0] = 8;
    shm_array_close(in_file);
    in_file = opened(file_name, SHM_ARRAY_WRITE);
    CHECK(doubles(in_file)[0] == 8);
    OK(shm_array_lock(in_file, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(in_file));
    shm_array_close(in_file);
    OK(shm_array_unlink(file_name));
    CHECK(rmdir(path) == 0);

    shm_array_t *anonymous = new_doubles(NULL, 3);
    CHECK(strcmp(shm_array_name(anonymous), "") == 0);
    shm_array_close(anonymous);
    CHECK(shm_array_name(NULL) == NULL);

    /* The longest name there is, of every allowed character. */
    char longest[201];
    memset(longest, 'x', 200);
    longest[200] = 0;
    unique_name(name, sizeof name);
    memcpy(longest, name, strlen(name));
    memcpy(longest + 150, "AZaz09._-", 9);
    shm_array_close(new_doubles(longest, 1));
    OK(shm_array_unlink(longest));
    return 0;
}
