/* dtype_structured.c - a structured dtype keeps its descr: nested, sub-arrays, padding, titles, any alphabet. */
#include "given.h"

static const struct { const char *dtype; uint64_t itemsize; } structured[] = {
    {"[('x', '<f4'), ('y', '<i4', (3,))]", 16},
    {"[('x', '<f4')]", 4},
    {"[('a', '|u1'), ('', '|V3'), ('b', '<f4')]", 8},
    {"[('p', [('x', '<f8'), ('y', '<f8')]), ('n', '>i2')]", 18},
    {"[('q', [('x', '<f4')], (2, 3)), ('when', '<M8[us]')]", 32},
    {"[('deep', [('er', [('est', [('value', '>c16')])])])]", 16},
    {"[(('the title', 't'), '|S3'), ('u', '<U2')]", 11},
    {"[(\"it's\", '<f4')]", 4},
    {"[('back\\\\slash', '<f4')]", 4},
    {"[('temp\xc3\xa9rature', '<f4')]", 4},
    {"[('\xce\xb1', '<f4'), ('\xe2\x88\x82', '<f4')]", 8},
};

int main(void)
{
    char name[64];
    uint64_t shape[] = {4};
    shm_array_t *array = NULL;
    for (size_t i = 0; i < sizeof structured / sizeof *structured; i++) {
        uint64_t itemsize = structured[i].itemsize;
        OK(shm_array_create(unique_name(name, sizeof name), structured[i].dtype, 1, shape, NULL, &array));
        CHECK(view_of(array).itemsize == itemsize);
        memset(view_of(array).data, 0x5a, 4 * itemsize);
        shm_array_close(array);

        array = opened(name, SHM_ARRAY_READ);
        shm_array_view_t view = view_of(array);
        CHECK(strcmp(view.dtype, structured[i].dtype) == 0);
        CHECK(view.itemsize == itemsize && view.nbytes == 4 * itemsize && view.strides[0] == (int64_t)itemsize);
        CHECK(((unsigned char *)view.data)[4 * itemsize - 1] == 0x5a);
        shm_array_close(array);
        OK(shm_array_unlink(name));
    }

    /* A descr of several thousand bytes takes a header of two pages. */
    static char wide[8000];
    size_t used = 0;
    for (int field = 0; field < 250; field++)
        used += (size_t)snprintf(wide + used, sizeof wide - used, "%s('field_%03d', '<f4')", field ? ", " : "[", field);
    snprintf(wide + used, sizeof wide - used, "]");
    OK(shm_array_create(unique_name(name, sizeof name), wide, 1, shape, NULL, &array));
    CHECK(stat_of(array).data_offset == 8192);
    CHECK(strcmp(view_of(array).dtype, wide) == 0);
    CHECK(view_of(array).itemsize == 1000);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
