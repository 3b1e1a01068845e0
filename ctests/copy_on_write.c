/* copy_on_write.c - what is written into a copy-on-write view stays in its process; the array does not change. */
#include "given.h"

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 2000);
    for (int i = 0; i < 2000; i++)
        doubles(array)[i] = i;

    pid_t child = fork();
    if (child == 0) {
        shm_array_t *copy = opened(name, SHM_ARRAY_COPY_ON_WRITE);
        shm_array_view_t view = view_of(copy);
        CHECK(view.flags & SHM_ARRAY_VIEW_WRITABLE && !(view.flags & SHM_ARRAY_VIEW_SHARED));
        for (int i = 0; i < 2000; i++) {
            CHECK(((double *)view.data)[i] == i);
            ((double *)view.data)[i] = -i;
        }
        shm_array_t *part = NULL;
        int64_t start = 1000;
        OK(shm_array_slice(copy, 1, &start, NULL, NULL, &part));
        shm_array_close(copy);
        CHECK(doubles(part)[0] == -1000);
        CHECK(!(view_of(part).flags & SHM_ARRAY_VIEW_SHARED));
        shm_array_close(part);
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    for (int i = 0; i < 2000; i++)
        CHECK(doubles(array)[i] == i);

    /* Two copies in one process are two copies. */
    shm_array_t *one = opened(name, SHM_ARRAY_COPY_ON_WRITE), *two = opened(name, SHM_ARRAY_COPY_ON_WRITE);
    doubles(one)[0] = 1;
    doubles(two)[0] = 2;
    CHECK(doubles(one)[0] == 1 && doubles(two)[0] == 2 && doubles(array)[0] == 0);
    shm_array_close(one);
    shm_array_close(two);

    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
