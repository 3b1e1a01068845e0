/* topic_places.c - places for subscribers: full, freed by the closed and the killed; a child has none of its parent's. */
#include "topics.h"

int main(void)
{
    char name[64];
    int ready[2];
    uint64_t number;
    size_t len;
    shm_object_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.slots = 2;
    shm_topic_t *topic = NULL, *other = NULL;
    CHECK(pipe(ready) == 0);
    OK(shm_topic_create(unique_name(name, sizeof name), 4, 8, NULL, 0, &options, &topic));
    shm_topic_t *first = subscriber_to(name);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        RC(EPERM, shm_topic_receive(first, &number, 8, 0, &len, NULL));
        OK(shm_topic_subscribe(first, 0)); /* with its copy of the handle, it can be one of its own */
        tell(ready);
        pause();
    }
    hear(ready);
    OK(shm_topic_open(name, SHM_OBJECT_WRITE, &other));
    RC(EUSERS, shm_topic_subscribe(other, 0));
    SAYS("2 subscribers");
    kill(child, SIGKILL);
    CHECK(end_of(child) == -SIGKILL);
    OK(shm_topic_subscribe(other, 0));
    publish_number(topic, 3);
    CHECK(hear_number(first, 0) == 3 && hear_number(other, 0) == 3);
    RC(EUSERS, shm_topic_subscribe(topic, 0));
    shm_topic_close(first);
    OK(shm_topic_subscribe(topic, 0));
    publish_number(topic, 4);
    CHECK(hear_number(topic, 0) == 4 && hear_number(other, 0) == 4);
    shm_topic_close(other);
    shm_topic_close(topic);
    OK(shm_topic_unlink(name));
    return 0;
}
