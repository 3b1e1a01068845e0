/* frames_refused.c - what is wrong with frames is told in words, and nothing is touched. */
#include "frames_given.h"

int main(void)
{
    char name[64], other[64];
    const uint64_t length = 10, longer = 11, huge[] = {1, UINT64_MAX / 4};
    shm_frames_t *untouched = (shm_frames_t *)name, *out = untouched;
    unique_name(name, sizeof name);
    RC(EINVAL, shm_frames_create(name, "<u8", 1, &length, 2, NULL, &out));
    SAYS("at least 3");
    RC(EINVAL, shm_frames_create(name, "<u8", 1, &length, 1025, NULL, &out));
    SAYS("1024");
    RC(EINVAL, shm_frames_create(name, "<u8", 64, &length, 3, NULL, &out));
    SAYS("63");
    RC(EINVAL, shm_frames_create(name, "<u8", 2, huge, 3, NULL, &out));
    RC(SHM_ARRAY_ERR_DTYPE, shm_frames_create(name, "O", 1, &length, 3, NULL, &out));
    RC(EINVAL, shm_frames_create(name, NULL, 1, &length, 3, NULL, &out));
    RC(EINVAL, shm_frames_create(name, "<u8", 1, NULL, 3, NULL, &out));
    RC(EINVAL, shm_frames_create(name, "<u8", 1, &length, 3, NULL, NULL));
    RC(ENOENT, shm_frames_open(name, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_frames_open(NULL, SHM_OBJECT_READ, &out));
    CHECK(out == untouched && !exists(name));

    shm_object_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.flags = SHM_OBJECT_OR_OPEN;
    shm_frames_t *frames = new_frames(name, length, 3), *same = NULL;
    RC(EEXIST, shm_frames_create(name, "<u8", 1, &length, 3, NULL, &out));
    RC(EEXIST, shm_frames_create(name, "<u8", 1, &longer, 3, &options, &out));
    SAYS("[10]");
    RC(EEXIST, shm_frames_create(name, "<f8", 1, &length, 3, &options, &out));
    RC(EEXIST, shm_frames_create(name, "<u8", 1, &length, 4, &options, &out));
    OK(shm_frames_create(name, "<u8", 1, &length, 3, &options, &same));
    shm_frames_close(same);

    /* Frames are no array, and an array is no frames. */
    shm_array_t *array = new_doubles(unique_name(other, sizeof other), 3), *no_array = NULL;
    RC(SHM_ARRAY_ERR_FORMAT, shm_frames_open(other, SHM_OBJECT_READ, &out));
    SAYS("an array");
    RC(SHM_ARRAY_ERR_FORMAT, shm_array_open(name, SHM_ARRAY_READ, &no_array));
    SAYS("frames");
    shm_array_close(array);
    OK(shm_array_unlink(other));

    shm_frame_t frame = no_frame(), none = no_frame();
    uint64_t copy[10], number = 77;
    RC(EINVAL, shm_frames_begin_write(NULL, &frame));
    RC(EINVAL, shm_frames_begin_write(frames, NULL));
    RC(EINVAL, shm_frames_publish(NULL, &frame, &number));
    RC(EINVAL, shm_frames_publish(frames, NULL, &number));
    RC(EINVAL, shm_frames_cancel(frames, NULL));
    RC(EINVAL, shm_frames_release(frames, NULL));
    RC(EINVAL, shm_frames_acquire(NULL, 0, 0, &frame));
    RC(EINVAL, shm_frames_acquire(frames, 0, 0, NULL));
    RC(EINVAL, shm_frames_copy_latest(frames, 0, NULL, sizeof copy, 0, NULL));
    RC(EINVAL, shm_frames_copy_latest(frames, 0, copy, 79, 0, NULL));
    SAYS("80 bytes");
    RC(EINVAL, shm_frames_stat(frames, NULL));
    RC(EINVAL, shm_frames_fd(frames, NULL));
    CHECK(shm_frames_name(NULL) == NULL);
    frame.size = 0;
    RC(EINVAL, shm_frames_begin_write(frames, &frame));
    SAYS("sizeof");
    CHECK(stat_of_frames(frames).writing == 0);
    shm_frames_close(NULL);

    /* What this handle has not taken, it cannot give back. */
    frame = no_frame();
    RC(EPERM, shm_frames_publish(frames, &frame, &number));
    RC(EPERM, shm_frames_cancel(frames, &frame));
    RC(EPERM, shm_frames_release(frames, &frame));
    frame = begun(frames);
    RC(EPERM, shm_frames_release(frames, &frame));
    OK(shm_frames_publish(frames, &frame, NULL));
    RC(EPERM, shm_frames_publish(frames, &frame, &number));
    frame = acquired(frames, 0);
    RC(EPERM, shm_frames_publish(frames, &frame, &number));
    OK(shm_frames_release(frames, &frame));
    RC(EPERM, shm_frames_release(frames, &frame));
    frame.buffer = 3;
    RC(EPERM, shm_frames_release(frames, &frame));
    CHECK(number == 77);

    /* Who may only read. */
    shm_frames_t *looker = frames_opened(name, SHM_OBJECT_READ);
    RC(EACCES, shm_frames_begin_write(looker, &none));
    RC(EACCES, shm_frames_acquire(looker, 0, 0, &none));
    SAYS("shm_frames_copy_latest");
    CHECK(none.data == NULL);
    shm_frames_close(looker);
    shm_frames_close(frames);
    OK(shm_frames_unlink(name));
    return 0;
}
