/* shm_array.hpp - shm_array.h for C++17: handles that close themselves, errors that are thrown, elements by their type.
 *
 *     auto celsius = shm::array::create("temperature", shm::dtype<double>(), {1000, 1000});
 *     {
 *         std::unique_lock alone(celsius);
 *         for (double &value : celsius.elements<double>())
 *             value = 20;
 *     }
 *     shm::elements<double> grid = celsius.elements<double>();
 *     grid(3, 4) = 21;
 *
 * An array is a std::shared_timed_mutex in all that std::unique_lock, std::shared_lock and std::scoped_lock ask of one.
 * Every other function of shm_array.h is called as it is, with what handles' get() gives, through one of three:
 *
 *     auto queue = shm::made(shm_queue_create, nullptr, 1024, 64, nullptr, 1, 0, nullptr);     the handle that it makes
 *     uint64_t waiting = shm::got(shm_queue_count, queue.get());                               the value that it tells
 *     shm::check(shm_queue_finish(queue.get()));                                               or shm::error is thrown
 *
 * Conventions are those of shm_array.h. Nothing here is part of the library's binary interface.
 */
#ifndef SHM_ARRAY_HPP
#define SHM_ARRAY_HPP

#include "shm_array.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace shm {

/* The codes of this library that are no errno: SHM_ARRAY_ERR_*. */
inline const std::error_category &category() noexcept
{
    struct library final : std::error_category {
        const char *name() const noexcept override { return "shm_array"; }
        std::string message(int code) const override { return shm_array_strerror(code); }
    };
    static const library only;
    return only;
}

/* What a function answered that is not 0. code() compares with std::errc; what() says it in full, with figures. */
class error : public std::system_error {
public:
    explicit error(int code)
        : std::system_error(code, code > 0 ? std::generic_category() : category()), words(shm_array_error_detail())
    {
    }
    const char *what() const noexcept override { return words.c_str(); }

private:
    std::string words;
};

inline void check(int code)
{
    if (code != 0)
        throw error(code);
}

struct closer {
    void operator()(shm_array_t *array) const noexcept { shm_array_close(array); }
    void operator()(shm_semaphore_t *semaphore) const noexcept { shm_semaphore_close(semaphore); }
    void operator()(shm_barrier_t *barrier) const noexcept { shm_barrier_close(barrier); }
    void operator()(shm_event_t *event) const noexcept { shm_event_close(event); }
    void operator()(shm_frames_t *frames) const noexcept { shm_frames_close(frames); }
    void operator()(shm_queue_t *queue) const noexcept { shm_queue_close(queue); }
    void operator()(shm_pipe_t *pipe) const noexcept { shm_pipe_close(pipe); }
    void operator()(shm_topic_t *topic) const noexcept { shm_topic_close(topic); }
};

/* Of any object; closed when it goes. */
template <class Object> using handle = std::unique_ptr<Object, closer>;

namespace detail {
/* What the last parameter of a function points to: what it makes, or tells. */
template <class... Parameters>
using out = std::remove_pointer_t<std::tuple_element_t<sizeof...(Parameters) - 1, std::tuple<Parameters...>>>;

/* An integer as the type of the parameter that it is for: a literal is an int, and most numbers here are unsigned. */
template <class Parameter, class Argument> decltype(auto) passed(Argument &&argument)
{
    if constexpr (std::is_integral_v<Parameter> && std::is_integral_v<std::remove_reference_t<Argument>>)
        return static_cast<Parameter>(argument);
    else
        return std::forward<Argument>(argument);
}

/* Call a function with arguments, and with where its last parameter points to. */
template <class... Parameters, std::size_t... Numbers, class Out, class... Arguments>
void call(int (*function)(Parameters...), std::index_sequence<Numbers...>, Out *out, Arguments &&...arguments)
{
    using all = std::tuple<Parameters...>;
    check(function(passed<std::tuple_element_t<Numbers, all>>(std::forward<Arguments>(arguments))..., out));
}

template <class Value, class = void> constexpr bool has_size = false;
template <class Value> constexpr bool has_size<Value, std::void_t<decltype(std::declval<Value>().size)>> = true;
} // namespace detail

/* Call a function whose last parameter is where it puts a new handle. */
template <class... Parameters, class... Arguments>
auto made(int (*function)(Parameters...), Arguments &&...arguments)
{
    detail::out<Parameters...> object = nullptr;
    detail::call(function, std::index_sequence_for<Arguments...>{}, &object, std::forward<Arguments>(arguments)...);
    return handle<std::remove_pointer_t<decltype(object)>>(object);
}

/* Call a function whose last parameter is where it puts a number, or a struct that begins with its size. */
template <class... Parameters, class... Arguments>
auto got(int (*function)(Parameters...), Arguments &&...arguments)
{
    detail::out<Parameters...> value{};
    if constexpr (detail::has_size<decltype(value)>)
        value.size = sizeof value;
    detail::call(function, std::index_sequence_for<Arguments...>{}, &value, std::forward<Arguments>(arguments)...);
    return value;
}

/* numpy's text for an arithmetic type, such as "<f8". */
template <class Element> std::string dtype()
{
    static_assert(std::is_arithmetic_v<Element>, "spell out the dtype of anything but a number, as numpy does");
    static_assert(!std::is_floating_point_v<Element> || sizeof(Element) <= 8, "long double has no size of its own");
    const uint16_t one = 1;
    const char order = sizeof(Element) == 1 ? '|' : *reinterpret_cast<const unsigned char *>(&one) == 1 ? '<' : '>';
    const char kind = std::is_same_v<Element, bool>       ? 'b'
                      : std::is_floating_point_v<Element> ? 'f'
                      : std::is_signed_v<Element>         ? 'i'
                                                          : 'u';
    return std::string{order, kind} + std::to_string(sizeof(Element));
}

/* Elements where they lie: shape, strides, and by index. Valid for as long as a handle over the same array is. */
template <class Element> class elements {
public:
    explicit elements(const shm_array_view_t &view) : view(view) {}

    uint64_t size() const { return view.count; }
    std::size_t ndim() const { return view.ndim; }
    uint64_t shape(std::size_t axis) const { return view.shape[axis]; }
    int64_t stride(std::size_t axis) const { return view.strides[axis]; } // in bytes
    bool is_contiguous() const { return view.flags & SHM_ARRAY_VIEW_C_CONTIGUOUS; }

    /* One element, by an index for each axis; unchecked, as with a pointer. */
    template <class... Indexes> Element &operator()(Indexes... indexes) const
    {
        const std::array<int64_t, sizeof...(Indexes)> at{static_cast<int64_t>(indexes)...};
        auto *start = static_cast<char *>(view.data);
        for (std::size_t axis = 0; axis < at.size(); axis++)
            start += at[axis] * view.strides[axis];
        return *reinterpret_cast<Element *>(start);
    }

    /* All of them in the order of memory, last axis fastest; std::logic_error where they do not lie like that. */
    Element *data() const
    {
        if (!is_contiguous())
            throw std::logic_error("the elements do not lie one behind the other: take them by their indexes");
        return static_cast<Element *>(view.data);
    }
    Element *begin() const { return data(); }
    Element *end() const { return data() + view.count; }

private:
    shm_array_view_t view;
};

/* In whole nanoseconds; a negative time means for ever, as everywhere. */
using time = std::chrono::nanoseconds;
inline constexpr time forever{-1};

/* One handle on an array. Movable; any thread may use it. */
class array {
public:
    explicit array(handle<shm_array_t> opened) : opened(std::move(opened)) {}

    /* NULL for `name`: anonymous memory. `options` as for shm_array_create(). */
    static array create(const char *name, const std::string &dtype, const std::vector<uint64_t> &shape,
                        const shm_array_options_t *options = nullptr)
    {
        return array(made(shm_array_create, name, dtype.c_str(), shape.size(), shape.data(), options));
    }
    static array open(const char *name, uint32_t flags = SHM_ARRAY_WRITE)
    {
        return array(made(shm_array_open, name, flags));
    }
    static array open(int fd, uint32_t flags = SHM_ARRAY_WRITE) { return array(made(shm_array_open_fd, fd, flags)); }

    shm_array_t *get() const { return opened.get(); }
    shm_array_view_t view() const { return got(shm_array_view, get()); }
    uint64_t generation() const { return got(shm_array_generation, get()); }

    /* The elements as numbers of that type, const where they are only read; std::invalid_argument if they are others. */
    template <class Element> shm::elements<Element> elements() const
    {
        const shm_array_view_t now = view();
        const std::string wanted = dtype<std::remove_const_t<Element>>();
        if (now.dtype != wanted)
            throw std::invalid_argument("the elements are " + std::string(now.dtype) + ", not " + wanted);
        if (!std::is_const_v<Element> && !(now.flags & SHM_ARRAY_VIEW_WRITABLE))
            throw std::invalid_argument("the array was opened for reading: ask for const elements");
        if (!(now.flags & SHM_ARRAY_VIEW_ALIGNED))
            throw std::invalid_argument("the elements do not lie where the processor wants them: copy them out");
        return shm::elements<Element>(now);
    }

    /* Sleep until somebody has written since that generation; the present one. */
    uint64_t wait(uint64_t since, time timeout = forever) const
    {
        return got(shm_array_wait, get(), since, timeout.count());
    }

    /* The lock, as the standard's guards want it. Where a holder died while writing these throw std::errc::owner_dead, and
     * hold nothing: then take it with take(), mend the elements, and recover(). */
    void lock() { whole(SHM_ARRAY_EXCLUSIVE, forever); }
    bool try_lock() { return whole(SHM_ARRAY_EXCLUSIVE, time::zero()); }
    template <class Rep, class Period> bool try_lock_for(std::chrono::duration<Rep, Period> limit)
    {
        return whole(SHM_ARRAY_EXCLUSIVE, limited(limit));
    }
    template <class Clock, class Duration> bool try_lock_until(std::chrono::time_point<Clock, Duration> limit)
    {
        return try_lock_for(left(limit, Clock::now()));
    }
    void lock_shared() { whole(SHM_ARRAY_SHARED, forever); }
    bool try_lock_shared() { return whole(SHM_ARRAY_SHARED, time::zero()); }
    template <class Rep, class Period> bool try_lock_shared_for(std::chrono::duration<Rep, Period> limit)
    {
        return whole(SHM_ARRAY_SHARED, limited(limit));
    }
    template <class Clock, class Duration> bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> limit)
    {
        return try_lock_shared_for(left(limit, Clock::now()));
    }
    void unlock() { check(shm_array_unlock(get())); }
    void unlock_shared() { unlock(); }

    /* The lock with what death left: true where a holder died while writing, and nobody has recovered since. Held either
     * way, for std::adopt_lock; an error, such as std::errc::timed_out, where it is not. */
    [[nodiscard]] bool take(uint32_t mode = SHM_ARRAY_EXCLUSIVE, time timeout = forever)
    {
        const int code = shm_array_lock(get(), mode, timeout.count());
        if (code != EOWNERDEAD)
            check(code);
        return code == EOWNERDEAD;
    }
    void recover() { check(shm_array_recover(get())); }

private:
    template <class Rep, class Period> static time limited(std::chrono::duration<Rep, Period> limit)
    {
        using inexact = std::chrono::duration<double, std::nano>; // which holds any of them
        if (inexact(limit) >= inexact(time::max()))
            return time::max();
        // A time that is over is no negative timeout, which would be for ever.
        return limit.count() > 0 ? std::chrono::ceil<time>(limit) : time::zero();
    }

    /* Not the plain difference, which for a moment long ago can be more than a duration holds. */
    template <class Limit, class Now> static auto left(Limit limit, Now now)
    {
        return limit > now ? limit - now : decltype(limit - now)::zero();
    }

    bool whole(uint32_t mode, time timeout)
    {
        const int code = shm_array_lock(get(), mode, timeout.count());
        if (code == EBUSY || code == ETIMEDOUT)
            return false;
        if (code == EOWNERDEAD) {
            const error dead(code);
            unlock();
            throw dead;
        }
        check(code);
        return true;
    }

    handle<shm_array_t> opened;
};

} // namespace shm

#endif
