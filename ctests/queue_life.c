/* queue_life.c - a queue is a segment: listed, passed by descriptor, collected when its last users were killed. */
#include "queues.h"

int main(void)
{
    char name[64];
    shm_object_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.flags = SHM_OBJECT_LAST_CLOSE;
    unique_name(name, sizeof name);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        shm_queue_t *queue = NULL;
        OK(shm_queue_create(name, 10, 64, "<f4", 1, 0, &options, &queue));
        OK(shm_queue_send(queue, "four", 4, 0, 0));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL && exists(name));
    shm_array_list_t *list = NULL;
    shm_array_entry_t entry;
    memset(&entry, 0, sizeof entry);
    entry.size = sizeof entry;
    int found = 0;
    OK(shm_array_list(&list));
    while (shm_array_list_next(list, &entry) == 0)
        if (strcmp(entry.name, name) == 0)
            found++, CHECK(entry.kind == SHM_KIND_QUEUE && strcmp(entry.dtype, "<f4") == 0 && !entry.attached);
    shm_array_list_close(list);
    CHECK(found == 1);

    /* What it held is still there. */
    shm_queue_t *queue = opened_queue(name), *by_fd = NULL;
    int fd = -1;
    char text[4];
    size_t len;
    OK(shm_queue_fd(queue, &fd));
    OK(shm_queue_open_fd(fd, SHM_OBJECT_WRITE, &by_fd));
    CHECK(close(fd) == 0);
    OK(shm_queue_receive(by_fd, text, 4, 0, &len));
    CHECK(memcmp(text, "four", 4) == 0);
    shm_queue_close(by_fd);
    CHECK(queue_stat_of(queue).flags & SHM_OBJECT_LAST_CLOSE);
    shm_queue_close(queue);
    CHECK(!exists(name));

    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        OK(shm_queue_create(name, 10, 64, "<f4", 1, SHM_QUEUE_SPSC, &options, &queue));
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL && exists(name));
    OK(shm_array_collect(-1, NULL));
    CHECK(!exists(name));

    /* Without a name. */
    queue = new_queue(NULL, 2, 8, 0);
    CHECK(strcmp(shm_queue_name(queue), "") == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        send_number(queue, 6);
        _exit(0);
    }
    CHECK(receive_number(queue) == 6 && end_of(child) == 0);
    shm_queue_close(queue);
    return 0;
}
