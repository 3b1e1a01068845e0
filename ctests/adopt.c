/* adopt.c - adopting makes an ordinary .npy file a shared, lockable array in place; it stays a valid .npy. */
#include "npy.h"

static char path[96], name[128];

int main(void)
{
    char directory[64], before[1024], after[1024];
    double elements[12];
    for (int i = 0; i < 12; i++)
        elements[i] = i;
    snprintf(path, sizeof path, "%s/x.npy", new_directory(directory, sizeof directory));
    snprintf(name, sizeof name, "file://%s", path);
    const char *header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }";
    size_t begin = write_npy(path, 1, header, elements, sizeof elements);
    int file = open(path, O_RDONLY);
    ssize_t length = pread(file, before, sizeof before, 0);
    CHECK(length == (ssize_t)(begin + sizeof elements));

    shm_array_t *untouched = (shm_array_t *)path, *array = untouched;
    RC(EINVAL, shm_array_open(name, SHM_ARRAY_READ | SHM_ARRAY_ADOPT, &array));
    SAYS("SHM_ARRAY_WRITE");
    CHECK(array == untouched);

    OK(shm_array_open(name, SHM_ARRAY_WRITE | SHM_ARRAY_ADOPT, &array));
    shm_array_view_t view = view_of(array);
    CHECK(view.flags & SHM_ARRAY_VIEW_WRITABLE && view.flags & SHM_ARRAY_VIEW_SHARED);
    CHECK(view.ndim == 2 && view.shape[0] == 3 && view.shape[1] == 4 && memcmp(view.data, elements, 96) == 0);
    shm_array_stat_t figures = stat_of(array);
    CHECK(figures.data_offset == begin && figures.flags & SHM_ARRAY_ADOPT);

    /* For numpy nothing has changed. */
    CHECK(pread(file, after, (size_t)length, 0) == length && memcmp(before, after, (size_t)length) == 0);

    /* For us it has a lock, which outlives its holders. */
    pid_t child = fork();
    if (child == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        OK(shm_array_lock(mine, SHM_ARRAY_EXCLUSIVE, 0));
        doubles(mine)[11] = 111;
        raise(SIGKILL);
    }
    CHECK(end_of(child) == -SIGKILL);
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_recover(array));
    CHECK(doubles(array)[11] == 111);
    CHECK(pread(file, after, 8, (off_t)begin + 88) == 8 && *(double *)(void *)after == 111);

    /* It cannot grow: its control block lies right behind. */
    RC(EINVAL, shm_array_resize(array, 4));
    SAYS("adopted");
    OK(shm_array_unlock(array));

    /* Adopting again is opening. */
    shm_array_t *again = opened(name, SHM_ARRAY_WRITE | SHM_ARRAY_ADOPT);
    CHECK(memcmp(stat_of(again).id, figures.id, 16) == 0 && stat_of(again).file_bytes == figures.file_bytes);
    shm_array_close(again);
    shm_array_close(array);
    close(file);
    OK(shm_array_unlink(name));
    CHECK(rmdir(directory) == 0);
    return 0;
}
