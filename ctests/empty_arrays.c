/* empty_arrays.c - an array may have no elements, whichever axis has the length 0, and is an array all the same. */
#include "given.h"

int main(void)
{
    const uint64_t shapes[][3] = {{0, 3, 5}, {3, 0, 5}, {3, 5, 0}, {0, 0, 0}};
    for (int fortran = 0; fortran < 2; fortran++)
        for (int i = 0; i < 4; i++) {
            char name[64];
            shm_array_options_t options = no_options();
            shm_array_t *array = NULL, *other = NULL, *part = NULL;
            options.flags = fortran ? SHM_ARRAY_FORTRAN : 0;
            OK(shm_array_create(unique_name(name, sizeof name), "<f8", 3, shapes[i], &options, &array));
            other = opened(name, SHM_ARRAY_WRITE);
            shm_array_view_t view = view_of(other);
            CHECK(view.ndim == 3 && view.count == 0 && view.nbytes == 0 && view.itemsize == 8);
            CHECK(memcmp(view.shape, shapes[i], sizeof shapes[i]) == 0);
            OK(shm_array_lock(other, SHM_ARRAY_EXCLUSIVE, 0));
            OK(shm_array_unlock(other));
            int64_t backwards[] = {-1, -1, -1};
            OK(shm_array_slice(other, 3, NULL, NULL, backwards, &part));
            CHECK(view_of(part).count == 0);
            shm_array_close(part);
            shm_array_close(other);
            shm_array_close(array);
            for (uint32_t mode = SHM_ARRAY_READ; mode <= SHM_ARRAY_COPY_ON_WRITE; mode *= 2) {
                other = opened(name, mode);
                CHECK(view_of(other).count == 0);
                shm_array_close(other);
            }
            OK(shm_array_unlink(name));
        }
    return 0;
}
