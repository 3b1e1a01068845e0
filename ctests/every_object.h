/* every_object.h - every call in the life of what is no array, in an environment that is short of something. */
#ifndef EVERY_OBJECT_H
#define EVERY_OBJECT_H

#include "frames_given.h"
#include "objects.h"
#include "pipes.h"
#include "queues.h"
#include "shortage.h"
#include "topics.h"

/* Whether an object was made: a call that fails leaves the handle alone. */
static int was_made(int code, const void *handle)
{
    CHECK((shortage(code) == 0) == (handle != NULL));
    return code == 0 && ++objects_created;
}

/* The same object by its descriptor and by its name, which then goes. `open_fd` and `open` leave `other` alone when they
 * fail; `use` is what is done with it. A macro, for each kind has functions of its own. */
#define OTHER_WAYS(kind, object, flags, use)                                                                           \
    do {                                                                                                               \
        shm_##kind##_t *other = NULL;                                                                                  \
        char real_name[300];                                                                                           \
        int fd = -1, code = shm_##kind##_fd(object, &fd);                                                              \
        if (described(code, fd) >= 0) {                                                                                \
            if (shortage(shm_##kind##_open_fd(fd, flags, &other)) == 0)                                                \
                use;                                                                                                   \
            shm_##kind##_close(other);                                                                                 \
            CHECK(close(fd) == 0);                                                                                     \
        }                                                                                                              \
        other = NULL;                                                                                                  \
        snprintf(real_name, sizeof real_name, "%s", shm_##kind##_name(object));                                        \
        if (*real_name && shortage(shm_##kind##_open(real_name, flags, &other)) == 0)                                  \
            use;                                                                                                       \
        shm_##kind##_close(other);                                                                                     \
        if (*real_name)                                                                                                \
            shortage(shm_##kind##_unlink(real_name));                                                                  \
        shm_##kind##_close(object);                                                                                    \
        if (*real_name)                                                                                                \
            RC(ENOENT, shm_##kind##_unlink(real_name));                                                                \
    } while (0)

static void use_semaphore(const shm_semaphore_t *semaphore)
{
    uint32_t value;
    int fd = -1, code;
    if (shortage(shm_semaphore_wait(semaphore, 0)) == 0)
        shortage(shm_semaphore_post(semaphore, 1));
    shortage(shm_semaphore_value(semaphore, &value));
    semaphore_stat_of(semaphore);
    code = shm_semaphore_notify_fd(semaphore, &fd);
    notified(code, fd);
}

static void semaphore(const char *name, const shm_object_options_t *options)
{
    for (uint32_t kind = SHM_SEMAPHORE_SIGNALLING; kind <= SHM_SEMAPHORE_OWNED; kind++) {
        shm_semaphore_t *made = NULL;
        int code = shm_semaphore_create(name, kind, 2, options, &made);
        if (!was_made(code, made))
            continue;
        use_semaphore(made);
        OTHER_WAYS(semaphore, made, SHM_OBJECT_WRITE, use_semaphore(other));
    }
}

static void use_event(const shm_event_t *event)
{
    uint64_t bits;
    int fd = -1, code;
    CHECK(strcmp(shm_event_bit_name(event, 1), "stop") == 0);
    OK(shm_event_bit(event, "stop", &bits));
    shortage(shm_event_set(event, 3));
    shortage(shm_event_wait(event, 3, SHM_EVENT_ALL | SHM_EVENT_CONSUME, 0, NULL));
    shortage(shm_event_pulse(event, 1));
    shortage(shm_event_clear(event, 3));
    bits_of(event);
    code = shm_event_notify_fd(event, 1, SHM_EVENT_ANY, &fd);
    notified(code, fd);
}

static void event(const char *name, const shm_object_options_t *options)
{
    const char *names[] = {"go", "stop"};
    shm_event_t *made = NULL;
    int code = shm_event_create(name, names, 2, options, &made);
    if (!was_made(code, made))
        return;
    use_event(made);
    OTHER_WAYS(event, made, SHM_OBJECT_WRITE, use_event(other));
}

static void use_barrier(const shm_barrier_t *barrier)
{
    uint32_t index;
    shortage(shm_barrier_join(barrier));
    shortage(shm_barrier_wait(barrier, 0, &index));
    shortage(shm_barrier_reset(barrier));
    barrier_stat_of(barrier);
}

static void barrier(const char *name, const shm_object_options_t *options)
{
    shm_barrier_t *made = NULL;
    int code = shm_barrier_create(name, 1, options, &made);
    if (!was_made(code, made))
        return;
    use_barrier(made);
    OTHER_WAYS(barrier, made, SHM_OBJECT_WRITE, use_barrier(other));
}

static void use_frames(const shm_frames_t *frames)
{
    shm_frame_t frame = no_frame();
    uint64_t number = 0;
    int fd = -1, code;
    for (int i = 0; i < 4; i++) { /* each buffer once, and all of it */
        if (shortage(shm_frames_begin_write(frames, &frame)) != 0)
            break;
        memset(frame.data, i, frame.bytes);
        if (i == 0)
            shortage(shm_frames_cancel(frames, &frame));
        else
            shortage(shm_frames_publish(frames, &frame, &number));
        frame = no_frame();
    }
    if (shortage(shm_frames_acquire(frames, 0, 0, &frame)) == 0)
        shortage(shm_frames_release(frames, &frame));
    shortage(shm_frames_copy_latest(frames, 0, rows, sizeof rows, 0, NULL));
    stat_of_frames(frames);
    code = shm_frames_notify_fd(frames, 0, &fd);
    notified(code, fd);
}

static void frames(const char *name, const shm_object_options_t *options, uint64_t bytes)
{
    uint64_t length = bytes / 3;
    shm_frames_t *made = NULL;
    int code = shm_frames_create(name, "|u1", 1, &length, 3, options, &made);
    if (!was_made(code, made))
        return;
    use_frames(made);
    OTHER_WAYS(frames, made, SHM_OBJECT_WRITE, use_frames(other));
}

static void use_pipe(const shm_pipe_t *stream)
{
    void *room = NULL;
    const void *data = NULL;
    size_t len = 0;
    int fd = -1, code;
    while (shortage(shm_pipe_write(stream, rows, sizeof rows, 0, &len)) == 0)
        ; /* to the last byte */
    bytes_in(stream);
    while (shortage(shm_pipe_read(stream, rows, sizeof rows, 0, &len)) == 0 && len)
        ;
    if (shortage(shm_pipe_reserve(stream, 0, &room, &len)) == 0) {
        memset(room, 1, len);
        shortage(shm_pipe_commit(stream, len));
    }
    if (shortage(shm_pipe_peek(stream, 0, &data, &len)) == 0)
        shortage(shm_pipe_consume(stream, len));
    pipe_stat_of(stream);
    code = shm_pipe_notify_fd(stream, &fd);
    notified(code, fd);
}

static void stream(const char *name, const shm_object_options_t *options, uint64_t bytes)
{
    shm_pipe_t *made = NULL;
    int code = shm_pipe_create(name, bytes, BOTH_ENDS, options, &made);
    if (!was_made(code, made))
        return;
    use_pipe(made);
    OTHER_WAYS(pipe, made, BOTH_ENDS, use_pipe(other));
}

/* An array through a queue, by its handle. */
static void hand_over(const shm_queue_t *queue)
{
    uint64_t few = 100;
    shm_array_t *array = NULL, *received = NULL;
    if (shortage(shm_array_create("every-sent", "|u1", 1, &few, NULL, &array)) != 0)
        return;
    if (shortage(shm_queue_send_array(queue, array, 0, 0, 0)) == 0 &&
        shortage(shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &received)) == 0)
        shm_array_close(received);
    int code = shortage(shm_array_funlink(array));
    shm_array_close(array);
    if (code != 0)
        OK(shm_array_unlink("every-sent")); /* with the descriptors that came back */
}

static void use_queue(const shm_queue_t *queue)
{
    shm_queue_message_t message = no_message();
    const void *data[] = {rows, rows};
    size_t lens[] = {1, 2}, len = 0, count = 0;
    int fd = -1, code;
    hand_over(queue);
    while (shortage(shm_queue_send(queue, rows, 4096, 0, 0)) == 0)
        ; /* until it is full */
    count_of(queue);
    while (shortage(shm_queue_receive(queue, rows, sizeof rows, 0, &len)) == 0)
        ;
    shortage(shm_queue_send_many(queue, data, lens, 2, 0, 0, &count));
    shortage(shm_queue_receive_many(queue, rows, sizeof rows, 2, 0, lens, &count));
    for (int i = 0; i < 2 && shortage(shm_queue_reserve(queue, 0, &message)) == 0; i++, message = no_message()) {
        memset(message.data, 1, message.len);
        shortage(i == 0 ? shm_queue_cancel(queue, &message) : shm_queue_commit(queue, &message));
    }
    message = no_message();
    for (int i = 0; i < 2 && shortage(shm_queue_take(queue, 0, &message)) == 0; i++, message = no_message())
        shortage(i == 0 ? shm_queue_give_back(queue, &message) : shm_queue_release(queue, &message));
    queue_stat_of(queue);
    CHECK(shm_queue_dtype(queue) == NULL || *shm_queue_dtype(queue) == '|');
    code = shm_queue_notify_fd(queue, &fd);
    notified(code, fd);
    code = shm_queue_notify_room_fd(queue, &fd);
    notified(code, fd);
}

static void queue(const char *name, const shm_object_options_t *options, uint64_t bytes, uint32_t flags)
{
    shm_queue_t *made = NULL, *typed = NULL;
    int code = shm_queue_create(name, bytes / 4096 + 2, 4096, "|u1", 1, flags, options, &made);
    if (!was_made(code, made))
        return;
    use_queue(made);
    if (name && shortage(shm_queue_open_typed(name, "|u1", SHM_OBJECT_READ, &typed)) == 0)
        shm_queue_close(typed);
    OTHER_WAYS(queue, made, SHM_OBJECT_WRITE, (use_queue(other), shortage(shm_queue_finish(other))));
}

static void use_topic(const shm_topic_t *topic)
{
    size_t len;
    uint64_t lost, count;
    int fd = -1, code;
    shortage(shm_topic_subscribe(topic, 0));
    for (int i = 0; i < 64; i++) /* in a small one, round and round */
        shortage(shm_topic_publish(topic, rows, 4096, 0));
    shortage(shm_topic_receive(topic, rows, sizeof rows, 0, &len, &lost));
    shortage(shm_topic_count(topic, &count));
    topic_stat_of(topic);
    CHECK(shm_topic_dtype(topic) == NULL || *shm_topic_dtype(topic) == '|');
    code = shm_topic_notify_fd(topic, &fd);
    notified(code, fd);
    code = shm_topic_notify_room_fd(topic, &fd);
    notified(code, fd);
}

static void topic(const char *name, const shm_object_options_t *options, uint64_t bytes, uint32_t flags)
{
    shm_topic_t *made = NULL, *typed = NULL;
    int code = shm_topic_create(name, bytes / 4096 + 2, 4096, "|u1", flags, options, &made);
    if (!was_made(code, made))
        return;
    use_topic(made);
    if (name && shortage(shm_topic_open_typed(name, "|u1", SHM_OBJECT_READ, &typed)) == 0)
        shm_topic_close(typed);
    OTHER_WAYS(topic, made, SHM_OBJECT_WRITE, (use_topic(other), shortage(shm_topic_finish(other))));
}

/* In so many ways, of three. */
static void every_object(uint64_t bytes, size_t ways_tried)
{
    const char *names[] = {"every", object_file_name, NULL};
    const uint32_t ways[] = {0, SHM_OBJECT_OR_OPEN | SHM_OBJECT_WAKES_READERS, SHM_OBJECT_LAST_CLOSE};
    for (int n = 0; n < 3; n++)
        for (size_t w = 0; w < ways_tried; w++) {
            shm_object_options_t options = object_options(ways[w]);
            semaphore(names[n], &options);
            event(names[n], &options);
            barrier(names[n], &options);
            frames(names[n], &options, bytes);
            stream(names[n], &options, bytes);
            for (uint32_t flags = 0; flags <= SHM_QUEUE_SPSC; flags++)
                queue(names[n], &options, bytes, flags);
            for (uint32_t flags = 0; flags <= SHM_TOPIC_KEEP; flags++)
                topic(names[n], &options, bytes, flags);
        }
}
#endif
