/* notify_topic.c - descriptors become readable when a subscriber has a message, and when a publisher need not wait. */
#include "objects.h"
#include "topics.h"

int main(void)
{
    char name[64];
    int fd = -1, room = -1;
    uint64_t number = 9, lost;
    size_t len;
    shm_topic_t *topic = new_topic(unique_name(name, sizeof name), 2, 8, SHM_TOPIC_KEEP);
    RC(EINVAL, shm_topic_notify_fd(NULL, &fd));
    RC(EINVAL, shm_topic_notify_room_fd(NULL, &fd));
    RC(EINVAL, shm_topic_notify_room_fd(topic, NULL));
    RC(EPERM, shm_topic_notify_fd(topic, &fd));
    SAYS("subscribe");
    shm_topic_t *subscriber = subscriber_to(name);
    publish_number(topic, 0);
    OK(shm_topic_notify_fd(subscriber, &fd));
    CHECK(readable(fd, 5000)); /* what is there already counts */
    drained(fd);
    CHECK(hear_number(subscriber, 0) == 0);
    CHECK(!readable(fd, 30));
    OK(shm_topic_notify_room_fd(topic, &room));
    CHECK(readable(room, 5000));
    drained(room);

    for (uint64_t round = 0; round < 3; round++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            shm_topic_t *own = NULL;
            OK(shm_topic_open(name, SHM_OBJECT_WRITE, &own));
            publish_number(own, 2 * round);
            publish_number(own, 2 * round + 1);
            RC(EAGAIN, shm_topic_publish(own, &number, 8, 0));
            shm_topic_close(own);
            _exit(0);
        }
        CHECK(readable(fd, 5000));
        CHECK(end_of(child) == 0);
        drained(fd);
        quieted(room);
        RC(EAGAIN, shm_topic_publish(topic, &number, 8, 0));
        CHECK(!readable(room, 50));
        CHECK(hear_number(subscriber, 0) == 2 * round && hear_number(subscriber, 0) == 2 * round + 1);
        RC(EAGAIN, shm_topic_receive(subscriber, &number, 8, 0, &len, &lost));
        CHECK(readable(room, 5000));
        drained(room);
    }
    quieted(fd);

    /* The slowest subscriber is killed, which rings no bell. */
    pid_t child = stays_after(subscribes, name);
    for (uint64_t i = 0; i < 2; i++) {
        publish_number(topic, i);
        CHECK(hear_number(subscriber, 0) == i);
    }
    RC(EAGAIN, shm_topic_publish(topic, &number, 8, 0));
    quieted(room);
    CHECK(!readable(room, 50));
    CHECK(killed(child) == -SIGKILL);
    CHECK(readable(room, 5000));
    drained(room);
    OK(shm_topic_publish(topic, &number, 8, 0));
    CHECK(hear_number(subscriber, 0) == 9);

    quieted(fd);
    CHECK(!readable(fd, 30));
    OK(shm_topic_finish(topic));
    CHECK(readable(fd, 5000) && readable(room, 5000));
    RC(ENODATA, shm_topic_receive(subscriber, &number, 8, 0, &len, &lost));
    OK(shm_notify_close(fd));
    OK(shm_notify_close(room));
    shm_topic_close(subscriber);
    shm_topic_close(topic);
    OK(shm_topic_unlink(name));
    return 0;
}
