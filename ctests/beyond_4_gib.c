/* beyond_4_gib.c - an array of more than 2^32 elements is used up to its far end. [no valgrind: takes 4 GiB] */
#include "given.h"
#include <sys/statvfs.h>

/* Whether there are 10 GiB: the program runs twice, perhaps at once, as C and as C++. */
static int has_room(void)
{
    char line[128];
    unsigned long long available = 0;
    struct statvfs room;
    FILE *figures = fopen("/proc/meminfo", "r");
    while (fgets(line, sizeof line, figures) && sscanf(line, "MemAvailable: %llu", &available) != 1)
        ;
    fclose(figures);
    CHECK(statvfs("/dev/shm", &room) == 0);
    unsigned long long free_bytes = (unsigned long long)room.f_bavail * room.f_frsize;
    return available >= 10 << 20 && free_bytes >= UINT64_C(10) << 30;
}

int main(void)
{
    char name[64];
    if (!has_room())
        skip("needs 10 GiB of free memory");
    const uint64_t rows = 2, columns = (UINT64_C(1) << 31) + 4096;
    uint64_t shape[] = {rows, columns};
    shm_array_t *array = NULL;
    int code = shm_array_create(unique_name(name, sizeof name), "|u1", 2, shape, NULL, &array);
    const char *why = shm_array_error_detail();
    if (code != 0 && (strstr(why, "memory.max") || strstr(why, "memory.limit") || !has_room()))
        skip("needs 10 GiB of free memory, which a control group's limit or others have taken");
    RC(0, code);
    pid_t child = fork();
    if (child == 0) {
        shm_array_t *mine = opened(name, SHM_ARRAY_WRITE);
        unsigned char *bytes = (unsigned char *)view_of(mine).data;
        bytes[0] = 1;
        bytes[UINT64_C(1) << 32] = 2;
        bytes[rows * columns - 1] = 3;
        shm_array_close(mine);
        _exit(0);
    }
    CHECK(end_of(child) == 0);

    shm_array_view_t view = view_of(array);
    CHECK(view.count == rows * columns && view.nbytes == rows * columns && view.strides[0] == (int64_t)columns);
    unsigned char *bytes = (unsigned char *)view.data;
    CHECK(bytes[0] == 1 && bytes[UINT64_C(1) << 32] == 2 && bytes[rows * columns - 1] == 3);
    CHECK(stat_of(array).capacity_bytes >= rows * columns && stat_of(array).file_bytes > rows * columns);

    /* The last element, counted from the end of both axes. */
    int64_t minus_one[] = {-1, -1};
    shm_array_t *last = NULL;
    OK(shm_array_slice(array, 2, minus_one, NULL, NULL, &last));
    CHECK(view_of(last).count == 1 && *(unsigned char *)view_of(last).data == 3);
    shm_array_close(last);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
