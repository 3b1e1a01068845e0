/* topic_one_to_many.c - every subscriber gets every message from where it joined, in order, of any length. */
#include "topics.h"

int main(void)
{
    for (uint32_t flags = 0; flags <= SHM_TOPIC_KEEP; flags++) {
        char name[64], text[100], got[100];
        size_t len;
        uint64_t lost, count;
        shm_topic_t *topic = new_topic(unique_name(name, sizeof name), 8, sizeof text, flags);
        RC(EPERM, shm_topic_receive(topic, got, sizeof got, 0, &len, NULL));
        SAYS("shm_topic_subscribe");
        OK(shm_topic_publish(topic, "before", 6, 0));
        shm_topic_t *first = subscriber_to(name);
        RC(EBUSY, shm_topic_subscribe(first, 0));
        RC(EAGAIN, shm_topic_receive(first, got, sizeof got, 0, &len, &lost));
        RC(ETIMEDOUT, shm_topic_receive(first, got, sizeof got, MILLISECONDS(20), &len, &lost));
        OK(shm_topic_publish(topic, "one", 3, 0));
        shm_topic_t *second = subscriber_to(name);
        for (unsigned i = 0; i <= 100; i++) {
            memset(text, (int)i, sizeof text);
            OK(shm_topic_publish(first, text, i, 0));
            if (i == 0) {
                OK(shm_topic_count(first, &count));
                CHECK(count == 2);
                OK(shm_topic_receive(first, got, 3, 0, &len, NULL));
                CHECK(len == 3 && memcmp(got, "one", 3) == 0);
            }
            if (i == 9) {
                RC(EMSGSIZE, shm_topic_receive(second, got, 8, 0, &len, &lost));
                SAYS("9 bytes");
            }
            shm_topic_t *subscribers[] = {first, second};
            for (int s = 0; s < 2; s++) {
                OK(shm_topic_receive(subscribers[s], got, sizeof got, 0, &len, &lost));
                CHECK(len == i && lost == 0 && memcmp(text, got, len) == 0);
            }
        }
        CHECK(topic_stat_of(topic).published == 103 && topic_stat_of(topic).subscribers == 2);
        shm_topic_close(first);
        CHECK(topic_stat_of(topic).subscribers == 1);
        shm_topic_close(second);
        shm_topic_close(topic);
        OK(shm_topic_unlink(name));
    }
    return 0;
}
