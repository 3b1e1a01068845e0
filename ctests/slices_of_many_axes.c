/* slices_of_many_axes.c - slices of several axes, and of slices: no copy, numpy's strides and contiguity. */
#include "given.h"

int main(void)
{
    uint64_t shape[] = {4, 6};
    shm_array_t *array = NULL, *part = NULL, *part_of_part = NULL;
    OK(shm_array_create(NULL, "<i4", 2, shape, NULL, &array));
    int32_t *elements = (int32_t *)view_of(array).data;
    for (int i = 0; i < 24; i++)
        elements[i] = i;

    /* a[1:3]: later axes are whole. */
    int64_t start[] = {1, 1}, stop[] = {3, 6}, step[] = {1, 2};
    OK(shm_array_slice(array, 1, start, stop, NULL, &part));
    shm_array_view_t view = view_of(part);
    CHECK(view.ndim == 2 && view.shape[0] == 2 && view.shape[1] == 6 && view.count == 12 && view.nbytes == 48);
    CHECK(view.data == elements + 6 && view.strides[0] == 24 && view.strides[1] == 4);
    CHECK(view.flags & SHM_ARRAY_VIEW_C_CONTIGUOUS && !(view.flags & SHM_ARRAY_VIEW_F_CONTIGUOUS));
    CHECK(view.flags & SHM_ARRAY_VIEW_WRITABLE && view.flags & SHM_ARRAY_VIEW_SHARED);
    CHECK(strcmp(view.dtype, "<i4") == 0);
    shm_array_close(part);

    /* a[1:3, 1:6:2], then [::-1, 1:] of that. */
    OK(shm_array_slice(array, 2, start, stop, step, &part));
    view = view_of(part);
    CHECK(view.shape[0] == 2 && view.shape[1] == 3 && view.data == elements + 7);
    CHECK(view.strides[0] == 24 && view.strides[1] == 8);
    CHECK(!(view.flags & (SHM_ARRAY_VIEW_C_CONTIGUOUS | SHM_ARRAY_VIEW_F_CONTIGUOUS)));
    int64_t start2[] = {SHM_ARRAY_NONE, 1}, step2[] = {-1, SHM_ARRAY_NONE};
    OK(shm_array_slice(part, 2, start2, NULL, step2, &part_of_part));
    view = view_of(part_of_part);
    CHECK(view.shape[0] == 2 && view.shape[1] == 2 && view.data == elements + 15);
    CHECK(view.strides[0] == -24 && view.strides[1] == 8);
    CHECK(((int32_t *)view.data)[0] == 15);
    ((int32_t *)view.data)[0] = -15;
    CHECK(elements[15] == -15);
    shm_array_close(part_of_part);
    shm_array_close(part);

    /* A column is contiguous in neither order; one element is in both. */
    int64_t one[] = {2, 3}, next[] = {3, 4};
    OK(shm_array_slice(array, 2, one, next, NULL, &part));
    view = view_of(part);
    CHECK(view.count == 1 && *(int32_t *)view.data == 15 - 30);
    CHECK(view.flags & SHM_ARRAY_VIEW_C_CONTIGUOUS && view.flags & SHM_ARRAY_VIEW_F_CONTIGUOUS);
    shm_array_close(part);

    /* No axes: a second handle of the same. */
    OK(shm_array_slice(array, 0, NULL, NULL, NULL, &part));
    CHECK(view_of(part).data == elements && view_of(part).count == 24);
    shm_array_close(part);

    shm_array_t *untouched = (shm_array_t *)&shape;
    part = untouched;
    int64_t zero_step[] = {1, 0}, three[] = {0, 0, 0};
    RC(EINVAL, shm_array_slice(array, 2, NULL, NULL, zero_step, &part));
    SAYS("step");
    RC(EINVAL, shm_array_slice(array, 3, three, NULL, NULL, &part));
    SAYS("3");
    SAYS("2");
    RC(EINVAL, shm_array_slice(array, SIZE_MAX, three, NULL, NULL, &part));
    CHECK(part == untouched);
    shm_array_close(array);
    return 0;
}
