/* address_space_limit.c - without room for a mapping calls fail in words. [no valgrind: it needs the room itself] */
#include "given.h"
#include <sys/resource.h>

static void limit_to(rlim_t bytes)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = bytes;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void used_up(void)
{
    long pages = 0;
    FILE *figures = fopen("/proc/self/statm", "r");
    CHECK(figures && fscanf(figures, "%ld", &pages) == 1);
    fclose(figures);
    limit_to((rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE));
}

int main(void)
{
    char name[64];
    shm_array_t *array = NULL;
    uint64_t shape[] = {1 << 16};
    free(malloc(100000)); /* the heap has some room of its own, and keeps it */

    /* The very first call of the process: not even what tells it from its children can be mapped. */
    used_up();
    RC(ENOMEM, shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, NULL, &array));
    SAYS("ulimit -v");
    CHECK(!array && !exists(name));
    limit_to(RLIM_INFINITY);
    OK(shm_array_create(name, "<f8", 1, shape, NULL, &array));

    shm_array_t *other = NULL;
    used_up();
    RC(ENOMEM, shm_array_open(name, SHM_ARRAY_READ, &other));
    SAYS("RLIMIT_AS");
    CHECK(!other);
    RC(ENOMEM, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0)); /* its control block cannot be mapped */
    SAYS("ulimit -v");
    doubles(array)[0] = 1;
    limit_to(RLIM_INFINITY);

    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    pid_t child = fork();
    if (child == 0) {
        RC(EPERM, shm_array_unlock(array));
        RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    OK(shm_array_unlock(array));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
