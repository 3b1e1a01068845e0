/* fortran_order.c - in Fortran order the first axis runs fastest, and the .npy header says so. */
#include "given.h"

int main(void)
{
    char name[64], header[256];
    uint64_t shape[] = {3, 4, 2};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.flags = SHM_ARRAY_FORTRAN;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 3, shape, &options, &array));
    for (int i = 0; i < 24; i++)
        doubles(array)[i] = i;
    CHECK(stat_of(array).flags & SHM_ARRAY_FORTRAN);
    shm_array_close(array);

    array = opened(name, SHM_ARRAY_READ);
    shm_array_view_t view = view_of(array);
    CHECK(view.shape[0] == 3 && view.shape[1] == 4 && view.shape[2] == 2);
    CHECK(view.strides[0] == 8 && view.strides[1] == 24 && view.strides[2] == 96);
    CHECK(view.flags & SHM_ARRAY_VIEW_F_CONTIGUOUS && !(view.flags & SHM_ARRAY_VIEW_C_CONTIGUOUS));
    for (int i = 0; i < 24; i++)
        CHECK(doubles(array)[i] == i);
    shm_array_close(array);

    int file = open(path_of(name), O_RDONLY);
    CHECK(read(file, header, sizeof header) == sizeof header && close(file) == 0);
    CHECK(memmem(header, sizeof header, "'fortran_order': True", 21));
    CHECK(memmem(header, sizeof header, "(3, 4, 2)", 9));
    OK(shm_array_unlink(name));
    return 0;
}
