/* cpp_errors.cpp - in C++ a failure is an exception with the code and all words, and nothing stays open. */
#include "given.h"
#include <shm_array.hpp>

int main()
{
    char name[64];
    unique_name(name, sizeof name);
    try {
        shm::array::open(name);
        CHECK(!"an array that does not exist was opened");
    } catch (const std::system_error &why) {
        CHECK(why.code() == std::errc::no_such_file_or_directory && strstr(why.what(), name));
    }
    try {
        shm::array::create(name, "complicated", {3});
        CHECK(!"a dtype that numpy does not know was taken");
    } catch (const shm::error &why) {
        CHECK(why.code() == std::error_code(SHM_ARRAY_ERR_DTYPE, shm::category()) && strstr(why.what(), "complicated"));
        CHECK(why.code().message() == shm_array_strerror(SHM_ARRAY_ERR_DTYPE));
    }

    /* Objects without a class of their own. */
    auto queue = shm::made(shm_queue_create, name, 4, 16, nullptr, 1, 0, nullptr);
    shm::check(shm_queue_send(queue.get(), "hello", 5, 0, 0));
    CHECK(shm::got(shm_queue_count, queue.get()) == 1 && shm::got(shm_queue_stat, queue.get()).message_bytes == 16);
    char words[16];
    CHECK(shm::got(shm_queue_receive, queue.get(), words, sizeof words, 0) == 5 && !memcmp(words, "hello", 5));
    try {
        shm::got(shm_queue_receive, queue.get(), words, sizeof words, 0);
        CHECK(!"an empty queue gave a message");
    } catch (const shm::error &why) {
        CHECK(why.code() == std::errc::resource_unavailable_try_again);
    }
    auto semaphore = shm::made(shm_semaphore_create, nullptr, SHM_SEMAPHORE_SIGNALLING, 2, nullptr);
    auto event = shm::made(shm_event_create, nullptr, nullptr, 0, nullptr);
    auto barrier = shm::made(shm_barrier_create, nullptr, 1, nullptr);
    auto pipe = shm::made(shm_pipe_create, nullptr, 4096, SHM_PIPE_READER | SHM_PIPE_WRITER, nullptr);
    auto topic = shm::made(shm_topic_create, nullptr, 4, 16, nullptr, 0, nullptr);
    const uint64_t shape[] = {2};
    auto frames = shm::made(shm_frames_create, nullptr, "<f8", 1, shape, 3, nullptr);
    CHECK(shm::got(shm_semaphore_value, semaphore.get()) == 2 && shm::got(shm_barrier_wait, barrier.get(), 0) == 0);
    CHECK(shm::got(shm_frames_stat, frames.get()).buffers == 3 && event && pipe && topic);
    OK(shm_queue_unlink(name));
    return 0;
}
