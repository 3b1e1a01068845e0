/* topic_subscribed_twice.c - of two threads that subscribe through one handle one is told that it has been done. */
#include "topics.h"

#include <pthread.h>
#include <stdlib.h>

enum { LARGE = 4 << 20, ROUNDS = 20 };

static shm_topic_t *topic;
static pthread_barrier_t both;

static void *subscribe(void *code)
{
    pthread_barrier_wait(&both);
    *(int *)code = shm_topic_subscribe(topic, SECONDS(5));
    return NULL;
}

int main(void)
{
    char name[64], *bytes = (char *)calloc(1, LARGE);
    CHECK(bytes != NULL && pthread_barrier_init(&both, NULL, 2) == 0);
    shm_topic_t *owner = new_topic(unique_name(name, sizeof name), 2, LARGE, 0);
    /* Somebody who publishes all the time keeps the two waiting for their turn. */
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        shm_topic_t *publisher = NULL;
        OK(shm_topic_open(name, SHM_OBJECT_WRITE, &publisher));
        for (;;)
            OK(shm_topic_publish(publisher, bytes, LARGE, SECONDS(5)));
    }
    while (topic_stat_of(owner).published == 0)
        usleep(1000);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[2];
        int codes[2] = {-1, -1};
        OK(shm_topic_open(name, SHM_OBJECT_WRITE, &topic));
        for (int i = 0; i < 2; i++)
            CHECK(pthread_create(&threads[i], NULL, subscribe, &codes[i]) == 0);
        for (int i = 0; i < 2; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK((codes[0] == 0) + (codes[1] == 0) == 1 && (codes[0] == EBUSY) + (codes[1] == EBUSY) == 1);
        CHECK(topic_stat_of(owner).subscribers == 1);
        shm_topic_close(topic);
        CHECK(topic_stat_of(owner).subscribers == 0);
    }
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
    shm_topic_close(owner);
    OK(shm_topic_unlink(name));
    CHECK(pthread_barrier_destroy(&both) == 0);
    free(bytes);
    return 0;
}
