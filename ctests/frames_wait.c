/* frames_wait.c - who waits for a newer frame is woken by it, reads it or copies it, or hears that its time is up. */
#include "frames_given.h"

int main(void)
{
    char name[64];
    shm_object_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.flags = SHM_OBJECT_WAKES_READERS;
    const uint64_t length = 100;
    shm_frames_t *frames = NULL;
    OK(shm_frames_create(unique_name(name, sizeof name), "<u8", 1, &length, 4, &options, &frames));
    shm_frames_t *looker = frames_opened(name, SHM_OBJECT_READ);
    static uint64_t copy[100];
    shm_frame_t frame = no_frame();
    RC(ETIMEDOUT, shm_frames_acquire(frames, 0, MILLISECONDS(30), &frame));
    SAYS("newer than number 0");
    RC(ETIMEDOUT, shm_frames_copy_latest(looker, 0, copy, sizeof copy, MILLISECONDS(30), NULL));

    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        shm_frames_t *mine = frames_opened(name, SHM_OBJECT_WRITE);
        for (uint64_t n = 1; n <= 10; n++) {
            hear(ready);
            usleep(3000);
            published(mine, n);
        }
        shm_frames_close(mine);
        _exit(0);
    }
    for (uint64_t n = 1; n <= 10; n++) {
        tell(ready);
        if (n % 2) {
            OK(shm_frames_copy_latest(looker, n - 1, copy, sizeof copy, FOREVER, &frame));
            CHECK(value_in(copy, sizeof copy) == n);
        } else {
            OK(shm_frames_acquire(frames, n - 1, FOREVER, &frame));
            CHECK(value_in(frame.data, frame.bytes) == n);
            OK(shm_frames_release(frames, &frame));
        }
        CHECK(frame.number == n && frame.missed == (n > 2));
    }
    CHECK(end_of(child) == 0);
    shm_frames_close(looker);
    shm_frames_close(frames);
    OK(shm_frames_unlink(name));
    return 0;
}
