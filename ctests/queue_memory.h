/* queue_memory.h - the memory of a queue, for who plays a death between two instructions; docs/format.md has the whole list. */
#ifndef QUEUE_MEMORY_H
#define QUEUE_MEMORY_H

#include "queues.h"
#include <sys/mman.h>

/* All bytes of a queue's file. */
typedef struct mapped {
    unsigned char *bytes, *state;
    size_t length;
    uint64_t capacity;
} mapped_t;

/* In the state of a queue; and which ring is which, where there is one priority. */
enum { FINISHED_WORD = 128, RINGS = 768, FREE = 0, RETURNED = 1, READY = 2, HEAD = 0, TAIL = 128, SLOTS = 256 };

/* What is found on a boundary of 64 bytes. */
static inline unsigned char *found(const mapped_t *mapped, const void *what, size_t len)
{
    for (size_t at = 0; at + len <= mapped->length; at += 64)
        if (memcmp(mapped->bytes + at, what, len) == 0)
            return mapped->bytes + at;
    CHECK(!"it is in the file");
    return NULL;
}

static inline mapped_t map_queue(const shm_queue_t *queue, uint64_t capacity, uint64_t message_bytes)
{
    mapped_t mapped;
    struct stat facts;
    int fd = -1;
    const uint64_t first_words[] = {capacity, message_bytes};
    OK(shm_queue_fd(queue, &fd));
    CHECK(fstat(fd, &facts) == 0);
    mapped.length = (size_t)facts.st_size;
    mapped.capacity = capacity;
    mapped.bytes = (unsigned char *)mmap(NULL, mapped.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(mapped.bytes != MAP_FAILED && close(fd) == 0);
    mapped.state = found(&mapped, first_words, sizeof first_words);
    return mapped;
}

static inline void unmap_queue(const mapped_t *mapped) { CHECK(munmap(mapped->bytes, mapped->length) == 0); }

/* `HEAD` or `TAIL` of a ring of at most 16 slots. */
static inline uint64_t *position_of(const mapped_t *mapped, int ring, int end)
{
    CHECK(mapped->capacity <= 16);
    return (uint64_t *)(void *)(mapped->state + RINGS + ring * (SLOTS + 128) + end);
}

/* The last push or pop was not told to the ring's end: its process was killed just before. */
static inline void set_back(const mapped_t *mapped, int ring, int end)
{
    __atomic_sub_fetch(position_of(mapped, ring, end), 1, __ATOMIC_SEQ_CST);
}
#endif
