/* forge.h - damage to a file at will: where the format keeps what, and checksums made right again. */
#ifndef FORGE_H
#define FORGE_H

#include "given.h"

/* Where the records lie, counted from the file's end, and the fields in them; docs/format.md has the whole list. */
enum {
    TRAILER = -64, CONTROL_OFFSET = 0, CONTROL_LEN = 8, FILE_LEN = 16, MAJOR = 24, MINOR = 26, FINGERPRINT = 28,
    TRAILER_CRC = 52, MAGIC = 56,
    HEADER = -64 - 704, HEADER_LEN = 704, KIND = 4, FEATURES_COMPATIBLE = 64, FEATURES_READ_COMPATIBLE = 72,
    FEATURES_INCOMPATIBLE = 80, LIFETIME = 88, DTYPE_OFFSET = 136, DTYPE_LEN = 140, TEXTS_CRC = 160,
    LAYOUT = -4096 + 512, LAYOUT_LEN = 1152, WORDS = -4096
};

typedef struct forgery {
    char name[64];
    int file;
    off_t length;
    unsigned char *original; /* all bytes of the file */
} forgery_t;

/* A closed array of ten float64, 100 to 109, with metadata, and its bytes. */
static inline forgery_t new_forgery(void)
{
    forgery_t forged;
    uint64_t shape[] = {10};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    struct stat facts;
    options.metadata = "{\"unit\":\"K\"}";
    OK(shm_array_create(unique_name(forged.name, sizeof forged.name), "<f8", 1, shape, &options, &array));
    for (int i = 0; i < 10; i++)
        doubles(array)[i] = 100 + i;
    shm_array_close(array);
    forged.file = open(path_of(forged.name), O_RDWR | O_CLOEXEC);
    CHECK(fstat(forged.file, &facts) == 0);
    forged.length = facts.st_size;
    forged.original = (unsigned char *)malloc((size_t)facts.st_size);
    CHECK(pread(forged.file, forged.original, (size_t)facts.st_size, 0) == facts.st_size);
    return forged;
}

/* The file as it was. */
static inline void restore(const forgery_t *forged)
{
    CHECK(ftruncate(forged->file, forged->length) == 0);
    CHECK(pwrite(forged->file, forged->original, (size_t)forged->length, 0) == forged->length);
}

static inline void end_forgery(forgery_t *forged)
{
    restore(forged);
    OK(shm_array_unlink(forged->name));
    CHECK(close(forged->file) == 0);
    free(forged->original);
}

/* CRC-32 as zlib has it. */
static inline uint32_t crc32_of(const unsigned char *bytes, size_t count)
{
    uint32_t crc = UINT32_MAX;
    while (count--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

/* Writes a number into a record and makes the record's checksum right again. */
static inline void forge(const forgery_t *forged, int record, int field, uint64_t value, size_t size)
{
    unsigned char bytes[LAYOUT_LEN];
    size_t length = record == TRAILER ? 64 : record == HEADER ? HEADER_LEN : LAYOUT_LEN;
    off_t place = forged->length + record;
    CHECK(pread(forged->file, bytes, length, place) == (ssize_t)length);
    memcpy(bytes + field, &value, size);
    if (record == TRAILER) {
        uint32_t crc = crc32_of(bytes, TRAILER_CRC);
        memcpy(bytes + TRAILER_CRC, &crc, 4);
    } else {
        uint32_t crc = crc32_of(bytes + 4, length - 4);
        memcpy(bytes, &crc, 4);
    }
    CHECK(pwrite(forged->file, bytes, length, place) == (ssize_t)length);
}

/* Opens a damaged file in every way. Whatever opens must be the array that it was. Says how the last one went. */
static inline int open_damaged(const forgery_t *forged)
{
    const uint32_t modes[] = {SHM_ARRAY_READ, SHM_ARRAY_COPY_ON_WRITE, SHM_ARRAY_WRITE};
    shm_array_t *untouched = (shm_array_t *)modes, *array;
    int code = 0;
    for (int i = 0; i < 3; i++) {
        array = untouched;
        code = shm_array_open(forged->name, modes[i], &array);
        if (code != 0) {
            CHECK(code != SHM_ARRAY_ERR_PANIC && array == untouched);
            SAYS(forged->name);
            continue;
        }
        shm_array_view_t view = view_of(array);
        CHECK(view.ndim == 1 && view.shape[0] == 10 && view.strides[0] == 8 && view.nbytes == 80);
        CHECK(strcmp(view.dtype, "<f8") == 0);
        for (int n = 0; n < 10; n++)
            CHECK(((double *)view.data)[n] == 100 + n);
        if (modes[i] == SHM_ARRAY_WRITE) {
            static int opened_often;
            if (opened_often++ % 100 == 0)
                stat_of(array); /* it looks through all of /proc */
            uint32_t mode = SHM_ARRAY_EXCLUSIVE;
            for (; mode <= SHM_ARRAY_SHARED; mode++) {
                int locked = shm_array_lock(array, mode, 0);
                CHECK(locked != SHM_ARRAY_ERR_PANIC);
                if (locked == 0 || locked == EOWNERDEAD)
                    OK(shm_array_unlock(array));
            }
        }
        shm_array_close(array);
    }
    return code;
}
#endif
