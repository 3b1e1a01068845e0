/* object_places.c - an object's name is looked for where an array's is: in /dev/shm, then where SHM_ARRAY_DIR says. */
#include "objects.h"

int main(void)
{
    char directory[64], name[64], path[160];
    shm_object_options_t or_open = object_options(SHM_OBJECT_OR_OPEN);
    shm_semaphore_t *semaphore = NULL, *same = NULL;
    own_dev_shm("size=8m");
    CHECK(setenv("SHM_ARRAY_DIR", new_directory(directory, sizeof directory), 1) == 0);
    unique_name(name, sizeof name);
    snprintf(path, sizeof path, "%s/%s", directory, name);

    /* A name that an array has in the directory is taken: said at once, and not looked for over and over. */
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    uint64_t shape[] = {3};
    options.placement = SHM_ARRAY_PLACE_FILE;
    OK(shm_array_create(name, "<f8", 1, shape, &options, &array));
    CHECK(access(path, F_OK) == 0);
    RC(EEXIST, shm_semaphore_create(name, SHM_SEMAPHORE_SIGNALLING, 1, NULL, &semaphore));
    RC(SHM_ARRAY_ERR_FORMAT, shm_semaphore_create(name, SHM_SEMAPHORE_SIGNALLING, 1, &or_open, &semaphore));
    RC(SHM_ARRAY_ERR_FORMAT, shm_semaphore_open(name, SHM_OBJECT_WRITE, &semaphore));
    shm_array_close(array);
    OK(shm_array_unlink(name));

    /* Where there is /dev/shm, objects are made there. */
    OK(shm_semaphore_create(name, SHM_SEMAPHORE_SIGNALLING, 1, &or_open, &semaphore));
    CHECK(exists(name) && access(path, F_OK) != 0);
    shm_semaphore_close(semaphore);

    /* They are found in the directory, too, by every call that takes a name. */
    char moved[400];
    snprintf(moved, sizeof moved, "cp /dev/shm/%s %s && rm /dev/shm/%s", name, path, name);
    CHECK(system(moved) == 0);
    OK(shm_semaphore_open(name, SHM_OBJECT_WRITE, &semaphore));
    OK(shm_semaphore_create(name, SHM_SEMAPHORE_SIGNALLING, 1, &or_open, &same));
    OK(shm_semaphore_post(same, 1));
    CHECK(value_of(semaphore) == 2);
    shm_semaphore_close(same);
    shm_semaphore_close(semaphore);
    OK(shm_semaphore_unlink(name));
    CHECK(access(path, F_OK) != 0 && rmdir(directory) == 0);
    return 0;
}
