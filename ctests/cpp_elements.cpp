/* cpp_elements.cpp - C++ sees elements by their type and index, and is refused what they are not. */
#include "given.h"
#include <numeric>
#include <shm_array.hpp>

template <class Wrong> static bool is_refused(const shm::array &array)
{
    try {
        array.elements<Wrong>();
    } catch (const std::invalid_argument &) {
        return true;
    }
    return false;
}

int main()
{
    CHECK(shm::dtype<bool>() == "|b1" && shm::dtype<float>() == "<f4" && shm::dtype<uint8_t>() == "|u1");
    CHECK(shm::dtype<int64_t>() == "<i8" && shm::dtype<unsigned short>() == "<u2" && shm::dtype<signed char>() == "|i1");

    auto array = shm::array::create(nullptr, shm::dtype<int32_t>(), {3, 4});
    auto numbers = array.elements<int32_t>();
    CHECK(numbers.ndim() == 2 && numbers.shape(0) == 3 && numbers.shape(1) == 4 && numbers.stride(0) == 16);
    std::iota(numbers.begin(), numbers.end(), 0);
    CHECK(numbers(2, 1) == 9 && *(int32_t *)((char *)view_of(array.get()).data + 36) == 9);
    numbers(2, 1) = -1;
    CHECK(array.elements<const int32_t>().data()[9] == -1);
    CHECK(is_refused<uint32_t>(array) && is_refused<float>(array) && is_refused<const int64_t>(array));

    /* Every second column, backwards: by index, and not as if it were one piece. */
    const int64_t start[] = {0, 3}, stop[] = {3, INT64_MIN}, step[] = {1, -2};
    shm::array part(shm::made(shm_array_slice, array.get(), 2, start, stop, step));
    auto columns = part.elements<int32_t>();
    CHECK(columns.size() == 6 && !columns.is_contiguous() && columns(0, 0) == 3 && columns(2, 1) == -1);
    try {
        columns.begin();
        CHECK(!"a slice with gaps was taken for one piece");
    } catch (const std::logic_error &) {
    }

    /* What outlives its handle is the mapping, by another handle. */
    array = shm::array(nullptr);
    CHECK(columns(1, 0) == 7);

    char name[64];
    unique_name(name, sizeof name);
    shm::array::create(name, shm::dtype<double>(), {});
    shm::array scalar = shm::array::open(name, SHM_ARRAY_READ);
    CHECK(is_refused<double>(scalar) && scalar.elements<const double>()() == 0);
    OK(shm_array_unlink(name));
    return 0;
}
