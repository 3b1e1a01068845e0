/* dtype_spellings.c - however a dtype is spelled, an array tells it in the one way that numpy writes into a file. */
#include "given.h"

static const struct { const char *spelled, *told; } spellings[] = {
    {"float64", "<f8"}, {"f8", "<f8"}, {"=f8", "<f8"}, {"d", "<f8"}, {"f", "<f4"}, {"<f", "<f4"}, {"double", "<f8"},
    {"bool", "|b1"}, {"?", "|b1"}, {"<i1", "|i1"}, {">u1", "|u1"}, {"int64", "<i8"}, {"B", "|u1"}, {"<S3", "|S3"},
    {"datetime64[ns]", "<M8[ns]"}, {"timedelta64[3D]", "<m8[3D]"}, {"M8[1s]", "<M8[s]"}, {"U4", "<U4"},
    {"[('x','f4'),('y','i4',3)]", "[('x', '<f4'), ('y', '<i4', (3,))]"},
};

int main(void)
{
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        uint64_t shape[] = {2};
        shm_array_t *array = NULL;
        OK(shm_array_create(NULL, spellings[i].spelled, 1, shape, NULL, &array));
        CHECK(strcmp(view_of(array).dtype, spellings[i].told) == 0);
        shm_array_close(array);
    }
    return 0;
}
