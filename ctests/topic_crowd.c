/* topic_crowd.c - fast publishers, and subscribers that lose much: what arrives is whole and in order, and the sum is right. */
#include "topics.h"

enum { PUBLISHERS = 2, SUBSCRIBERS = 2, WORDS = 40 };

int main(void)
{
    uint64_t each = slowly() ? 500 : 10000;
    for (uint32_t flags = 0; flags <= SHM_TOPIC_KEEP; flags++) {
        char name[64];
        int ready[2];
        CHECK(pipe(ready) == 0);
        shm_topic_t *topic = new_topic(unique_name(name, sizeof name), 16, WORDS * 8, flags);
        pid_t publishers[PUBLISHERS], subscribers[SUBSCRIBERS];
        for (int s = 0; s < SUBSCRIBERS; s++)
            if ((subscribers[s] = fork()) == 0) {
                shm_topic_t *own = subscriber_to(name);
                uint64_t words[WORDS], next[PUBLISHERS] = {0}, heard = 0, lost, all_lost = 0;
                size_t len;
                int code;
                tell(ready);
                while ((code = shm_topic_receive(own, words, sizeof words, FOREVER, &len, &lost)) == 0) {
                    CHECK(len >= 16 && len <= sizeof words && len % 8 == 0 && words[0] < PUBLISHERS);
                    CHECK(words[1] >= next[words[0]]);
                    next[words[0]] = words[1] + 1;
                    for (size_t i = 2; i < len / 8; i++)
                        CHECK(words[i] == words[1] * 1000 + i);
                    heard++, all_lost += lost;
                }
                RC(ENODATA, code);
                CHECK(heard + all_lost == PUBLISHERS * each && (!flags || all_lost == 0));
                shm_topic_close(own);
                _exit(0);
            }
        for (int s = 0; s < SUBSCRIBERS; s++)
            hear(ready);
        for (uint64_t p = 0; p < PUBLISHERS; p++)
            if ((publishers[p] = fork()) == 0) {
                uint64_t words[WORDS] = {p};
                for (uint64_t i = 0; i < each; i++) {
                    size_t count = 2 + i % (WORDS - 2);
                    words[1] = i;
                    for (size_t w = 2; w < count; w++)
                        words[w] = i * 1000 + w;
                    OK(shm_topic_publish(topic, words, count * 8, FOREVER));
                }
                _exit(0);
            }
        for (int p = 0; p < PUBLISHERS; p++)
            CHECK(end_of(publishers[p]) == 0);
        OK(shm_topic_finish(topic));
        uint64_t number = 0;
        RC(EPIPE, shm_topic_publish(topic, &number, 8, FOREVER));
        for (int s = 0; s < SUBSCRIBERS; s++)
            CHECK(end_of(subscribers[s]) == 0);
        close(ready[0]), close(ready[1]);
        shm_topic_close(topic);
        OK(shm_topic_unlink(name));
    }
    return 0;
}
