/* queues.h - what the tests of queues begin with. */
#ifndef QUEUES_H
#define QUEUES_H

#include "given.h"

/* A queue for messages of any bytes. */
static inline shm_queue_t *new_queue(const char *name, uint64_t capacity, uint64_t message_bytes, uint32_t flags)
{
    shm_queue_t *queue = NULL;
    OK(shm_queue_create(name, capacity, message_bytes, NULL, 1, flags, NULL, &queue));
    return queue;
}

static inline shm_queue_t *opened_queue(const char *name)
{
    shm_queue_t *queue = NULL;
    OK(shm_queue_open(name, SHM_OBJECT_WRITE, &queue));
    return queue;
}

static inline shm_queue_message_t no_message(void)
{
    shm_queue_message_t message;
    memset(&message, 0, sizeof message);
    message.size = sizeof message;
    return message;
}

static inline shm_queue_stat_t queue_stat_of(const shm_queue_t *queue)
{
    shm_queue_stat_t figures;
    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    OK(shm_queue_stat(queue, &figures));
    return figures;
}

static inline uint64_t count_of(const shm_queue_t *queue)
{
    uint64_t count = 77;
    OK(shm_queue_count(queue, &count));
    return count;
}

static inline void send_number(const shm_queue_t *queue, uint64_t number)
{
    OK(shm_queue_send(queue, &number, sizeof number, 0, SECONDS(5)));
}

static inline uint64_t receive_number(const shm_queue_t *queue)
{
    uint64_t number = 0;
    size_t len = 0;
    OK(shm_queue_receive(queue, &number, sizeof number, SECONDS(5), &len));
    CHECK(len == sizeof number);
    return number;
}

/* Both kinds of queue, one after the other. */
static const uint32_t KINDS[] = {0, SHM_QUEUE_SPSC};
#define EACH_KIND(flags) for (size_t kind_ = 0, flags; kind_ < 2 && (flags = KINDS[kind_], 1); kind_++)
#endif
