/* frames_whole.c - many writers and readers at full speed: every frame that anybody sees is whole, and numbers rise. */
#include "frames_given.h"
#include <time.h>

enum { LENGTH = 2000 };
static char name[64];
static time_t end;

static void write_all_the_time(void)
{
    shm_frames_t *frames = frames_opened(name, SHM_OBJECT_WRITE);
    uint64_t n = 0;
    do {
        shm_frame_t frame = begun(frames);
        write_frame(&frame, (uint64_t)getpid() << 32 | ++n);
        if (n % 16)
            OK(shm_frames_publish(frames, &frame, NULL));
        else
            OK(shm_frames_cancel(frames, &frame));
    } while (time(NULL) < end);
    shm_frames_close(frames);
}

static void read_all_the_time(void)
{
    shm_frames_t *frames = frames_opened(name, SHM_OBJECT_WRITE);
    uint64_t last = 0;
    do {
        shm_frame_t frame = acquired(frames, last);
        CHECK(frame.number > last && (last == 0 || frame.number == last + 1 + frame.missed));
        uint64_t value = value_in(frame.data, frame.bytes);
        CHECK(value_in(frame.data, frame.bytes) == value);
        OK(shm_frames_release(frames, &frame));
        last = frame.number;
    } while (time(NULL) < end);
    shm_frames_close(frames);
}

static void copy_all_the_time(void)
{
    static uint64_t copy[LENGTH];
    shm_frames_t *frames = frames_opened(name, SHM_OBJECT_READ);
    uint64_t last = 0;
    do {
        shm_frame_t frame = no_frame();
        int code = shm_frames_copy_latest(frames, last, copy, sizeof copy, SECONDS(20), &frame);
        CHECK(code == 0);
        CHECK(frame.number > last);
        value_in(copy, sizeof copy);
        last = frame.number;
    } while (time(NULL) < end);
    shm_frames_close(frames);
}

int main(void)
{
    void (*const roles[])(void) = {write_all_the_time, write_all_the_time, read_all_the_time, read_all_the_time,
                                   copy_all_the_time};
    pid_t children[5];
    shm_frames_t *frames = new_frames(unique_name(name, sizeof name), LENGTH, 6); /* at most five are taken */
    published(frames, 1);
    end = time(NULL) + 3;
    for (int i = 0; i < 5; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            roles[i]();
            _exit(0);
        }
    }
    /* The writers stay until the readers have seen the end of time. */
    for (int i = 0; i < 2; i++)
        CHECK(end_of(children[i]) == 0);
    for (int i = 2; i < 5; i++) {
        int status = -1;
        for (; waitpid(children[i], &status, WNOHANG) == 0; usleep(1000))
            published(frames, 2);
        CHECK(status == 0);
    }
    shm_frames_close(frames);
    OK(shm_frames_unlink(name));
    return 0;
}
