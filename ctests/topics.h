/* topics.h - what the tests of topics begin with. */
#ifndef TOPICS_H
#define TOPICS_H

#include "given.h"

static inline shm_topic_t *new_topic(const char *name, uint64_t capacity, uint64_t message_bytes, uint32_t flags)
{
    shm_topic_t *topic = NULL;
    OK(shm_topic_create(name, capacity, message_bytes, NULL, flags, NULL, &topic));
    return topic;
}

static inline shm_topic_t *subscriber_to(const char *name)
{
    shm_topic_t *topic = NULL;
    OK(shm_topic_open(name, SHM_OBJECT_WRITE, &topic));
    OK(shm_topic_subscribe(topic, SECONDS(5)));
    return topic;
}

/* For stays_after(). */
static inline void subscribes(const void *name) { subscriber_to((const char *)name); }

static inline shm_topic_stat_t topic_stat_of(const shm_topic_t *topic)
{
    shm_topic_stat_t figures;
    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    OK(shm_topic_stat(topic, &figures));
    return figures;
}

static inline void publish_number(const shm_topic_t *topic, uint64_t number)
{
    OK(shm_topic_publish(topic, &number, sizeof number, SECONDS(5)));
}

/* The next number, before which just so many were lost. */
static inline uint64_t hear_number(const shm_topic_t *topic, uint64_t lost_before)
{
    uint64_t number = 0, lost = 77;
    size_t len = 0;
    OK(shm_topic_receive(topic, &number, sizeof number, SECONDS(5), &len, &lost));
    CHECK(len == sizeof number && lost == lost_before);
    return number;
}
#endif
