/* topic_finished_in_between.c - a subscriber hears the end of a topic whose last message was just being overwritten. */
#include "topics.h"

#include <stdlib.h>

enum { LARGE = 64 << 20 };

/* The publisher is killed so many microseconds after it has begun to overwrite the one message. */
static void killed_after(unsigned delay, char *bytes)
{
    char name[64];
    int go[2];
    size_t len = 0;
    uint64_t lost = 0;
    CHECK(pipe(go) == 0);
    shm_topic_t *topic = new_topic(unique_name(name, sizeof name), 1, LARGE, 0);
    OK(shm_topic_subscribe(topic, 0));
    OK(shm_topic_publish(topic, "hello", 5, 0));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        shm_topic_t *publisher = NULL;
        OK(shm_topic_open(name, SHM_OBJECT_WRITE, &publisher));
        tell(go);
        (void)shm_topic_publish(publisher, bytes, LARGE, SECONDS(5));
        pause();
    }
    hear(go);
    usleep(delay);
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
    OK(shm_topic_finish(topic));
    int code = shm_topic_receive(topic, bytes, LARGE, SECONDS(5), &len, &lost);
    if (code == 0) {
        CHECK(len == 5 || len == LARGE);
        code = shm_topic_receive(topic, bytes, LARGE, SECONDS(5), &len, &lost);
    }
    RC(ENODATA, code);
    shm_topic_close(topic);
    OK(shm_topic_unlink(name));
    CHECK(close(go[0]) == 0 && close(go[1]) == 0);
}

int main(void)
{
    char *bytes = (char *)calloc(1, LARGE);
    CHECK(bytes != NULL);
    memset(bytes, 1, LARGE);
    for (unsigned delay = 0; delay < 10000; delay += 2000)
        killed_after(delay, bytes);
    free(bytes);
    return 0;
}
