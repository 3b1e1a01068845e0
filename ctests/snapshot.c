/* snapshot.c - a snapshot copies rows, in the array's order and without gaps, and says how old they are. */
#include "npy.h"

static double copy[64];
static uint64_t generation;

static void take(const shm_array_t *array, uint64_t first_row, uint64_t rows)
{
    memset(copy, 0xff, sizeof copy);
    OK(shm_array_snapshot(array, first_row, rows, copy, sizeof copy, 0, 0, &generation));
}

int main(void)
{
    char name[64];
    uint64_t shape[] = {4, 3};
    shm_array_t *array = NULL;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 2, shape, NULL, &array));
    shm_array_t *reader = opened(name, SHM_ARRAY_READ), *untracked = opened(name, SHM_ARRAY_READ | SHM_ARRAY_UNTRACKED);
    for (uint64_t n = 0; n < 3; n++) {
        take(reader, 0, 4);
        CHECK(generation == n);
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        for (int i = 0; i < 12; i++)
            doubles(array)[i] = i + 100 * (double)n;
        OK(shm_array_unlock(array));
    }
    const shm_array_t *handles[] = {array, reader, untracked};
    for (int h = 0; h < 3; h++) {
        take(handles[h], 1, 2);
        CHECK(generation == 3);
        for (int i = 0; i < 6; i++)
            CHECK(copy[i] == 203 + i);
        CHECK(copy[6] != copy[6]); /* nothing beyond */
        take(handles[h], 4, 0);
    }
    /* A shared lock is in nobody's way. */
    OK(shm_array_lock(array, SHM_ARRAY_SHARED, 0));
    take(reader, 3, 1);
    CHECK(copy[0] == 209 && copy[2] == 211);
    OK(shm_array_unlock(array));
    /* Who has the array alone copies what it is writing. */
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    doubles(array)[0] = -1;
    take(array, 0, 1);
    CHECK(copy[0] == -1 && generation == 3);
    OK(shm_array_unlock(array));
    doubles(array)[0] = 200;

    /* A part of an array: its rows are the part's rows. */
    shm_array_t *part = NULL;
    int64_t start[] = {3, 0}, stop[] = {0, 3}, step[] = {-2, 2};
    OK(shm_array_slice(reader, 2, start, stop, step, &part));
    take(part, 0, 2);
    CHECK(copy[0] == 209 && copy[1] == 211 && copy[2] == 203 && copy[3] == 205);
    RC(EINVAL, shm_array_snapshot(part, 0, 3, copy, sizeof copy, 0, 0, NULL));
    shm_array_close(part);

    /* Any address will do. */
    char bytes[1 + 24];
    OK(shm_array_snapshot(reader, 2, 1, bytes + 1, 24, 0, 0, NULL));
    CHECK(memcmp(bytes + 1, doubles(reader) + 6, 24) == 0);

    shm_array_close(untracked);
    shm_array_close(reader);
    shm_array_close(array);
    OK(shm_array_unlink(name));

    /* An array without dimensions has one row. */
    OK(shm_array_create(NULL, "<f8", 0, NULL, NULL, &array));
    *doubles(array) = 7;
    take(array, 0, 1);
    CHECK(copy[0] == 7);
    shm_array_close(array);

    /* A file that was adopted may have its elements anywhere. */
    char directory[64], path[96], file_name[128];
    char text[10 + 67];
    const char *header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
    memset(text, ' ', sizeof text);
    memcpy(text, "\x93NUMPY\x01\0\x43\0", 10);
    memcpy(text + 10, header, strlen(header));
    text[sizeof text - 1] = '\n';
    double elements[] = {1.5, 2.5};
    snprintf(path, sizeof path, "%s/x.npy", new_directory(directory, sizeof directory));
    snprintf(file_name, sizeof file_name, "file://%s", path);
    int file = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    CHECK(write(file, text, sizeof text) == sizeof text && write(file, elements, 16) == 16 && close(file) == 0);
    array = opened(file_name, SHM_ARRAY_WRITE | SHM_ARRAY_ADOPT);
    CHECK(stat_of(array).data_offset == 77);
    take(array, 0, 2);
    CHECK(copy[0] == 1.5 && copy[1] == 2.5);
    int64_t index = 0;
    RC(EOPNOTSUPP, shm_array_atomic_load(array, 1, &index, 8, copy));
    SAYS("not aligned");
    shm_array_close(array);
    OK(shm_array_unlink(file_name));
    CHECK(rmdir(directory) == 0);
    return 0;
}
