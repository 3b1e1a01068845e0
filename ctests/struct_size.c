/* struct_size.c - shorter structs are served as far as they go; longer ones must end in zeros (E2BIG). */
#include "given.h"
#include <stddef.h>

/* A struct of a later version: longer than ours. */
#define LATER(type) struct { type now; unsigned char later[24]; }

static int all(const void *bytes, size_t count, unsigned char value)
{
    const unsigned char *byte = (const unsigned char *)bytes;
    while (count && *byte == value)
        byte++, count--;
    return count == 0;
}

int main(void)
{
    char name[64], other[64];
    uint64_t shape[] = {3};
    shm_array_t *untouched = (shm_array_t *)shape, *out = untouched;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3);
    unique_name(other, sizeof other);

    /* Options. A shorter struct: what lies behind its end is not looked at. */
    LATER(shm_array_options_t) options;
    memset(&options, 0, sizeof options);
    options.now.size = offsetof(shm_array_options_t, permissions);
    options.now.flags = SHM_ARRAY_LAST_CLOSE;
    memset(&options.now.permissions, 0xff, sizeof options.now - options.now.size);
    OK(shm_array_create(other, "<f8", 1, shape, (shm_array_options_t *)&options, &out));
    CHECK(stat_of(out).flags == SHM_ARRAY_LAST_CLOSE);
    shm_array_close(out);
    out = untouched;
    memset(&options, 0, sizeof options);
    options.now.size = sizeof options;
    OK(shm_array_create(other, "<f8", 1, shape, (shm_array_options_t *)&options, &out));
    shm_array_close(out);
    OK(shm_array_unlink(other));
    out = untouched;
    options.later[23] = 1;
    RC(E2BIG, shm_array_create(other, "<f8", 1, shape, (shm_array_options_t *)&options, &out));
    SAYS("96");
    options.now.size = SIZE_MAX; /* no size at all */
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, (shm_array_options_t *)&options, &out));
    options.now.size = 0;
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, (shm_array_options_t *)&options, &out));
    SAYS("size");
    options.now.size = 3;
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, (shm_array_options_t *)&options, &out));
    CHECK(out == untouched && !exists(other));

    /* View. */
    LATER(shm_array_view_t) view;
    memset(&view, 0x55, sizeof view);
    view.now.size = offsetof(shm_array_view_t, itemsize);
    OK(shm_array_view(array, (shm_array_view_t *)&view));
    CHECK(view.now.data && strcmp(view.now.dtype, "<f8") == 0 && view.now.size == offsetof(shm_array_view_t, itemsize));
    CHECK(all(&view.now.itemsize, sizeof view - offsetof(shm_array_view_t, itemsize), 0x55));
    memset(&view, 0, sizeof view);
    view.now.size = sizeof view;
    OK(shm_array_view(array, (shm_array_view_t *)&view));
    CHECK(view.now.count == 3 && view.now.size == sizeof view && all(view.later, 24, 0));
    view.later[0] = 1;
    RC(E2BIG, shm_array_view(array, (shm_array_view_t *)&view));
    SAYS("bytes");
    view.now.size = 0;
    RC(EINVAL, shm_array_view(array, (shm_array_view_t *)&view));
    view.now.size = SIZE_MAX; /* no size at all */
    RC(EINVAL, shm_array_view(array, (shm_array_view_t *)&view));

    /* Figures. */
    LATER(shm_array_stat_t) figures;
    memset(&figures, 0x55, sizeof figures);
    figures.now.size = offsetof(shm_array_stat_t, data_offset);
    OK(shm_array_stat(array, (shm_array_stat_t *)&figures));
    CHECK(figures.now.generation == 0);
    CHECK(all(&figures.now.data_offset, sizeof figures - offsetof(shm_array_stat_t, data_offset), 0x55));
    memset(&figures, 0, sizeof figures);
    figures.now.size = sizeof figures;
    OK(shm_array_stat(array, (shm_array_stat_t *)&figures));
    CHECK(figures.now.slots == 256 && all(figures.later, 24, 0));
    figures.later[5] = 1;
    RC(E2BIG, shm_array_stat(array, (shm_array_stat_t *)&figures));
    figures.now.size = 0;
    RC(EINVAL, shm_array_stat(array, (shm_array_stat_t *)&figures));
    figures.now.size = SIZE_MAX; /* no size at all */
    RC(EINVAL, shm_array_stat(array, (shm_array_stat_t *)&figures));

    /* Entry of a listing. */
    LATER(shm_array_entry_t) entry;
    shm_array_list_t *list = NULL;
    OK(shm_array_list(&list));
    memset(&entry, 0x55, sizeof entry);
    entry.now.size = sizeof entry;
    RC(E2BIG, shm_array_list_next(list, (shm_array_entry_t *)&entry));
    entry.now.size = 0;
    RC(EINVAL, shm_array_list_next(list, (shm_array_entry_t *)&entry));
    entry.now.size = offsetof(shm_array_entry_t, dtype);
    OK(shm_array_list_next(list, (shm_array_entry_t *)&entry));
    CHECK(strlen(entry.now.name) > 0);
    CHECK(all(&entry.now.dtype, sizeof entry - offsetof(shm_array_entry_t, dtype), 0x55));
    shm_array_list_close(list);

    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
