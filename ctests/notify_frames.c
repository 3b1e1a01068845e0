/* notify_frames.c - a descriptor becomes readable when a newer frame is published; for those who may only read, too. */
#include "frames_given.h"

int main(void)
{
    for (uint32_t flags = 0; flags <= SHM_OBJECT_WAKES_READERS; flags += SHM_OBJECT_WAKES_READERS) {
        char name[64];
        uint64_t length = 100;
        int fd = -1, looking = -1;
        shm_object_options_t options = object_options(flags);
        shm_frames_t *frames = NULL;
        OK(shm_frames_create(unique_name(name, sizeof name), "<u8", 1, &length, 4, &options, &frames));
        shm_frames_t *looker = frames_opened(name, SHM_OBJECT_READ);
        RC(EINVAL, shm_frames_notify_fd(NULL, 0, &fd));
        RC(EINVAL, shm_frames_notify_fd(frames, 0, NULL));
        OK(shm_frames_notify_fd(frames, 0, &fd));
        CHECK(!readable(fd, 50));
        CHECK(published(frames, 1) == 1);
        CHECK(readable(fd, 5000));
        drained(fd);
        OK(shm_frames_notify_fd(looker, 0, &looking));
        CHECK(readable(looking, 5000)); /* what is there already counts */
        drained(looking);
        for (uint64_t number = 2; number < 6; number++) {
            CHECK(!readable(fd, 30) && !readable(looking, 30));
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0) {
                shm_frames_t *own = frames_opened(name, SHM_OBJECT_WRITE);
                CHECK(published(own, 7) == number);
                shm_frames_close(own);
                _exit(0);
            }
            CHECK(readable(fd, 5000) && readable(looking, 5000));
            drained(fd);
            drained(looking);
            CHECK(end_of(child) == 0);
            CHECK(acquired(frames, number - 1).number == number);
        }
        OK(shm_notify_close(fd));
        OK(shm_notify_close(looking));
        shm_frames_close(looker);
        shm_frames_close(frames);
        OK(shm_frames_unlink(name));
    }
    return 0;
}
