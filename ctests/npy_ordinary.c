/* npy_ordinary.c - an ordinary .npy file opens for reading and copy-on-write; to write, it must be adopted. */
#include "npy.h"

static const struct {
    int major;
    const char *text, *dtype;
    int ndim;
    uint64_t shape[3];
    int64_t strides[3];
} files[] = {
    {1, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3, 4), }", "<i4", 3, {2, 3, 4}, {48, 16, 4}},
    {2, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3, 4), }", "<i4", 3, {2, 3, 4}, {48, 16, 4}},
    {3, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3, 4), }", "<i4", 3, {2, 3, 4}, {48, 16, 4}},
    {1, "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 3, 4), }", ">i4", 3, {2, 3, 4}, {4, 8, 24}},
    {1, "{'descr': '<i4', 'fortran_order': False, 'shape': (24,), }", "<i4", 1, {24}, {4}},
    {1, "{'descr': '|S96', 'fortran_order': False, 'shape': (), }", "|S96", 0, {0}, {0}},
    {1, "{'descr': '<i4', 'fortran_order': False, 'shape': (0, 3), }", "<i4", 2, {0, 3}, {12, 4}},
    {1, "{'shape':(12,),'fortran_order':False,'descr':'<M8[us]'}", "<M8[us]", 1, {12}, {8}},
    {1, "{'descr': [('x', '<f4'), ('y', '|u1', (4,))], 'fortran_order': False, 'shape': (12,), }",
     "[('x', '<f4'), ('y', '|u1', (4,))]", 1, {12}, {8}},
    {1, "{'descr': [('caf\xe9', '<f8')], 'fortran_order': False, 'shape': (12,), }",
     "[('caf\xc3\xa9', '<f8')]", 1, {12}, {8}},
    {3, "{'descr': [('caf\xc3\xa9', '<f8')], 'fortran_order': False, 'shape': (12,), }",
     "[('caf\xc3\xa9', '<f8')]", 1, {12}, {8}},
};

int main(void)
{
    char directory[64], path[96], name[128];
    int32_t elements[24];
    for (int i = 0; i < 24; i++)
        elements[i] = 1000 + i;
    snprintf(path, sizeof path, "%s/x.npy", new_directory(directory, sizeof directory));
    snprintf(name, sizeof name, "file://%s", path);

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t begin = write_npy(path, files[i].major, files[i].text, elements, sizeof elements);
        int descriptors = descriptors_open();
        for (uint32_t mode = SHM_ARRAY_READ; mode <= SHM_ARRAY_COPY_ON_WRITE; mode += 3) {
            shm_array_t *array = opened(name, mode);
            shm_array_view_t view = view_of(array);
            CHECK(strcmp(view.dtype, files[i].dtype) == 0);
            CHECK((int)view.ndim == files[i].ndim);
            for (int axis = 0; axis < files[i].ndim; axis++) {
                CHECK(view.shape[axis] == files[i].shape[axis]);
                CHECK(view.count == 0 || view.strides[axis] == files[i].strides[axis]);
            }
            CHECK(view.count == 0 || view.nbytes == sizeof elements);
            CHECK(memcmp(view.data, elements, view.nbytes) == 0);
            CHECK(!(view.flags & SHM_ARRAY_VIEW_SHARED));
            CHECK(!(view.flags & SHM_ARRAY_VIEW_WRITABLE) == (mode == SHM_ARRAY_READ));
            if (mode == SHM_ARRAY_COPY_ON_WRITE)
                memset(view.data, 0, view.nbytes);
            CHECK(shm_array_metadata(array) == NULL);
            shm_array_stat_t figures = stat_of(array);
            CHECK(figures.data_offset == begin && figures.file_bytes == begin + sizeof elements);
            CHECK(figures.slots == 0 && figures.lock == 0);

            /* It has no lock, and says how it would get one. */
            RC(EOPNOTSUPP, shm_array_lock(array, SHM_ARRAY_SHARED, 0));
            SAYS("SHM_ARRAY_ADOPT");
            RC(EPERM, shm_array_unlock(array));
            shm_array_close(array);
        }
        shm_array_t *untouched = (shm_array_t *)name, *array = untouched;
        RC(EOPNOTSUPP, shm_array_open(name, SHM_ARRAY_WRITE, &array));
        SAYS(path);
        SAYS("SHM_ARRAY_ADOPT");
        CHECK(array == untouched && descriptors_open() == descriptors);
        CHECK(unlink(path) == 0);
    }
    CHECK(rmdir(directory) == 0);
    return 0;
}
