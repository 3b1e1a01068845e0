/* atomic_operations.c - each atomic operation on an element, for each type, by flat index and by one for each axis. */
#include "given.h"

#define TYPES(DO) \
    DO("|i1", int8_t) DO("|u1", uint8_t) DO("<i2", int16_t) DO("<u2", uint16_t) DO("<i4", int32_t) DO("<u4", uint32_t) \
    DO("<i8", int64_t) DO("<u8", uint64_t) DO("<f4", float) DO("<f8", double)

#define TRY(dtype, type) \
    { \
        shm_array_t *array = new_of(dtype); \
        const int64_t flat = 5, pair[] = {1, -1}; \
        const size_t size = sizeof(type); \
        type *elements = (type *)view_of(array).data, value = 7, previous = 99, other = 3; \
        int exchanged = 99; \
        OK(shm_array_atomic_store(array, 1, &flat, size, &value)); \
        CHECK(elements[5] == 7 && elements[4] == 0); \
        OK(shm_array_atomic_load(array, 2, pair, size, &previous)); \
        CHECK(previous == 7); \
        OK(shm_array_atomic_fetch_add(array, 2, pair, size, &other, &previous)); \
        CHECK(previous == 7 && elements[5] == 10); \
        OK(shm_array_atomic_fetch_min(array, 2, pair, size, &value, &previous)); \
        CHECK(previous == 10 && elements[5] == 7); \
        OK(shm_array_atomic_fetch_min(array, 2, pair, size, &value, NULL)); \
        OK(shm_array_atomic_fetch_max(array, 2, pair, size, &other, &previous)); \
        CHECK(previous == 7 && elements[5] == 7); \
        value = 90; \
        OK(shm_array_atomic_fetch_max(array, 2, pair, size, &value, &previous)); \
        CHECK(previous == 7 && elements[5] == 90); \
        OK(shm_array_atomic_exchange(array, 1, &flat, size, &other, &previous)); \
        CHECK(previous == 90 && elements[5] == 3); \
        OK(shm_array_atomic_compare_exchange(array, 1, &flat, size, &other, &value, &exchanged)); \
        CHECK(exchanged == 1 && other == 3 && elements[5] == 90); \
        OK(shm_array_atomic_compare_exchange(array, 1, &flat, size, &other, &value, &exchanged)); \
        CHECK(exchanged == 0 && other == 90 && elements[5] == 90); \
        for (int i = 0; i < 5; i++) \
            CHECK(elements[i] == 0); \
        shm_array_close(array); \
    }

#define TRY_BITS(dtype, type) \
    { \
        shm_array_t *array = new_of(dtype); \
        const int64_t flat = -1; \
        type *elements = (type *)view_of(array).data, value = 6, previous = 99; \
        elements[5] = 3; \
        OK(shm_array_atomic_fetch_or(array, 1, &flat, sizeof value, &value, &previous)); \
        CHECK(previous == 3 && elements[5] == 7); \
        OK(shm_array_atomic_fetch_and(array, 1, &flat, sizeof value, &value, &previous)); \
        CHECK(previous == 7 && elements[5] == 6); \
        value = 5; \
        OK(shm_array_atomic_fetch_xor(array, 1, &flat, sizeof value, &value, &previous)); \
        CHECK(previous == 6 && elements[5] == 3 && elements[4] == 0); \
        shm_array_close(array); \
    }

static shm_array_t *new_of(const char *dtype)
{
    const uint64_t shape[] = {2, 3};
    shm_array_t *array = NULL;
    OK(shm_array_create(NULL, dtype, 2, shape, NULL, &array));
    return array;
}

int main(void)
{
    TYPES(TRY)
    TRY_BITS("|i1", int8_t)
    TRY_BITS("<u2", uint16_t)
    TRY_BITS("<i4", int32_t)
    TRY_BITS("<u8", uint64_t)

    /* Negative numbers are less than positive ones, where there are any; sums wrap round. */
    shm_array_t *array = new_of("<i4");
    int32_t minus = -5, two = 2, found = 99;
    int64_t first = 0;
    OK(shm_array_atomic_fetch_min(array, 1, &first, 4, &minus, &found));
    OK(shm_array_atomic_fetch_max(array, 1, &first, 4, &minus, &found));
    CHECK(found == -5);
    int32_t largest = INT32_MAX;
    OK(shm_array_atomic_store(array, 1, &first, 4, &largest));
    OK(shm_array_atomic_fetch_add(array, 1, &first, 4, &two, NULL));
    OK(shm_array_atomic_load(array, 1, &first, 4, &found));
    CHECK(found == INT32_MIN + 1);
    shm_array_close(array);

    /* A NaN is no number: what it meets is taken instead. And it has bits like any other value. */
    array = new_of("<f8");
    double nan = strtod("nan", NULL), one = 1, value = 0;
    int exchanged = 0;
    OK(shm_array_atomic_store(array, 1, &first, 8, &nan));
    OK(shm_array_atomic_fetch_max(array, 1, &first, 8, &one, &value));
    CHECK(value != value && doubles(array)[0] == 1);
    OK(shm_array_atomic_fetch_min(array, 1, &first, 8, &nan, &value));
    CHECK(value == 1 && doubles(array)[0] == 1);
    OK(shm_array_atomic_store(array, 1, &first, 8, &nan));
    OK(shm_array_atomic_compare_exchange(array, 1, &first, 8, &nan, &one, &exchanged));
    CHECK(exchanged == 1 && doubles(array)[0] == 1);
    shm_array_close(array);
    return 0;
}
