/* zero_dimensions.c - an array of no dimensions has one element; it needs no shape. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = NULL;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 0, NULL, NULL, &array));
    *doubles(array) = 2.5;

    shm_array_t *other = opened(name, SHM_ARRAY_WRITE);
    shm_array_view_t view = view_of(other);
    CHECK(view.ndim == 0 && view.count == 1 && view.nbytes == 8);
    CHECK(view.flags & SHM_ARRAY_VIEW_C_CONTIGUOUS && view.flags & SHM_ARRAY_VIEW_F_CONTIGUOUS);
    CHECK(*(double *)view.data == 2.5);

    shm_array_t *same = NULL;
    OK(shm_array_slice(other, 0, NULL, NULL, NULL, &same));
    *doubles(same) = 3.5;
    CHECK(*doubles(array) == 3.5);

    /* There is no axis to grow along. */
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    RC(EINVAL, shm_array_resize(array, 2));
    SAYS("dimension");
    OK(shm_array_unlock(array));

    shm_array_close(same);
    shm_array_close(other);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
