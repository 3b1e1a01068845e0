/* queue_priorities.c - higher priorities come first, in order within each; what was given back comes before all. */
#include "queues.h"

int main(void)
{
    char name[64];
    shm_queue_t *queue = NULL;
    OK(shm_queue_create(unique_name(name, sizeof name), 100, 8, NULL, 3, 0, NULL, &queue));
    CHECK(queue_stat_of(queue).priorities == 3);
    for (uint64_t i = 0; i < 30; i++)
        OK(shm_queue_send(queue, &i, 8, (uint32_t)(i % 3), 0));
    shm_queue_message_t message = no_message();
    OK(shm_queue_take(queue, 0, &message));
    CHECK(message.priority == 2 && *(uint64_t *)message.data == 2);
    CHECK(receive_number(queue) == 5);
    OK(shm_queue_give_back(queue, &message));
    CHECK(receive_number(queue) == 2);
    for (uint64_t i = 8; i < 30; i += 3)
        CHECK(receive_number(queue) == i);
    for (uint64_t i = 1; i < 30; i += 3)
        CHECK(receive_number(queue) == i);
    for (uint64_t i = 0; i < 30; i += 3)
        CHECK(receive_number(queue) == i);
    shm_queue_close(queue);
    OK(shm_queue_unlink(name));
    return 0;
}
