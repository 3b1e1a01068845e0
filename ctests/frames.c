/* frames.c - a reader has the latest frame in place, complete, with its number, and knows how many it missed. */
#include "frames_given.h"

int main(void)
{
    char name[64];
    const uint64_t shape[] = {2, 3};
    shm_frames_t *writer = NULL;
    OK(shm_frames_create(unique_name(name, sizeof name), "<u8", 2, shape, 4, NULL, &writer));
    CHECK(strcmp(shm_frames_name(writer), name) == 0);
    shm_frames_t *reader = frames_opened(name, SHM_OBJECT_WRITE), *looker = frames_opened(name, SHM_OBJECT_READ);
    shm_frames_stat_t figures = stat_of_frames(looker);
    CHECK(strcmp(figures.dtype, "<u8") == 0 && figures.itemsize == 8 && figures.frame_bytes == 48);
    CHECK(figures.ndim == 2 && figures.shape[0] == 2 && figures.shape[1] == 3 && figures.shape[2] == 0);
    CHECK(figures.latest == 0 && figures.buffers == 4 && figures.slots == 256);

    shm_frame_t frame = no_frame();
    RC(EAGAIN, shm_frames_acquire(reader, 0, 0, &frame));
    CHECK(published(writer, 100) == 1);
    frame = acquired(reader, 0);
    CHECK(frame.number == 1 && frame.missed == 0 && frame.bytes == 48 && value_in(frame.data, 48) == 100);
    CHECK(stat_of_frames(looker).pinned == 1 && stat_of_frames(looker).latest == 1);

    /* It stays while others are published, and who comes later sees the latest. */
    for (uint64_t number = 2; number <= 20; number++)
        CHECK(published(writer, 100 * number) == number);
    CHECK(value_in(frame.data, 48) == 100);
    shm_frame_t later = acquired(reader, frame.number);
    CHECK(later.number == 20 && later.missed == 18 && value_in(later.data, 48) == 2000);
    CHECK(later.buffer != frame.buffer && stat_of_frames(looker).pinned == 2);
    shm_frame_t again = acquired(reader, 0);
    CHECK(again.number == 20 && again.missed == 0 && again.data == later.data);
    RC(EAGAIN, shm_frames_acquire(reader, 20, 0, &again));
    OK(shm_frames_release(reader, &frame));
    OK(shm_frames_release(reader, &later));
    CHECK(stat_of_frames(looker).pinned == 1);
    OK(shm_frames_release(reader, &again));
    CHECK(stat_of_frames(looker).pinned == 0);

    /* Who may only read copies. */
    uint64_t copy[6];
    OK(shm_frames_copy_latest(looker, 19, copy, sizeof copy, 0, &frame));
    CHECK(frame.number == 20 && frame.missed == 0 && frame.data == NULL && value_in(copy, 48) == 2000);
    RC(EAGAIN, shm_frames_copy_latest(looker, 20, copy, sizeof copy, 0, &frame));
    published(writer, 7);
    published(writer, 8);
    OK(shm_frames_copy_latest(looker, 20, copy, sizeof copy, 0, &frame));
    CHECK(frame.number == 22 && frame.missed == 1 && value_in(copy, 48) == 8);
    OK(shm_frames_copy_latest(writer, 0, copy, sizeof copy, 0, NULL));
    CHECK(stat_of_frames(looker).pinned == 0);

    /* A buffer that was cancelled was never seen. */
    frame = begun(writer);
    write_frame(&frame, 666);
    CHECK(stat_of_frames(looker).writing == 1);
    OK(shm_frames_cancel(writer, &frame));
    CHECK(stat_of_frames(looker).writing == 0 && stat_of_frames(looker).latest == 22);
    CHECK(value_in(acquired(reader, 0).data, 48) == 8);
    CHECK(published(writer, 9) == 23);

    /* For numpy it is one array. */
    char front[200] = {0};
    int fd = -1;
    OK(shm_frames_fd(looker, &fd));
    CHECK(pread(fd, front, sizeof front - 1, 10) > 0);
    CHECK(strstr(front, "'shape': (4, 2, 3)") && strstr(front, "'<u8'"));
    shm_frames_t *by_fd = NULL;
    OK(shm_frames_open_fd(fd, SHM_OBJECT_READ, &by_fd));
    CHECK(stat_of_frames(by_fd).latest == 23);
    shm_frames_close(by_fd);
    close(fd);

    shm_frames_close(looker);
    shm_frames_close(reader); /* what it has pinned is released */
    CHECK(stat_of_frames(writer).pinned == 0);
    shm_frames_close(writer);
    OK(shm_frames_unlink(name));
    return 0;
}
