/* cpp_locks.cpp - the standard's lock guards take an array, and learn of a death before they hold it. */
#include "given.h"
#include <mutex>
#include <shared_mutex>
#include <shm_array.hpp>

using namespace std::chrono_literals;

int main()
{
    auto array = shm::array::create(nullptr, shm::dtype<double>(), {4});
    shm::array other(shm::made(shm_array_slice, array.get(), 0, nullptr, nullptr, nullptr));
    {
        std::scoped_lock alone(array);
        CHECK(!other.try_lock() && !other.try_lock_shared() && !other.try_lock_for(1ms) && !other.try_lock_shared_for(1ms));
        CHECK(!other.try_lock_until(std::chrono::steady_clock::now() - 1h));
        CHECK(!other.try_lock_until(std::chrono::steady_clock::time_point::min()));
        CHECK(!other.try_lock_shared_until(std::chrono::steady_clock::time_point::min()));
        CHECK(!std::unique_lock(other, std::chrono::system_clock::now() + 1ms));
        CHECK(!other.try_lock_until(std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>()));
    }
    {
        std::shared_lock first(array), second(other);
        CHECK(!array.try_lock());
        second.unlock();
        CHECK(!other.try_lock());
    }
    CHECK(std::unique_lock(other, 5s).owns_lock());
    CHECK(std::unique_lock(other, std::chrono::hours::max()).owns_lock()); // too many nanoseconds to count
    CHECK(array.generation() == 3);

    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        array.lock();
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    for (int attempt = 0; attempt < 2; attempt++) {
        try {
            std::unique_lock alone(array);
            CHECK(!"a guard holds what the dead left half written");
        } catch (const shm::error &why) {
            CHECK(why.code() == std::errc::owner_dead && strstr(why.what(), "repair"));
        }
    }
    CHECK(array.take());
    {
        std::unique_lock alone(array, std::adopt_lock);
        array.recover();
    }
    CHECK(!array.take(SHM_ARRAY_SHARED, 0s));
    array.unlock_shared();
    try {
        array.unlock();
        CHECK(!"what is not held was given back");
    } catch (const shm::error &why) {
        CHECK(why.code() == std::errc::operation_not_permitted);
    }
    return 0;
}
