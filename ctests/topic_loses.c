/* topic_loses.c - a slow subscriber loses the oldest messages, is told how many, and slows nobody. */
#include "topics.h"

int main(void)
{
    char name[64];
    shm_topic_t *topic = new_topic(unique_name(name, sizeof name), 4, 8, 0);
    shm_topic_t *slow = subscriber_to(name), *fast = subscriber_to(name);
    for (uint64_t i = 0; i < 100; i++) {
        OK(shm_topic_publish(topic, &i, 8, 0));
        CHECK(hear_number(fast, 0) == i);
    }
    CHECK(topic_stat_of(topic).behind == 100);
    CHECK(hear_number(slow, 96) == 96 && hear_number(slow, 0) == 97);
    publish_number(topic, 100);
    publish_number(topic, 101);
    publish_number(topic, 102);
    CHECK(hear_number(slow, 1) == 99 && hear_number(slow, 0) == 100);
    shm_topic_close(slow);
    shm_topic_close(fast);
    shm_topic_close(topic);
    OK(shm_topic_unlink(name));
    return 0;
}
