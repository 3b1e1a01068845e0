/* slices.c - slices follow numpy's rules for every start, stop and step: negative, beyond the ends, left out. */
#include "given.h"

/* What Python's slice.indices() does. */
static int64_t reference(int64_t length, int64_t start, int64_t stop, int64_t step, int64_t *first)
{
    int64_t lowest = step < 0 ? -1 : 0, highest = step < 0 ? length - 1 : length;
    if (start == SHM_ARRAY_NONE)
        start = step < 0 ? highest : lowest;
    else if ((start = start < 0 ? start + length : start) < lowest)
        start = lowest;
    else if (start > highest)
        start = highest;
    if (stop == SHM_ARRAY_NONE)
        stop = step < 0 ? lowest : highest;
    else if ((stop = stop < 0 ? stop + length : stop) < lowest)
        stop = lowest;
    else if (stop > highest)
        stop = highest;
    *first = start;
    if (step < 0)
        return stop < start ? (start - stop - 1) / (step == INT64_MIN + 1 ? INT64_MAX : -step) + 1 : 0;
    return start < stop ? (stop - start - 1) / step + 1 : 0;
}

int main(void)
{
    enum { LENGTH = 5 };
    const int64_t bounds[] = {SHM_ARRAY_NONE, INT64_MIN + 1, -7, -6, -5, -4, -3, -1, 0, 1, 2, 4, 5, 6, 7, INT64_MAX};
    const int64_t steps[] = {SHM_ARRAY_NONE, 1, 2, 3, 5, 6, INT64_MAX, -1, -2, -3, -5, -6, INT64_MIN + 1};
    shm_array_t *array = new_doubles(NULL, LENGTH);
    for (int i = 0; i < LENGTH; i++)
        doubles(array)[i] = i;

    for (size_t a = 0; a < sizeof bounds / sizeof *bounds; a++)
        for (size_t o = 0; o < sizeof bounds / sizeof *bounds; o++)
            for (size_t e = 0; e < sizeof steps / sizeof *steps; e++) {
                int64_t first, step = steps[e] == SHM_ARRAY_NONE ? 1 : steps[e];
                int64_t count = reference(LENGTH, bounds[a], bounds[o], step, &first);
                shm_array_t *part = NULL;
                OK(shm_array_slice(array, 1, &bounds[a], &bounds[o], &steps[e], &part));
                shm_array_view_t view = view_of(part);
                CHECK(view.ndim == 1 && view.shape[0] == (uint64_t)count && view.count == (uint64_t)count);
                CHECK(view.nbytes == view.count * 8);
                for (int64_t i = 0; i < count; i++)
                    CHECK(*(double *)((char *)view.data + (i ? i * view.strides[0] : 0)) == (double)(first + i * step));
                if (count > 1)
                    CHECK(view.strides[0] == 8 * step);
                shm_array_close(part);
            }
    shm_array_close(array);
    return 0;
}
