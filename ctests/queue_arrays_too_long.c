/* queue_arrays_too_long.c - an array's handle of an absurd length is refused, and takes no memory. [no valgrind: it needs the room itself] */
#include "queue_memory.h"
#include <sys/resource.h>

enum { MESSAGE = 64 << 20, LEN = 8 }; /* of a block's header */

int main(void)
{
    char name[64];
    const uint64_t longest = MESSAGE;
    const uint32_t first_words[] = {1, UINT32_MAX};
    long pages = 0;
    shm_queue_t *queue = NULL;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 10), *received = NULL;
    OK(shm_queue_create(NULL, 1, MESSAGE, NULL, 1, 0, NULL, &queue));
    mapped_t mapped = map_queue(queue, 1, MESSAGE);
    OK(shm_queue_send_array(queue, array, 0, 0, 0));
    memcpy(found(&mapped, first_words, sizeof first_words) - 64 + LEN, &longest, sizeof longest);

    FILE *figures = fopen("/proc/self/statm", "r");
    CHECK(figures && fscanf(figures, "%ld", &pages) == 1 && fclose(figures) == 0);
    struct rlimit limit = {(rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MESSAGE / 2, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    RC(SHM_ARRAY_ERR_CORRUPT, shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &received));
    SAYS("67108864 bytes");
    CHECK(!received && count_of(queue) == 0); /* it is in nobody's way */

    unmap_queue(&mapped);
    shm_queue_close(queue);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
