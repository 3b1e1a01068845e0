/* shape_overflow.c - a shape that no computer can hold is refused with its figures; so is one too big for here. */
#include "given.h"

int main(void)
{
    char name[64];
    const uint64_t big = UINT64_C(1) << 32, huge = UINT64_C(1) << 61;
    const uint64_t overflowing[][3] = {{big, big, 1}, {UINT64_MAX, 1, 1}, {huge, 1, 1}, {big, big, big}, {1, huge, 16}};
    shm_array_t *untouched = (shm_array_t *)name, *array = untouched;
    int descriptors = descriptors_open();
    unique_name(name, sizeof name);
    for (size_t i = 0; i < sizeof overflowing / sizeof *overflowing; i++) {
        char figure[32];
        uint64_t largest = 0;
        for (int axis = 0; axis < 3; axis++)
            if (overflowing[i][axis] > largest)
                largest = overflowing[i][axis];
        snprintf(figure, sizeof figure, "%llu", (unsigned long long)largest);
        RC(EINVAL, shm_array_create(name, "<f8", 3, overflowing[i], NULL, &array));
        SAYS(figure);
    }

    /* The capacity counts as the shape does. */
    uint64_t shape[] = {3, 8};
    shm_array_options_t options = no_options();
    options.capacity = huge;
    RC(EINVAL, shm_array_create(name, "<f8", 2, shape, &options, &array));
    SAYS("2305843009213693952");
    options.capacity = 2;
    RC(EINVAL, shm_array_create(name, "<f8", 2, shape, &options, &array));
    SAYS("capacity");
    SAYS("3");

    /* 64 TiB can be counted, and is refused before any of it is taken. */
    uint64_t too_much[] = {UINT64_C(1) << 43};
    const char *places[] = {name, NULL};
    for (int i = 0; i < 2; i++) {
        int code = shm_array_create(places[i], "<f8", 1, too_much, NULL, &array);
        CHECK(code == ENOSPC || code == ENOMEM);
        SAYS("64.0 TiB");
        SAYS("free");
    }
    CHECK(array == untouched && !exists(name));
    CHECK(descriptors_open() == descriptors);
    return 0;
}
