/* frames_given.h - what the tests of frames begin with. */
#ifndef FRAMES_GIVEN_H
#define FRAMES_GIVEN_H

#include "given.h"

static inline shm_frame_t no_frame(void)
{
    shm_frame_t frame;
    memset(&frame, 0, sizeof frame);
    frame.size = sizeof frame;
    return frame;
}

/* Frames of `length` numbers of 8 bytes, without and with a name. */
static inline shm_frames_t *new_frames(const char *name, uint64_t length, uint32_t count)
{
    shm_frames_t *frames = NULL;
    OK(shm_frames_create(name, "<u8", 1, &length, count, NULL, &frames));
    return frames;
}

static inline shm_frames_t *frames_opened(const char *name, uint32_t flags)
{
    shm_frames_t *frames = NULL;
    OK(shm_frames_open(name, flags, &frames));
    return frames;
}

static inline shm_frame_t begun(const shm_frames_t *frames)
{
    shm_frame_t frame = no_frame();
    OK(shm_frames_begin_write(frames, &frame));
    return frame;
}

static inline shm_frame_t acquired(const shm_frames_t *frames, uint64_t newer_than)
{
    shm_frame_t frame = no_frame();
    OK(shm_frames_acquire(frames, newer_than, SECONDS(20), &frame));
    return frame;
}

/* Every number of a frame is the same one: begin to end, as fast as can be. */
static inline void write_frame(const shm_frame_t *frame, uint64_t value)
{
    for (uint64_t i = 0; i < frame->bytes / 8; i++)
        ((volatile uint64_t *)frame->data)[i] = value;
}

static inline uint64_t published(const shm_frames_t *frames, uint64_t value)
{
    uint64_t number = 0;
    shm_frame_t frame = begun(frames);
    write_frame(&frame, value);
    OK(shm_frames_publish(frames, &frame, &number));
    return number;
}

/* The number that all of them are. */
static inline uint64_t value_in(const void *data, uint64_t bytes)
{
    const volatile uint64_t *numbers = (const volatile uint64_t *)data;
    for (uint64_t i = 1; i < bytes / 8; i++)
        CHECK(numbers[i] == numbers[0]);
    return numbers[0];
}

static inline shm_frames_stat_t stat_of_frames(const shm_frames_t *frames)
{
    shm_frames_stat_t figures;
    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    OK(shm_frames_stat(frames, &figures));
    return figures;
}
#endif
