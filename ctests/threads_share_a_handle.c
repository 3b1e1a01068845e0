/* threads_share_a_handle.c - every call but close may run in many threads through one handle, forks in between. */
#include "given.h"

enum { THREADS = 6 };
static int rounds = 300;

static void *use(void *handle)
{
    shm_array_t *array = (shm_array_t *)handle;
    int64_t start = 1;
    for (int n = 0; n < rounds; n++) {
        shm_array_t *part = NULL, *mine = NULL;
        OK(shm_array_slice(array, 1, &start, NULL, NULL, &part));
        CHECK(view_of(part).count == 3 && view_of(array).count == 4);
        OK(shm_array_open(shm_array_name(array), SHM_ARRAY_WRITE, &mine));
        OK(shm_array_lock(mine, n % 2 ? SHM_ARRAY_SHARED : SHM_ARRAY_EXCLUSIVE, FOREVER));
        OK(shm_array_unlock(mine));
        OK(shm_array_lock(part, SHM_ARRAY_SHARED, FOREVER));
        shm_array_close(mine);
        shm_array_close(part);
        if (n % 50 == 0) {
            CHECK(stat_of(array).slots > 0);
            pid_t child = fork();
            if (child == 0) {
                OK(shm_array_lock(array, SHM_ARRAY_SHARED, FOREVER));
                OK(shm_array_unlock(array));
                _exit(0);
            }
            CHECK(end_of(child) == 0);
        }
    }
    return NULL;
}

int main(void)
{
    char name[64];
    pthread_t threads[THREADS];
    rounds = slowly() ? 51 : rounds;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    int descriptors = descriptors_open();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, use, array) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));
    CHECK(descriptors_open() <= descriptors + 1); /* the one that this process's place at the lock keeps */
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
