/* npy.h - ordinary .npy files, as a program without our library writes them. */
#ifndef NPY_H
#define NPY_H

#include "given.h"

/* Writes a file of version `major`.0 with this header text and these elements; says where the elements begin. */
static inline size_t write_npy(const char *path, int major, const char *text, const void *elements, size_t bytes)
{
    static char file[1 << 16];
    size_t begin = major == 1 ? 10 : 12, end = begin + strlen(text) + 1;
    end = (end + 63) / 64 * 64;
    CHECK(end + bytes <= sizeof file);
    memset(file, ' ', end);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (char)major, file[7] = 0;
    for (size_t i = 8; i < begin; i++)
        file[i] = (char)((end - begin) >> (8 * (i - 8)));
    memcpy(file + begin, text, strlen(text));
    file[end - 1] = '\n';
    if (bytes)
        memcpy(file + end, elements, bytes);
    int descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    CHECK(write(descriptor, file, end + bytes) == (ssize_t)(end + bytes));
    CHECK(close(descriptor) == 0);
    return end;
}
#endif
