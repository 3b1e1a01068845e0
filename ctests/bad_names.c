/* bad_names.c - a name that is no name is refused in words, by every call that takes one, and leaves nothing. */
#include "given.h"

int main(void)
{
    static char too_long[202];
    memset(too_long, 'x', 201);
    const struct { const char *name, *word; } bad[] = {
        {"", "empty"},
        {"a/b", "file://"},
        {"/a", "file://"},
        {"..", "dot"},
        {".", "dot"},
        {".hidden", "dot"},
        {"../etc", "../etc"},
        {"a/../b", "a/../b"},
        {"a b", "a b"},
        {"a\nb", "character"},
        {"\xc3\xa9", "character"},
        {"\xff\xfe", "UTF-8"},
        {"shm://", "empty"},
        {"shm://..", "dot"},
        {"shm:///a", "/a"},
        {"file://", "path"},
        {"file:///", "path"},
        {"file:///tmp/", "/tmp/"},
        {"http://x", "http"},
        {too_long, "201"},
    };
    int descriptors = descriptors_open();
    uint64_t shape[] = {3};
    uint8_t id[16] = {0};
    shm_array_t *untouched = (shm_array_t *)&shape, *array = untouched;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *name = bad[i].name;
        RC(EINVAL, shm_array_create(name, "<f8", 1, shape, NULL, &array));
        SAYS(bad[i].word);
        RC(EINVAL, shm_array_open(name, SHM_ARRAY_READ, &array));
        SAYS(bad[i].word);
        RC(EINVAL, shm_array_open_id(name, SHM_ARRAY_READ, id, &array));
        SAYS(bad[i].word);
        RC(EINVAL, shm_array_unlink(name));
        SAYS(bad[i].word);
        CHECK(array == untouched);
    }
    CHECK(descriptors_open() == descriptors);
    return 0;
}
