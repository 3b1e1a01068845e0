// boost.cc - boost::interprocess::message_queue, for Rust to call.
#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstddef>

using boost::interprocess::message_queue;

extern "C" void *peer_boost_create(const char *name, size_t capacity, size_t bytes)
{
    try {
        message_queue::remove(name);
        return new message_queue(boost::interprocess::create_only, name, capacity, bytes);
    } catch (...) {
        return nullptr;
    }
}

extern "C" int peer_boost_send(void *queue, const void *data, size_t bytes)
{
    try {
        static_cast<message_queue *>(queue)->send(data, bytes, 0);
        return 0;
    } catch (...) {
        return -1;
    }
}

extern "C" ptrdiff_t peer_boost_receive(void *queue, void *data, size_t room)
{
    try {
        message_queue::size_type len;
        unsigned priority;
        static_cast<message_queue *>(queue)->receive(data, room, len, priority);
        return static_cast<ptrdiff_t>(len);
    } catch (...) {
        return -1;
    }
}

extern "C" void peer_boost_close(void *queue, const char *name)
{
    delete static_cast<message_queue *>(queue);
    message_queue::remove(name);
}
