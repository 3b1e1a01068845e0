/* subview_outlives_parent.c - a sub-view keeps the mapping, and the array's life, when its parent is closed. */
#include "given.h"

int main(void)
{
    char name[64];
    uint64_t shape[] = {10};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL, *part = NULL, *part_of_part = NULL;
    options.flags = SHM_ARRAY_LAST_CLOSE;
    options.metadata = "[1]";
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, &options, &array));
    int64_t start = 4;
    OK(shm_array_slice(array, 1, &start, NULL, NULL, &part));
    doubles(array)[4] = 44;
    shm_array_view_t view = view_of(part);
    shm_array_close(array);

    CHECK(exists(name));
    CHECK(((double *)view.data)[0] == 44 && strcmp(view.dtype, "<f8") == 0);
    CHECK(strcmp(shm_array_name(part), name) == 0 && strcmp(shm_array_metadata(part), "[1]") == 0);
    OK(shm_array_lock(part, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(part));
    OK(shm_array_slice(part, 1, &start, NULL, NULL, &part_of_part));
    shm_array_close(part);
    doubles(part_of_part)[0] = 88;
    CHECK(exists(name));

    shm_array_t *other = opened(name, SHM_ARRAY_READ);
    CHECK(doubles(other)[8] == 88);
    shm_array_close(other);
    shm_array_close(part_of_part);
    CHECK(!exists(name));
    return 0;
}
