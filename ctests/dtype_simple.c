/* dtype_simple.c - every simple dtype that numpy writes keeps its string, size and bytes: dates, big-endian, text. */
#include "given.h"

static const struct { const char *dtype; uint64_t itemsize; } simple[] = {
    {"|b1", 1}, {"|i1", 1}, {"|u1", 1}, {"<i2", 2}, {"<u2", 2}, {"<i4", 4}, {"<u4", 4}, {"<i8", 8}, {"<u8", 8},
    {">i2", 2}, {">u2", 2}, {">i4", 4}, {">u4", 4}, {">i8", 8}, {">u8", 8},
    {"<f2", 2}, {"<f4", 4}, {"<f8", 8}, {"<f16", 16}, {">f2", 2}, {">f4", 4}, {">f8", 8}, {">f16", 16},
    {"<c8", 8}, {"<c16", 16}, {"<c32", 32}, {">c8", 8}, {">c16", 16}, {">c32", 32},
    {"|S1", 1}, {"|S5", 5}, {"|S1000", 1000}, {"<U1", 4}, {"<U7", 28}, {">U7", 28}, {"|V1", 1},
    {"|V3", 3}, {"|V1000", 1000},
    {"<M8", 8}, {"<m8", 8}, {"<M8[Y]", 8}, {"<M8[M]", 8}, {"<M8[W]", 8}, {"<M8[D]", 8}, {"<M8[h]", 8}, {"<M8[m]", 8},
    {"<M8[s]", 8}, {"<M8[ms]", 8}, {"<M8[us]", 8}, {"<M8[ns]", 8}, {"<M8[ps]", 8}, {"<M8[fs]", 8}, {"<M8[as]", 8},
    {"<m8[ns]", 8}, {"<m8[25s]", 8}, {">M8[ns]", 8}, {">m8[10us]", 8},
};

int main(void)
{
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        char name[64];
        uint64_t shape[] = {3, 5}, itemsize = simple[i].itemsize;
        shm_array_t *array = NULL;
        OK(shm_array_create(unique_name(name, sizeof name), simple[i].dtype, 2, shape, NULL, &array));
        shm_array_view_t made = view_of(array);
        CHECK(strcmp(made.dtype, simple[i].dtype) == 0);
        unsigned char *bytes = (unsigned char *)made.data;
        for (uint64_t b = 0; b < 15 * itemsize; b++)
            bytes[b] = (unsigned char)(b * 7 + 1);
        shm_array_close(array);

        array = opened(name, SHM_ARRAY_READ);
        shm_array_view_t seen = view_of(array);
        CHECK(strcmp(seen.dtype, simple[i].dtype) == 0);
        CHECK(strcmp(seen.dtype_tag, "") == 0);
        CHECK(seen.itemsize == itemsize && seen.count == 15 && seen.nbytes == 15 * itemsize);
        CHECK(seen.strides[0] == (int64_t)(5 * itemsize) && seen.strides[1] == (int64_t)itemsize);
        CHECK(seen.flags & SHM_ARRAY_VIEW_ALIGNED);
        bytes = (unsigned char *)seen.data;
        for (uint64_t b = 0; b < 15 * itemsize; b++)
            CHECK(bytes[b] == (unsigned char)(b * 7 + 1));
        shm_array_close(array);
        OK(shm_array_unlink(name));
    }
    return 0;
}
