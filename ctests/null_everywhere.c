/* null_everywhere.c - NULL is an ordinary error wherever it means nothing, and fine where it means something. */
#include "given.h"

int main(void)
{
    char name[64];
    uint64_t shape[] = {3}, number = 77;
    uint8_t id[16] = {0};
    int descriptor = 77;
    shm_array_t *untouched = (shm_array_t *)shape, *out = untouched;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3);
    shm_array_view_t view, view_before;
    shm_array_stat_t figures, figures_before;
    shm_array_entry_t entry;
    memset(&view, 0x55, sizeof view), view.size = sizeof view, view_before = view;
    memset(&figures, 0x55, sizeof figures), figures.size = sizeof figures, figures_before = figures;
    memset(&entry, 0, sizeof entry), entry.size = sizeof entry;
    int descriptors = descriptors_open();

    RC(EINVAL, shm_array_create("ctest-null", NULL, 1, shape, NULL, &out));
    SAYS("dtype");
    RC(EINVAL, shm_array_create("ctest-null", "<f8", 1, NULL, NULL, &out));
    SAYS("shape");
    RC(EINVAL, shm_array_create("ctest-null", "<f8", 1, shape, NULL, NULL));
    SAYS("out");
    RC(EINVAL, shm_array_create(NULL, NULL, 1, NULL, NULL, NULL));
    CHECK(!exists("ctest-null"));
    RC(EINVAL, shm_array_open(NULL, SHM_ARRAY_READ, &out));
    SAYS("name");
    RC(EINVAL, shm_array_open(name, SHM_ARRAY_READ, NULL));
    SAYS("out");
    RC(EINVAL, shm_array_open_view(NULL, SHM_ARRAY_READ, &out, &view));
    RC(EINVAL, shm_array_open_view(name, SHM_ARRAY_READ, &out, NULL));
    RC(EINVAL, shm_array_open_view(name, SHM_ARRAY_READ, NULL, &view));
    RC(EINVAL, shm_array_open_id(NULL, SHM_ARRAY_READ, id, &out));
    RC(EINVAL, shm_array_open_id(name, SHM_ARRAY_READ, NULL, &out));
    SAYS("id");
    RC(EINVAL, shm_array_open_id(name, SHM_ARRAY_READ, id, NULL));
    RC(EINVAL, shm_array_open_fd(0, SHM_ARRAY_READ, NULL));
    RC(EINVAL, shm_array_fd(NULL, &descriptor));
    RC(EINVAL, shm_array_fd(array, NULL));
    RC(EINVAL, shm_array_view(NULL, &view));
    SAYS("array");
    RC(EINVAL, shm_array_view(array, NULL));
    RC(EINVAL, shm_array_slice(NULL, 0, NULL, NULL, NULL, &out));
    RC(EINVAL, shm_array_slice(array, 0, NULL, NULL, NULL, NULL));
    RC(EINVAL, shm_array_lock(NULL, SHM_ARRAY_EXCLUSIVE, 0));
    RC(EINVAL, shm_array_unlock(NULL));
    RC(EINVAL, shm_array_recover(NULL));
    RC(EINVAL, shm_array_resize(NULL, 3));
    RC(EINVAL, shm_array_append(NULL, 0, NULL, 0));
    RC(EINVAL, shm_array_trim(NULL));
    RC(EINVAL, shm_array_copy_in(NULL, 0, NULL, 0));
    RC(EINVAL, shm_array_copy_in(array, 0, NULL, 8));
    SAYS("source");
    RC(EINVAL, shm_array_advise(NULL, SHM_ARRAY_ADVICE_NORMAL, 0, 8));
    RC(EINVAL, shm_array_sync(NULL, SHM_ARRAY_SYNC_WAIT, 0, 8));
    CHECK(shm_array_placement(NULL) == SHM_ARRAY_PLACE_AUTO);
    RC(EINVAL, shm_array_generation(NULL, &number));
    RC(EINVAL, shm_array_generation(array, NULL));
    RC(EINVAL, shm_array_stat(NULL, &figures));
    RC(EINVAL, shm_array_stat(array, NULL));
    RC(EINVAL, shm_array_unlink(NULL));
    RC(EINVAL, shm_array_funlink(NULL));
    RC(EINVAL, shm_array_list(NULL));
    RC(EINVAL, shm_array_list_next(NULL, &entry));
    CHECK(shm_array_name(NULL) == NULL && shm_array_metadata(NULL) == NULL);

    /* Untouched, all of it. */
    CHECK(out == untouched && descriptor == 77 && number == 77 && entry.name == NULL);
    CHECK(memcmp(&view, &view_before, sizeof view) == 0);
    CHECK(memcmp(&figures, &figures_before, sizeof figures) == 0);

    shm_array_list_t *list = NULL;
    OK(shm_array_list(&list));
    RC(EINVAL, shm_array_list_next(list, NULL));
    shm_array_list_close(list);

    /* What NULL may stand for. */
    shm_array_close(NULL);
    shm_array_list_close(NULL);
    OK(shm_array_collect(-1, NULL));
    int64_t one = 1;
    OK(shm_array_slice(array, 1, NULL, NULL, NULL, &out));
    shm_array_close(out);
    OK(shm_array_slice(array, 1, &one, NULL, NULL, &out));
    CHECK(view_of(out).count == 2);
    shm_array_close(out);
    OK(shm_array_slice(array, 1, NULL, &one, NULL, &out));
    CHECK(view_of(out).count == 1);
    shm_array_close(out);
    CHECK(descriptors_open() == descriptors);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
