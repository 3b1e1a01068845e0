/* queue_arrays_outlive_senders.c - an array in flight outlives its sender, closed or killed, and is collected when nobody came. */
#include "queues.h"

/* A child makes a last-close array, sends it, and is gone. */
static void send_and_go(shm_queue_t *queue, const char *name, int64_t keep_ns, int killed)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        shm_array_options_t options = no_options();
        options.flags = SHM_ARRAY_LAST_CLOSE;
        uint64_t count = 1000;
        shm_array_t *array = NULL;
        OK(shm_array_create(name, "<f8", 1, &count, &options, &array));
        doubles(array)[999] = 7.5;
        OK(shm_queue_send_array(queue, array, keep_ns, 0, 0));
        if (killed)
            raise(SIGKILL);
        shm_array_close(array);
        shm_queue_close(queue);
        _exit(0);
    }
    CHECK(end_of(child) == (killed ? -SIGKILL : 0));
}

int main(void)
{
    char name[64], queue_name[64];
    shm_array_t *array = NULL;
    shm_queue_t *queue = new_queue(unique_name(queue_name, sizeof queue_name), 4, 512, 0);
    unique_name(name, sizeof name);
    for (int killed = 0; killed < 2; killed++) {
        send_and_go(queue, name, 0, killed);
        OK(shm_array_collect(-1, NULL));
        CHECK(exists(name));
        OK(shm_queue_receive_array(queue, SHM_ARRAY_WRITE, 0, &array));
        CHECK(doubles(array)[999] == 7.5 && view_of(array).count == 1000);
        shm_array_close(array); /* it has arrived, and we are its last user */
        CHECK(!exists(name));

        /* A receiver is killed with the message: another one gets it. */
        send_and_go(queue, name, 0, killed);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            shm_queue_message_t message = no_message();
            OK(shm_queue_take(queue, 0, &message));
            CHECK(message.flags & SHM_QUEUE_ARRAY);
            raise(SIGKILL);
        }
        CHECK(end_of(child) == -SIGKILL);
        OK(shm_array_collect(-1, NULL));
        OK(shm_queue_receive_array(queue, SHM_ARRAY_WRITE, SECONDS(5), &array));
        CHECK(doubles(array)[999] == 7.5);
        shm_array_close(array);
        CHECK(!exists(name));

        /* Nobody wants it, for so long. */
        send_and_go(queue, name, MILLISECONDS(50), killed);
        usleep(100000);
        OK(shm_array_collect(-1, NULL));
        CHECK(!exists(name));
        RC(ENOENT, shm_queue_receive_array(queue, SHM_ARRAY_WRITE, 0, &array));
        CHECK(count_of(queue) == 0);
    }
    shm_queue_close(queue);
    OK(shm_queue_unlink(queue_name));
    return 0;
}
