/* open_view.c - opening and viewing in one call tells what the two tell one after the other, or leaves nothing open. */
#include "given.h"

static void is_same_view(const char *name, uint32_t flags)
{
    shm_array_t *array, *other;
    shm_array_view_t view, expected;
    view.size = expected.size = sizeof view;
    OK(shm_array_open_view(name, flags, &array, &view));
    OK(shm_array_open(name, flags, &other));
    OK(shm_array_view(array, &expected));
    CHECK(memcmp(&view, &expected, sizeof view) == 0);
    OK(shm_array_view(other, &expected));
    CHECK(expected.data != view.data && expected.flags == view.flags && expected.nbytes == view.nbytes);
    if (flags == SHM_ARRAY_WRITE) {
        ((double *)view.data)[1] += 1;
        CHECK(((double *)expected.data)[1] == ((double *)view.data)[1]);
    }
    shm_array_close(other);
    shm_array_close(array);
}

int main(void)
{
    char name[64];
    uint64_t shape[2] = {2, 3}, more[2] = {5, 3};
    shm_array_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.capacity = 8;
    shm_array_t *array, *untouched = (shm_array_t *)name, *out = untouched;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 2, shape, &options, &array));
    is_same_view(name, SHM_ARRAY_READ);
    is_same_view(name, SHM_ARRAY_WRITE);
    is_same_view(name, SHM_ARRAY_COPY_ON_WRITE);
    is_same_view(name, SHM_ARRAY_WRITE | SHM_ARRAY_UNTRACKED);

    /* What is opened after a resize has the new shape at once. */
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(20)));
    OK(shm_array_resize(array, more[0]));
    OK(shm_array_unlock(array));
    is_same_view(name, SHM_ARRAY_WRITE);
    shm_array_view_t view;
    view.size = sizeof view;
    OK(shm_array_open_view(name, SHM_ARRAY_READ, &out, &view));
    CHECK(view.ndim == 2 && view.shape[0] == more[0] && view.shape[1] == more[1] && view.count == 15);
    CHECK(!(view.flags & SHM_ARRAY_VIEW_WRITABLE));
    shm_array_close(out);

    int descriptors = descriptors_open();
    out = untouched;
    view.data = NULL;
    view.size = 3;
    RC(EINVAL, shm_array_open_view(name, SHM_ARRAY_READ, &out, &view));
    SAYS("out_view");
    RC(EINVAL, shm_array_open_view(name, SHM_ARRAY_READ, &out, NULL));
    SAYS("out_view");
    view.size = sizeof view;
    RC(EINVAL, shm_array_open_view(NULL, SHM_ARRAY_READ, &out, &view));
    SAYS("name");
    RC(EINVAL, shm_array_open_view(name, SHM_ARRAY_READ, NULL, &view));
    SAYS("out");
    RC(EINVAL, shm_array_open_view(name, 0, &out, &view));
    struct {
        shm_array_view_t known;
        uint64_t later;
    } longer;
    memset(&longer, 0, sizeof longer);
    longer.known.size = sizeof longer;
    longer.later = 1;
    RC(E2BIG, shm_array_open_view(name, SHM_ARRAY_READ, &out, &longer.known));
    OK(shm_array_unlink(name));
    RC(ENOENT, shm_array_open_view(name, SHM_ARRAY_READ, &out, &view));
    SAYS(name);
    CHECK(out == untouched && view.data == NULL && descriptors_open() == descriptors);
    shm_array_close(array);
    return 0;
}
