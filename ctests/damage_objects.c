/* damage_objects.c - whatever others write into what processes share, calls end in time, with a result or an error. */
#include "forge.h"
#include "frames_given.h"
#include "objects.h"
#include "queues.h"
#include "topics.h"
#include <sys/mman.h>
#include <time.h>

/* The whole file of an object, for who would spoil it. */
static unsigned char *bytes;
static size_t length;
static uint64_t seed;

static uint64_t random_number(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t field(int record, int at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, bytes + length + record + at, size); /* where machines are little-endian */
    return value;
}

/* Some of what processes change, by some pattern. */
static void spoil(void)
{
    enum {
        DATA_OFFSET = 96, CAPACITY_BYTES = 104, SLOTS_OFFSET = 120, SLOTS = 124, RANGES_OFFSET = 128, RANGES = 132,
        STATE_OFFSET = 176, STATE_LEN = 180
    };
    uint64_t control = field(TRAILER, CONTROL_OFFSET, 8);
    const uint64_t places[][2] = {
        {control + field(HEADER, STATE_OFFSET, 4), field(HEADER, STATE_LEN, 4)},
        {field(HEADER, DATA_OFFSET, 8), field(HEADER, CAPACITY_BYTES, 8)},
        {control + field(HEADER, RANGES_OFFSET, 4), 64 * field(HEADER, RANGES, 4)},
        {length + WORDS, 512},
        {control + field(HEADER, SLOTS_OFFSET, 4), 128 * field(HEADER, SLOTS, 4)},
    };
    uint64_t pattern = random_number() % 4, sparsely = 1 + random_number() % 40;
    for (size_t place = 0; place < 5; place++) {
        if (place >= 3 && random_number() % 4 != 0)
            continue;
        for (uint64_t at = 0; at + 8 <= places[place][1]; at += 8) {
            uint64_t value = pattern == 0 ? random_number() : pattern == 1 ? UINT64_MAX >> random_number() % 64
                : pattern == 2 ? random_number() % 16 : random_number() & random_number() % 4 << 62;
            if (random_number() % sparsely == 0)
                memcpy(bytes + places[place][0] + at, &value, 8);
        }
    }
}

static void attack(int fd)
{
    struct stat facts;
    CHECK(fstat(fd, &facts) == 0);
    length = (size_t)facts.st_size;
    bytes = (unsigned char *)mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(bytes != MAP_FAILED && close(fd) == 0);
    spoil();
}

static void relent(void) { CHECK(munmap(bytes, length) == 0); }

static int64_t begun_ns;

/* Any result will do, but not at any time: of a wait of some milliseconds this is far more than a busy machine takes. */
static int ended(int code)
{
    if (code == SHM_ARRAY_ERR_PANIC)
        printf("%s\n", shm_array_error_detail());
    CHECK(code != SHM_ARRAY_ERR_PANIC);
    CHECK(now_ns() - begun_ns < SECONDS(10));
    return code;
}

#define ends(call) (begun_ns = now_ns(), check_at(__FILE__, __LINE__, #call), ended(call))
#define SOON MILLISECONDS(2)

static void queues(uint32_t flags)
{
    shm_queue_t *queue = NULL, *again = NULL;
    shm_queue_stat_t figures;
    shm_queue_message_t taken = no_message(), reserved = no_message();
    char buffer[64];
    size_t len, lens[4];
    uint64_t count;
    int fd;
    OK(shm_queue_create(NULL, 5, 64, NULL, flags ? 1 : 3, flags, NULL, &queue));
    for (int i = 0; i < 3; i++)
        OK(shm_queue_send(queue, "abc", 3, 0, 0));
    OK(shm_queue_take(queue, 0, &taken));
    if (!flags)
        OK(shm_queue_reserve(queue, 0, &reserved));
    OK(shm_queue_fd(queue, &fd));
    attack(fd);
    for (int i = 0; i < 4; i++) {
        ends(shm_queue_send(queue, "abcd", 4, 0, SOON));
        ends(shm_queue_receive(queue, buffer, sizeof buffer, SOON, &len));
        ends(shm_queue_receive_many(queue, buffer, sizeof buffer, 4, SOON, lens, &len));
        ends(shm_queue_count(queue, &count));
        memset(&figures, 0, sizeof figures);
        figures.size = sizeof figures;
        ends(shm_queue_stat(queue, &figures));
        if (ends(shm_queue_take(queue, SOON, &taken)) == 0)
            ends(i % 2 ? shm_queue_give_back(queue, &taken) : shm_queue_release(queue, &taken));
        shm_queue_message_t filled = no_message();
        if (ends(shm_queue_reserve(queue, SOON, &filled)) == 0) {
            memset(filled.data, 1, filled.len);
            ends(i % 2 ? shm_queue_cancel(queue, &filled) : shm_queue_commit(queue, &filled));
        }
        shm_array_t *array = NULL;
        if (ends(shm_queue_receive_array(queue, SHM_ARRAY_READ, SOON, &array)) == 0)
            shm_array_close(array);
    }
    ends(shm_queue_release(queue, &taken));
    ends(shm_queue_commit(queue, &reserved));
    OK(shm_queue_fd(queue, &fd));
    if (ends(shm_queue_open_fd(fd, SHM_OBJECT_WRITE, &again)) == 0)
        ends(shm_queue_receive(again, buffer, sizeof buffer, SOON, &len));
    CHECK(close(fd) == 0);
    ends(shm_queue_finish(queue));
    ends(shm_queue_receive(queue, buffer, sizeof buffer, SOON, &len));
    shm_queue_close(again);
    shm_queue_close(queue);
    relent();
}

static void stream(void)
{
    shm_pipe_t *both = NULL, *again = NULL;
    shm_pipe_stat_t figures;
    static char buffer[9000];
    size_t len;
    uint64_t count;
    const void *seen;
    void *room;
    int fd;
    OK(shm_pipe_create(NULL, 8192, SHM_PIPE_READER | SHM_PIPE_WRITER, NULL, &both));
    OK(shm_pipe_write(both, buffer, 5000, 0, &len));
    OK(shm_pipe_fd(both, &fd));
    attack(fd);
    for (int i = 0; i < 4; i++) {
        ends(shm_pipe_write(both, buffer, i % 2 ? 4000 : sizeof buffer, SOON, &len));
        ends(shm_pipe_read(both, buffer, sizeof buffer, SOON, &len));
        ends(shm_pipe_count(both, &count));
        memset(&figures, 0, sizeof figures);
        figures.size = sizeof figures;
        ends(shm_pipe_stat(both, &figures));
        if (ends(shm_pipe_peek(both, SOON, &seen, &len)) == 0) {
            for (size_t at = 0; at < len; at++)
                buffer[at % sizeof buffer] ^= ((const char *)seen)[at];
            ends(shm_pipe_consume(both, len));
        }
        if (ends(shm_pipe_reserve(both, SOON, &room, &len)) == 0) {
            memset(room, 1, len);
            ends(shm_pipe_commit(both, len));
        }
    }
    OK(shm_pipe_fd(both, &fd));
    if (ends(shm_pipe_open_fd(fd, SHM_PIPE_READER, &again)) == 0)
        ends(shm_pipe_read(again, buffer, sizeof buffer, SOON, &len));
    CHECK(close(fd) == 0);
    shm_pipe_close(again);
    shm_pipe_close(both);
    relent();
}

static void topics(uint32_t flags)
{
    shm_topic_t *topic = NULL, *again = NULL;
    shm_topic_stat_t figures;
    char buffer[64];
    size_t len;
    uint64_t lost;
    int fd;
    OK(shm_topic_create(NULL, 4, 64, NULL, flags, NULL, &topic));
    OK(shm_topic_subscribe(topic, 0));
    OK(shm_topic_publish(topic, "abc", 3, 0));
    OK(shm_topic_fd(topic, &fd));
    attack(fd);
    for (int i = 0; i < 6; i++) {
        ends(shm_topic_publish(topic, "abcd", 4, SOON));
        ends(shm_topic_receive(topic, buffer, sizeof buffer, SOON, &len, &lost));
        ends(shm_topic_count(topic, &lost));
        memset(&figures, 0, sizeof figures);
        figures.size = sizeof figures;
        ends(shm_topic_stat(topic, &figures));
    }
    OK(shm_topic_fd(topic, &fd));
    if (ends(shm_topic_open_fd(fd, SHM_OBJECT_WRITE, &again)) == 0) {
        ends(shm_topic_subscribe(again, SOON));
        ends(shm_topic_receive(again, buffer, sizeof buffer, SOON, &len, &lost));
    }
    CHECK(close(fd) == 0);
    ends(shm_topic_finish(topic));
    shm_topic_close(again);
    shm_topic_close(topic);
    relent();
}

static void frames(void)
{
    shm_frames_t *film = new_frames(NULL, 100, 4), *again = NULL;
    shm_frames_stat_t figures;
    shm_frame_t frame = begun(film), pinned = no_frame();
    uint64_t numbers[100];
    int fd;
    OK(shm_frames_publish(film, &frame, NULL));
    pinned = acquired(film, 0);
    frame = begun(film);
    OK(shm_frames_fd(film, &fd));
    attack(fd);
    ends(shm_frames_publish(film, &frame, NULL));
    ends(shm_frames_release(film, &pinned));
    for (int i = 0; i < 6; i++) {
        frame = no_frame();
        pinned = no_frame();
        if (ends(shm_frames_begin_write(film, &frame)) == 0) {
            write_frame(&frame, 7);
            ends(i % 2 ? shm_frames_publish(film, &frame, NULL) : shm_frames_cancel(film, &frame));
        }
        if (ends(shm_frames_acquire(film, 0, SOON, &pinned)) == 0)
            ends(shm_frames_release(film, &pinned));
        ends(shm_frames_acquire(film, UINT64_MAX, SOON, &pinned));
        ends(shm_frames_copy_latest(film, 0, numbers, sizeof numbers, SOON, NULL));
        memset(&figures, 0, sizeof figures);
        figures.size = sizeof figures;
        ends(shm_frames_stat(film, &figures));
    }
    OK(shm_frames_fd(film, &fd));
    if (ends(shm_frames_open_fd(fd, SHM_OBJECT_READ, &again)) == 0)
        ends(shm_frames_copy_latest(again, 0, numbers, sizeof numbers, SOON, NULL));
    CHECK(close(fd) == 0);
    shm_frames_close(again);
    shm_frames_close(film);
    relent();
}

static void semaphores(uint32_t kind)
{
    shm_semaphore_t *semaphore = NULL, *again = NULL;
    shm_semaphore_stat_t figures;
    uint32_t value;
    int fd;
    OK(shm_semaphore_create(NULL, kind, 3, NULL, &semaphore));
    OK(shm_semaphore_wait(semaphore, 0));
    OK(shm_semaphore_fd(semaphore, &fd));
    attack(fd);
    for (int i = 0; i < 6; i++) {
        ends(shm_semaphore_wait(semaphore, i % 2 ? 0 : SOON));
        ends(shm_semaphore_post(semaphore, 1));
        ends(shm_semaphore_value(semaphore, &value));
        memset(&figures, 0, sizeof figures);
        figures.size = sizeof figures;
        ends(shm_semaphore_stat(semaphore, &figures));
    }
    OK(shm_semaphore_fd(semaphore, &fd));
    if (ends(shm_semaphore_open_fd(fd, SHM_OBJECT_WRITE, &again)) == 0)
        ends(shm_semaphore_wait(again, SOON));
    CHECK(close(fd) == 0);
    shm_semaphore_close(again);
    shm_semaphore_close(semaphore);
    relent();
}

static void barriers(void)
{
    shm_barrier_t *barrier = NULL, *again = NULL;
    shm_barrier_stat_t figures;
    int fd;
    OK(shm_barrier_create(NULL, 3, NULL, &barrier));
    OK(shm_barrier_join(barrier));
    OK(shm_barrier_fd(barrier, &fd));
    attack(fd);
    for (int i = 0; i < 4; i++) {
        ends(shm_barrier_wait(barrier, i % 2 ? 0 : SOON, NULL));
        memset(&figures, 0, sizeof figures);
        figures.size = sizeof figures;
        ends(shm_barrier_stat(barrier, &figures));
        if (i == 2)
            ends(shm_barrier_reset(barrier));
    }
    OK(shm_barrier_fd(barrier, &fd));
    if (ends(shm_barrier_open_fd(fd, SHM_OBJECT_WRITE, &again)) == 0)
        ends(shm_barrier_wait(again, SOON, NULL));
    CHECK(close(fd) == 0);
    shm_barrier_close(again);
    shm_barrier_close(barrier);
    relent();
}

static void events(void)
{
    const char *const names[] = {"one", "two", "three"};
    shm_event_t *event = NULL, *again = NULL;
    uint64_t came;
    int fd;
    OK(shm_event_create(NULL, names, 3, NULL, &event));
    OK(shm_event_fd(event, &fd));
    attack(fd);
    for (int i = 0; i < 4; i++) {
        ends(shm_event_pulse(event, 1));
        ends(shm_event_wait(event, 3, SHM_EVENT_ALL, SOON, &came));
        ends(shm_event_set(event, 2));
        ends(shm_event_wait(event, 2, SHM_EVENT_ANY | SHM_EVENT_CONSUME, SOON, &came));
    }
    OK(shm_event_fd(event, &fd));
    if (ends(shm_event_open_fd(fd, SHM_OBJECT_WRITE, &again)) == 0)
        ends(shm_event_wait(again, 1, SHM_EVENT_ANY, SOON, &came));
    CHECK(close(fd) == 0);
    shm_event_close(again);
    shm_event_close(event);
    relent();
}

static void arrays(void)
{
    shm_array_t *array = new_doubles(NULL, 100), *again = NULL;
    double copy[100];
    uint64_t generation;
    int fd;
    OK(shm_array_lock_range(array, 0, 10, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_fd(array, &fd));
    attack(fd);
    for (int i = 0; i < 4; i++) {
        uint32_t mode = i % 2 ? SHM_ARRAY_EXCLUSIVE : SHM_ARRAY_SHARED;
        ends(shm_array_lock_range(array, 5, 20, mode, SOON));
        ends(shm_array_recover_range(array, 7, 3));
        ends(shm_array_unlock_range(array, 5, 20));
        ends(shm_array_lock(array, mode, SOON));
        ends(shm_array_resize(array, 99));
        ends(shm_array_condition_wait(array, 1, SOON));
        ends(shm_array_condition_notify(array, 1, 1));
        ends(shm_array_recover(array));
        ends(shm_array_unlock(array));
        ends(shm_array_snapshot(array, 0, 100, copy, sizeof copy, SOON, i % 2 ? SHM_ARRAY_SNAPSHOT_MAY_LOCK : 0, NULL));
        ends(shm_array_generation(array, &generation));
        ends(shm_array_wait(array, generation, SOON, NULL));
    }
    ends(shm_array_unlock_range(array, 0, 10));
    OK(shm_array_fd(array, &fd));
    if (ends(shm_array_open_fd(fd, SHM_ARRAY_WRITE, &again)) == 0)
        ends(shm_array_lock(again, SHM_ARRAY_EXCLUSIVE, SOON));
    CHECK(close(fd) == 0);
    shm_array_close(again);
    shm_array_close(array);
    relent();
}

int main(int count, char **arguments)
{
    uint64_t first = count > 1 ? strtoull(arguments[1], NULL, 10) : 1, rounds = slowly() ? 2 : 25;
    if (count > 2)
        rounds = strtoull(arguments[2], NULL, 10);
    for (uint64_t round = first; round < first + rounds; round++) {
        printf("round %llu\n", (unsigned long long)round);
        seed = round * UINT64_C(0x9e3779b97f4a7c15) | 1;
        arrays();
        queues(0);
        queues(SHM_QUEUE_SPSC);
        stream();
        topics(0);
        topics(SHM_TOPIC_KEEP);
        frames();
        semaphores(SHM_SEMAPHORE_SIGNALLING);
        semaphores(SHM_SEMAPHORE_OWNED);
        barriers();
        events();
    }
    return 0;
}
