/* atomic_refused.c - elements that no processor changes at once, indices that are none, and handles that may not. */
#include "given.h"

int main(void)
{
    char name[64];
    const uint64_t shape[] = {2, 3};
    shm_array_t *array = NULL;
    OK(shm_array_create(unique_name(name, sizeof name), "<i4", 2, shape, NULL, &array));
    int32_t value = 5, out = 77;
    int exchanged = 77;
    int64_t flat = 6, index[] = {0, 3, 0}, zero = 0;
    RC(EINVAL, shm_array_atomic_load(array, 1, &flat, 4, &out));
    SAYS("element 6 of an array that has 6");
    RC(EINVAL, shm_array_atomic_load(array, 2, index, 4, &out));
    SAYS("index 3 of axis 1, which has length 3");
    RC(EINVAL, shm_array_atomic_load(array, 3, index, 4, &out));
    RC(EINVAL, shm_array_atomic_load(array, 0, NULL, 4, &out));
    RC(EINVAL, shm_array_atomic_store(array, 1, &zero, 8, &value));
    SAYS("a value of 8 bytes, where the array's elements have 4");

    RC(EINVAL, shm_array_atomic_load(NULL, 1, &zero, 4, &out));
    RC(EINVAL, shm_array_atomic_load(array, 1, NULL, 4, &out));
    SAYS("index");
    RC(EINVAL, shm_array_atomic_load(array, 1, &zero, 4, NULL));
    SAYS("out");
    RC(EINVAL, shm_array_atomic_store(array, 1, &zero, 4, NULL));
    SAYS("value");
    RC(EINVAL, shm_array_atomic_fetch_add(array, 1, &zero, 4, NULL, &out));
    SAYS("operand");
    RC(EINVAL, shm_array_atomic_compare_exchange(array, 1, &zero, 4, NULL, &value, &exchanged));
    SAYS("expected");
    RC(EINVAL, shm_array_atomic_compare_exchange(array, 1, &zero, 4, &value, NULL, &exchanged));
    SAYS("desired");
    RC(EINVAL, shm_array_atomic_compare_exchange(array, 1, &zero, 4, &value, &value, NULL));
    SAYS("out_exchanged");

    shm_array_t *reader = opened(name, SHM_ARRAY_READ);
    OK(shm_array_atomic_load(reader, 1, &zero, 4, &value));
    CHECK(value == 0);
    RC(EACCES, shm_array_atomic_store(reader, 1, &zero, 4, &value));
    RC(EACCES, shm_array_atomic_exchange(reader, 1, &zero, 4, &value, &out));
    RC(EACCES, shm_array_atomic_fetch_add(reader, 1, &zero, 4, &value, &out));
    RC(EACCES, shm_array_atomic_compare_exchange(reader, 1, &zero, 4, &value, &value, &exchanged));
    SAYS("opened for reading only");
    shm_array_close(reader);
    shm_array_close(array);
    OK(shm_array_unlink(name));

    const char *strange[] = {">i4", "<f2", "|b1", "|S4", "<c8", "<M8[s]", "[('x', '<i4')]"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        OK(shm_array_create(NULL, strange[i], 0, NULL, NULL, &array));
        char bytes[16] = {0};
        RC(EOPNOTSUPP, shm_array_atomic_load(array, 0, NULL, view_of(array).itemsize, bytes));
        SAYS("byte order");
        RC(EOPNOTSUPP, shm_array_atomic_fetch_add(array, 0, NULL, view_of(array).itemsize, bytes, NULL));
        shm_array_close(array);
    }
    OK(shm_array_create(NULL, "<f4", 0, NULL, NULL, &array));
    RC(EOPNOTSUPP, shm_array_atomic_fetch_or(array, 0, NULL, 4, &value, NULL));
    SAYS("integers");
    shm_array_close(array);
    CHECK(out == 77 && exchanged == 77);
    return 0;
}
