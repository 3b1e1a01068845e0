/* dimensions_limit.c - 64 dimensions are fine, 65 are refused with both figures. */
#include "given.h"

int main(void)
{
    char name[64];
    uint64_t shape[65];
    for (int axis = 0; axis < 65; axis++)
        shape[axis] = axis % 7 == 0 ? 2 : 1;
    shm_array_t *array = NULL;
    OK(shm_array_create(unique_name(name, sizeof name), "<i2", 64, shape, NULL, &array));
    shm_array_close(array);
    array = opened(name, SHM_ARRAY_WRITE);
    shm_array_view_t view = view_of(array);
    CHECK(view.ndim == 64 && view.count == 1024 && view.nbytes == 2048);
    CHECK(memcmp(view.shape, shape, sizeof view.shape) == 0);
    CHECK(view.strides[63] == 2 && view.strides[62] == 4 && view.strides[0] == 1024);

    int64_t step[64];
    for (int axis = 0; axis < 64; axis++)
        step[axis] = -1;
    ((int16_t *)view.data)[0] = 11;
    shm_array_t *reversed = NULL;
    OK(shm_array_slice(array, 64, NULL, NULL, step, &reversed));
    CHECK(((int16_t *)view_of(reversed).data)[-1023] == 11);
    shm_array_close(reversed);
    shm_array_close(array);
    OK(shm_array_unlink(name));

    shm_array_t *untouched = (shm_array_t *)&shape;
    array = untouched;
    RC(EINVAL, shm_array_create(name, "<i2", 65, shape, NULL, &array));
    SAYS("65");
    SAYS("64");
    RC(EINVAL, shm_array_create(name, "<i2", SIZE_MAX, shape, NULL, &array));
    SAYS("64");
    CHECK(array == untouched && !exists(name));
    return 0;
}
