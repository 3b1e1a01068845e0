/* frames_killed.c - what a killed writer was filling was never visible; its buffer and the pins of the dead are free. */
#include "frames_given.h"

int main(void)
{
    char name[64];
    int ready[2];
    shm_frames_t *frames = new_frames(unique_name(name, sizeof name), 1000, 3);
    published(frames, 1);
    CHECK(pipe(ready) == 0);

    pid_t child = fork();
    if (child == 0) {
        shm_frames_t *mine = frames_opened(name, SHM_OBJECT_WRITE);
        shm_frame_t frame = acquired(mine, 0), half = begun(mine);
        CHECK(value_in(frame.data, frame.bytes) == 1);
        *(uint64_t *)half.data = 666;
        tell(ready);
        pause();
    }
    hear(ready);
    CHECK(published(frames, 2) == 2);
    shm_frame_t frame = no_frame();
    RC(EAGAIN, shm_frames_begin_write(frames, &frame)); /* while it lives, it keeps what it has */
    shm_frames_stat_t figures = stat_of_frames(frames);
    CHECK(figures.pinned == 1 && figures.writing == 1);
    CHECK(kill(child, SIGSTOP) == 0);
    RC(EAGAIN, shm_frames_begin_write(frames, &frame));
    CHECK(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);

    figures = stat_of_frames(frames);
    CHECK(figures.pinned == 0 && figures.writing == 0);
    CHECK(value_in(acquired(frames, 0).data, 8000) == 2);
    OK(shm_frames_begin_write(frames, &frame));
    write_frame(&frame, 3);
    OK(shm_frames_publish(frames, &frame, NULL));
    CHECK(value_in(acquired(frames, 0).data, 8000) == 3);
    shm_frames_close(frames);
    OK(shm_frames_unlink(name));

    /* A child has nothing of what its parent has, and takes nothing of it along. */
    frames = new_frames(NULL, 1000, 4);
    published(frames, 1);
    frame = acquired(frames, 0);
    shm_frame_t half = begun(frames);
    child = fork();
    if (child == 0) {
        RC(EPERM, shm_frames_release(frames, &frame));
        RC(EPERM, shm_frames_publish(frames, &half, NULL));
        RC(EPERM, shm_frames_cancel(frames, &half));
        shm_frame_t own = acquired(frames, 0);
        OK(shm_frames_release(frames, &own));
        CHECK(published(frames, 2) == 2);
        shm_frames_close(frames);
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    figures = stat_of_frames(frames);
    CHECK(figures.pinned == 1 && figures.writing == 1 && figures.latest == 2);
    OK(shm_frames_release(frames, &frame));
    OK(shm_frames_publish(frames, &half, NULL));
    shm_frames_close(frames);
    return 0;
}
