/* descriptors.c - a named array travels by descriptor, too; what is no array, or not open for writing, is refused. */
#include "npy.h"

int main(void)
{
    char name[64];
    int descriptor = -1, pipe_ends[2];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3), *same = NULL;
    int descriptors = descriptors_open();
    OK(shm_array_fd(array, &descriptor));
    CHECK(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
    doubles(array)[2] = 2;
    shm_array_close(array);
    CHECK(descriptors_open() == descriptors - 1 + 1); /* the handle's own is gone, ours is left */
    OK(shm_array_open_fd(descriptor, SHM_ARRAY_WRITE, &same));
    CHECK(doubles(same)[2] == 2);
    OK(shm_array_lock(same, SHM_ARRAY_EXCLUSIVE, 0));
    shm_array_close(same);
    OK(shm_array_open_fd(descriptor, SHM_ARRAY_READ, &same));
    CHECK(!(view_of(same).flags & SHM_ARRAY_VIEW_WRITABLE));
    shm_array_close(same);
    OK(shm_array_open_fd(descriptor, SHM_ARRAY_COPY_ON_WRITE, &same));
    CHECK(!(view_of(same).flags & SHM_ARRAY_VIEW_SHARED));
    shm_array_close(same);
    CHECK(close(descriptor) == 0);

    shm_array_t *untouched = (shm_array_t *)name;
    same = untouched;
    descriptor = open(path_of(name), O_RDONLY | O_CLOEXEC);
    descriptors = descriptors_open();
    RC(EACCES, shm_array_open_fd(descriptor, SHM_ARRAY_WRITE, &same));
    SAYS("writing");
    CHECK(descriptors_open() == descriptors && close(descriptor) == 0);

    RC(EBADF, shm_array_open_fd(-1, SHM_ARRAY_READ, &same));
    SAYS("-1");
    RC(EBADF, shm_array_open_fd(777, SHM_ARRAY_READ, &same));
    SAYS("777");
    CHECK(pipe(pipe_ends) == 0);
    RC(SHM_ARRAY_ERR_FORMAT, shm_array_open_fd(pipe_ends[0], SHM_ARRAY_READ, &same));
    SAYS("regular file");
    close(pipe_ends[0]), close(pipe_ends[1]);
    descriptor = open("/dev/zero", O_RDWR | O_CLOEXEC);
    RC(SHM_ARRAY_ERR_FORMAT, shm_array_open_fd(descriptor, SHM_ARRAY_WRITE, &same));
    close(descriptor);
    descriptor = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    RC(SHM_ARRAY_ERR_FORMAT, shm_array_open_fd(descriptor, SHM_ARRAY_READ, &same));
    SAYS("NUMPY");
    close(descriptor);
    CHECK(same == untouched);
    OK(shm_array_unlink(name));
    return 0;
}
