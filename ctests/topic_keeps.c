/* topic_keeps.c - with SHM_TOPIC_KEEP the publisher waits for the slowest subscriber, until that goes or is killed. */
#include "topics.h"

int main(void)
{
    char name[64];
    uint64_t number = 9;
    shm_topic_t *topic = new_topic(unique_name(name, sizeof name), 4, 8, SHM_TOPIC_KEEP);
    for (uint64_t i = 0; i < 10; i++) /* nobody is there to wait for */
        OK(shm_topic_publish(topic, &i, 8, 0));
    shm_topic_t *slow = subscriber_to(name), *fast = subscriber_to(name);
    for (uint64_t i = 0; i < 4; i++) {
        OK(shm_topic_publish(topic, &i, 8, 0));
        CHECK(hear_number(fast, 0) == i);
    }
    RC(EAGAIN, shm_topic_publish(topic, &number, 8, 0));
    SAYS("4 messages behind");
    RC(ETIMEDOUT, shm_topic_publish(topic, &number, 8, MILLISECONDS(30)));
    CHECK(hear_number(slow, 0) == 0);
    OK(shm_topic_publish(topic, &number, 8, 0));
    RC(EAGAIN, shm_topic_publish(topic, &number, 8, 0));
    CHECK(hear_number(fast, 0) == 9);
    shm_topic_close(slow);
    OK(shm_topic_publish(topic, &number, 8, 0));
    CHECK(hear_number(fast, 0) == 9);

    pid_t child = stays_after(subscribes, name);
    for (uint64_t i = 0; i < 4; i++) {
        OK(shm_topic_publish(topic, &i, 8, 0));
        CHECK(hear_number(fast, 0) == i);
    }
    RC(EAGAIN, shm_topic_publish(topic, &number, 8, 0));
    kill(child, SIGKILL);
    siginfo_t info; /* a zombie is dead enough */
    CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
    OK(shm_topic_publish(topic, &number, 8, 0));
    CHECK(topic_stat_of(topic).subscribers == 1 && end_of(child) == -SIGKILL);
    CHECK(hear_number(fast, 0) == 9);
    shm_topic_close(fast);
    shm_topic_close(topic);
    OK(shm_topic_unlink(name));
    return 0;
}
