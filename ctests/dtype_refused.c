/* dtype_refused.c - a dtype that is not understood, or cannot be shared (object, StringDType), is refused by name. */
#include "given.h"

static const struct { const char *dtype, *word; } refused[] = {
    {"|O", "object"}, {"O", "object"}, {"[('a', '|O')]", "object"},
    {"[('a', [('b', '<f4'), ('c', '|O', (2,))])]", "object"},
    {"|T16", "StringDType"}, {"StringDType()", "StringDType"}, {"[('a', '|T16')]", "StringDType"},
    {"", "\"\""}, {" ", "\" \""}, {"<", "<"}, {"<f3", "<f3"}, {"<f9", "<f9"}, {"<i3", "<i3"},
    {"<i16", "<i16"}, {"<c4", "<c4"}, {"|b2", "b2"}, {"<q8", "<q8"}, {"<f8 ", "<f8 "}, {"<f8x", "<f8x"},
    {"<f-8", "<f-8"}, {"hello", "hello"}, {"<M8[xs]", "xs"}, {"<M8[ns", "<M8[ns"}, {"<M8[-1s]", "-1s"}, {"<M4", "<M4"},
    {"<S99999999999999999999999", "99999999999999999999999"}, {"<U4611686018427387904", "4611686018427387904"},
    {"[", "["}, {"[('x', '<f4'", "'<f4'"}, {"[('x', '<f4')", "'<f4'"}, {"[('x',)]", "'x'"}, {"[('x', '<f4'))]", "'x'"},
    {"[('x', '<f4'), ('x', '<f4')]", "'x'"}, {"[('x', '<f4', (-1,))]", "-1"}, {"[('x', '<f4')] + []", "[('x', '<f4')]"},
    {"[(1, '<f4')]", "1"}, {"\xff\xfe", "UTF-8"}, {"__import__('os')", "__import__"},
    {"[('x', '<f4', (4294967296, 4294967296, 4294967296))]", "4294967296"},
};

int main(void)
{
    char name[64];
    uint64_t shape[] = {3};
    shm_array_t *untouched = (shm_array_t *)&shape, *array = untouched;
    unique_name(name, sizeof name);
    int descriptors = descriptors_open();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        RC(SHM_ARRAY_ERR_DTYPE, shm_array_create(name, refused[i].dtype, 1, shape, NULL, &array));
        SAYS(refused[i].word);
    }

    /* A descr that does not fit a header of two pages. */
    static char wide[20000];
    size_t used = 0;
    for (int field = 0; field < 600; field++)
        used += (size_t)snprintf(wide + used, sizeof wide - used, "%s('field_%03d', '<f4')", field ? ", " : "[", field);
    snprintf(wide + used, sizeof wide - used, "]");
    RC(SHM_ARRAY_ERR_DTYPE, shm_array_create(name, wide, 1, shape, NULL, &array));
    SAYS("8192");

    /* Brackets within brackets, deeper than any stack. */
    static char deep[200001];
    memset(deep, '[', sizeof deep - 1);
    RC(SHM_ARRAY_ERR_DTYPE, shm_array_create(name, deep, 1, shape, NULL, &array));
    for (size_t i = 0; i + 6 < sizeof deep; i += 6)
        memcpy(deep + i, "[('a',", 6);
    RC(SHM_ARRAY_ERR_DTYPE, shm_array_create(name, deep, 1, shape, NULL, &array));

    CHECK(array == untouched && !exists(name));
    CHECK(descriptors_open() == descriptors);
    return 0;
}
