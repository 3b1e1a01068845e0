/* lock_any_thread.c - a lock belongs to the handle: any thread may release it, and threads exclude each other by it. */
#include "given.h"

enum { THREADS = 4 };
static int rounds = 5000;

static void *unlock(void *array)
{
    OK(shm_array_unlock((shm_array_t *)array));
    return NULL;
}

static void *add(void *array)
{
    volatile double *number = doubles((shm_array_t *)array);
    for (int n = 0; n < rounds; n++) {
        OK(shm_array_lock((shm_array_t *)array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        *number = *number + 1;
        OK(shm_array_unlock((shm_array_t *)array));
    }
    return NULL;
}

static void *share(void *array)
{
    for (int n = 0; n < rounds; n++) {
        OK(shm_array_lock((shm_array_t *)array, SHM_ARRAY_SHARED, FOREVER));
        OK(shm_array_unlock((shm_array_t *)array));
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2 * THREADS];
    shm_array_t *array = new_doubles(NULL, 4);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
    CHECK(pthread_create(&threads[0], NULL, unlock, array) == 0 && pthread_join(threads[0], NULL) == 0);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));

    rounds = slowly() ? 500 : rounds;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, add, array) == 0);
    for (int i = THREADS; i < 2 * THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, share, array) == 0);
    for (int i = 0; i < 2 * THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(doubles(array)[0] == (double)THREADS * rounds);
    RC(EPERM, shm_array_unlock(array));
    shm_array_close(array);
    return 0;
}
