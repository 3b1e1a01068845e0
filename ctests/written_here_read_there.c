/* written_here_read_there.c - what one process writes another reads that opens the name; and back again. */
#include "given.h"

int main(void)
{
    char name[64];
    uint64_t shape[] = {3, 4};
    shm_array_t *array = NULL;
    OK(shm_array_create(unique_name(name, sizeof name), "<i4", 2, shape, NULL, &array));
    int32_t *elements = (int32_t *)view_of(array).data;
    for (int i = 0; i < 12; i++)
        elements[i] = 100 + i;

    pid_t child = fork();
    if (child == 0) {
        shm_array_close(array);
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        shm_array_view_t view = view_of(mine);
        CHECK(strcmp(view.dtype, "<i4") == 0);
        CHECK(view.itemsize == 4 && view.count == 12 && view.nbytes == 48);
        CHECK(view.ndim == 2 && view.shape[0] == 3 && view.shape[1] == 4);
        CHECK(view.strides[0] == 16 && view.strides[1] == 4);
        CHECK(view.flags == (SHM_ARRAY_VIEW_C_CONTIGUOUS | SHM_ARRAY_VIEW_ALIGNED | SHM_ARRAY_VIEW_WRITABLE |
                             SHM_ARRAY_VIEW_SHARED));
        for (int i = 0; i < 12; i++)
            CHECK(((int32_t *)view.data)[i] == 100 + i);
        ((int32_t *)view.data)[5] = -5;
        shm_array_close(mine);
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    CHECK(elements[5] == -5);

    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
