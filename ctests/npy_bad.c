/* npy_bad.c - a file that is no .npy, or lies about itself, is an error in words; nothing beyond its end is read. */
#include "npy.h"

#define DICT(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static const struct { int code; const char *text, *word; } files[] = {
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "False", "(4,)"), "32 bytes"}, /* has 24 */
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "False", "(1000000000000,)"), "8000000000000 bytes"},
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "False", "(4294967296, 4294967296)"), "4294967296"},
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "False", "(2305843009213693952,)"), "2305843009213693952"},
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "False", "(18446744073709551616,)"), "18446744073709551616"},
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "False", "(0, 1099511627776, 1099511627776)"), "1099511627776"},
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "False", "(-3,)"), "-3"},
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "False", "('3',)"), "'3'"},
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "False", "3"), "shape"},
    {SHM_ARRAY_ERR_CORRUPT, DICT("'<f8'", "None", "(3,)"), "fortran_order"},
    {SHM_ARRAY_ERR_CORRUPT, "{'descr': '<f8', 'shape': (3,)}", "fortran_order"},
    {SHM_ARRAY_ERR_CORRUPT, "{}", "descr"},
    {SHM_ARRAY_ERR_CORRUPT, "", "header"},
    {SHM_ARRAY_ERR_CORRUPT, "import os", "header"},
    {SHM_ARRAY_ERR_CORRUPT, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,", "header"},
    {SHM_ARRAY_ERR_DTYPE, DICT("'|O'", "False", "(3,)"), "object"},
    {SHM_ARRAY_ERR_DTYPE, DICT("[('a', '|O')]", "False", "(3,)"), "object"},
    {SHM_ARRAY_ERR_DTYPE, DICT("'<x8'", "False", "(3,)"), "<x8"},
};

static char path[96], name[128];

static void must_fail(int code, const char *word)
{
    const uint32_t modes[] = {SHM_ARRAY_READ, SHM_ARRAY_COPY_ON_WRITE, SHM_ARRAY_WRITE | SHM_ARRAY_ADOPT};
    shm_array_t *untouched = (shm_array_t *)path, *array = untouched;
    int descriptors = descriptors_open();
    struct stat before, after;
    CHECK(stat(path, &before) == 0);
    for (int i = 0; i < 3; i++) {
        RC(code, shm_array_open(name, modes[i], &array));
        SAYS(word);
        SAYS(path);
    }
    CHECK(stat(path, &after) == 0 && after.st_size == before.st_size);
    CHECK(array == untouched && descriptors_open() == descriptors);
    CHECK(unlink(path) == 0);
}

static void write_bytes(const char *bytes, size_t count)
{
    int file = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    CHECK(write(file, bytes, count) == (ssize_t)count && close(file) == 0);
}

int main(void)
{
    char directory[64];
    const double elements[] = {1, 2, 3};
    snprintf(path, sizeof path, "%s/x.npy", new_directory(directory, sizeof directory));
    snprintf(name, sizeof name, "file://%s", path);

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_npy(path, 1, files[i].text, elements, sizeof elements);
        must_fail(files[i].code, files[i].word);
    }

    write_bytes("", 0);
    must_fail(SHM_ARRAY_ERR_FORMAT, "NUMPY");
    write_bytes("hello, world\n", 13);
    must_fail(SHM_ARRAY_ERR_FORMAT, "NUMPY");
    static char zeros[200000];
    write_bytes(zeros, sizeof zeros);
    must_fail(SHM_ARRAY_ERR_FORMAT, "NUMPY");
    write_bytes("\x93NUMPY", 6);
    must_fail(SHM_ARRAY_ERR_CORRUPT, "6 bytes");
    write_bytes("\x93NUMPY\x04\x00\x00\x00", 10);
    must_fail(SHM_ARRAY_ERR_VERSION, "4.0");
    write_bytes("\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14);
    must_fail(SHM_ARRAY_ERR_CORRUPT, "4294967295");
    CHECK(rmdir(directory) == 0);
    return 0;
}
