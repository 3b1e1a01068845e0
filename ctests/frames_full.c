/* frames_full.c - pins + 2 buffers are enough for a writer; with fewer it is told, and no pin is ever lost. */
#include "frames_given.h"

int main(void)
{
    shm_frames_t *frames = new_frames(NULL, 10, 5);
    shm_frame_t pinned[3], frame = no_frame();
    for (uint64_t n = 1; n <= 3; n++) {
        CHECK(published(frames, n) == n);
        pinned[n - 1] = acquired(frames, n - 1);
    }
    for (uint64_t n = 4; n <= 40; n++) /* three pins, five buffers */
        CHECK(published(frames, n) == n);
    shm_frame_t fourth = acquired(frames, 39);
    CHECK(published(frames, 41) == 41); /* four pins, five buffers: the last that is free, and then no more */
    memset(&frame, 0x55, sizeof frame), frame.size = sizeof frame;
    shm_frame_t before = frame;
    RC(EAGAIN, shm_frames_begin_write(frames, &frame));
    SAYS("4 pinned");
    CHECK(memcmp(&frame, &before, sizeof frame) == 0);
    for (uint64_t n = 1; n <= 3; n++)
        CHECK(pinned[n - 1].number == n && value_in(pinned[n - 1].data, 80) == n);
    CHECK(value_in(fourth.data, 80) == 40 && value_in(acquired(frames, 40).data, 80) == 41);

    OK(shm_frames_release(frames, &pinned[1]));
    CHECK(published(frames, 42) == 42);
    shm_frames_close(frames);

    /* A writer takes one each; the latest is never among them. */
    frames = new_frames(NULL, 10, 3);
    published(frames, 1);
    shm_frame_t one = begun(frames), two = begun(frames);
    RC(EAGAIN, shm_frames_begin_write(frames, &frame));
    SAYS("2 being filled");
    write_frame(&two, 22), write_frame(&one, 11);
    CHECK(value_in(acquired(frames, 0).data, 80) == 1);
    uint64_t number = 0;
    OK(shm_frames_publish(frames, &two, &number));
    CHECK(number == 2);
    OK(shm_frames_publish(frames, &one, NULL));
    frame = acquired(frames, 0);
    CHECK(frame.number == 3 && value_in(frame.data, 80) == 11);
    shm_frames_close(frames);
    return 0;
}
