/* range_rows.c - rows are counted along the growing axis of the whole array, up to its capacity. */
#include "given.h"

static const uint32_t X = SHM_ARRAY_EXCLUSIVE;

static void has_rows(shm_array_t *array, uint64_t rows)
{
    OK(shm_array_lock_range(array, 0, rows, X, 0));
    OK(shm_array_unlock_range(array, 0, rows));
    OK(shm_array_lock_range(array, rows - 1, 1, X, 0));
    OK(shm_array_unlock_range(array, rows - 1, 1));
    RC(EINVAL, shm_array_lock_range(array, 0, rows + 1, X, 0));
    SAYS("rows");
    RC(EINVAL, shm_array_lock_range(array, rows, 1, X, 0));
    RC(EINVAL, shm_array_lock_range(array, 0, 0, X, 0));
    RC(EINVAL, shm_array_lock_range(array, UINT64_MAX, 2, X, 0));
    RC(EINVAL, shm_array_lock_range(array, 0, UINT64_MAX, X, 0));
    RC(EINVAL, shm_array_lock_range(array, 0, 1, 3, 0));
    RC(EINVAL, shm_array_unlock_range(array, 0, 0));
    RC(EINVAL, shm_array_recover_range(array, rows, 1));
}

int main(void)
{
    shm_array_t *array = NULL, *part = NULL;
    const uint64_t shape[] = {3, 5};
    shm_array_options_t options = no_options();
    OK(shm_array_create(NULL, "<f8", 2, shape, NULL, &array));
    has_rows(array, 3);
    /* A part of it means the same rows. */
    const int64_t start = 2;
    OK(shm_array_slice(array, 1, &start, NULL, NULL, &part));
    has_rows(part, 3);
    OK(shm_array_lock_range(part, 2, 1, X, 0));
    RC(EBUSY, shm_array_lock_range(array, 2, 1, X, 0));
    RC(EPERM, shm_array_unlock_range(array, 2, 1)); /* another handle's */
    OK(shm_array_lock_range(array, 0, 2, X, 0));
    OK(shm_array_unlock_range(part, 2, 1));
    RC(EPERM, shm_array_unlock_range(part, 2, 1));
    RC(EPERM, shm_array_unlock_range(array, 0, 1)); /* only as it was locked */
    RC(EPERM, shm_array_unlock(array));
    OK(shm_array_unlock_range(array, 0, 2));
    shm_array_close(part);
    shm_array_close(array);

    options.flags = SHM_ARRAY_FORTRAN;
    OK(shm_array_create(NULL, "<f8", 2, shape, &options, &array));
    has_rows(array, 5);
    shm_array_close(array);

    options.flags = 0;
    options.capacity = 10;
    OK(shm_array_create(NULL, "<f8", 2, shape, &options, &array));
    has_rows(array, 10);
    OK(shm_array_lock_range(array, 9, 1, X, 0));
    OK(shm_array_unlock_range(array, 9, 1));
    shm_array_close(array);

    OK(shm_array_create(NULL, "<f8", 0, NULL, NULL, &array));
    has_rows(array, 1);
    shm_array_close(array);

    RC(EINVAL, shm_array_lock_range(NULL, 0, 1, X, 0));
    RC(EINVAL, shm_array_unlock_range(NULL, 0, 1));
    RC(EINVAL, shm_array_recover_range(NULL, 0, 1));
    return 0;
}
