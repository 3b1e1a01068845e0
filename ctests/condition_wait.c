/* condition_wait.c - a wait gives the lock back and has it again afterwards, unless it says that it has not. */
#include "given.h"
#include <time.h>

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECONDS(1) + time.tv_nsec;
}

static int over[2];

static void *keep(void *array) /* takes the lock while the other waits, and keeps it for longer than that one does */
{
    shm_array_t *mine = NULL;
    OK(shm_array_slice((shm_array_t *)array, 0, NULL, NULL, NULL, &mine));
    OK(shm_array_lock(mine, SHM_ARRAY_EXCLUSIVE, FOREVER));
    hear(over);
    shm_array_close(mine);
    return NULL;
}

int main(void)
{
    const uint32_t X = SHM_ARRAY_EXCLUSIVE, S = SHM_ARRAY_SHARED;
    pthread_t keeper;
    uint64_t before, after;
    shm_array_t *array = new_doubles(NULL, 4);
    RC(EPERM, shm_array_condition_wait(array, 0, 0));
    OK(shm_array_lock(array, S, 0));
    RC(EPERM, shm_array_condition_wait(array, 0, 0));
    OK(shm_array_unlock(array));
    OK(shm_array_lock(array, X, 0));
    RC(EINVAL, shm_array_condition_wait(array, SHM_ARRAY_CONDITIONS, 0));
    RC(EINVAL, shm_array_condition_notify(array, SHM_ARRAY_CONDITIONS, 1));
    RC(EINVAL, shm_array_condition_notify(array, 0, 0));
    RC(EINVAL, shm_array_condition_wait(NULL, 0, 0));
    RC(EINVAL, shm_array_condition_notify(NULL, 0, 1));

    OK(shm_array_condition_notify(array, 3, 1)); /* nobody waits: it is not kept for later */
    RC(ETIMEDOUT, shm_array_condition_wait(array, 3, 0));
    int64_t begin = now();
    OK(shm_array_generation(array, &before));
    RC(ETIMEDOUT, shm_array_condition_wait(array, SHM_ARRAY_CONDITIONS - 1, MILLISECONDS(60)));
    CHECK(now() - begin >= MILLISECONDS(60));
    OK(shm_array_generation(array, &after));
    CHECK(after == before + 1);
    OK(shm_array_unlock(array)); /* it was held */

    OK(shm_array_lock(array, X, 0));
    CHECK(pipe(over) == 0 && pthread_create(&keeper, NULL, keep, array) == 0);
    int code = ETIMEDOUT;
    for (int i = 0; i < 100 && code == ETIMEDOUT; i++) /* until the keeper has come */
        code = shm_array_condition_wait(array, 0, MILLISECONDS(100));
    RC(ENOLCK, code);
    SAYS("not held");
    RC(EPERM, shm_array_unlock(array));
    tell(over);
    CHECK(pthread_join(keeper, NULL) == 0);
    OK(shm_array_lock(array, X, 0));
    shm_array_close(array);
    return 0;
}
