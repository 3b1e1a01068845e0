/* lock_many_handles.c - a dozen handles of one process share the lock, and each gives back what it took, no more. */
#include "given.h"

enum { HANDLES = 12 };

/* Whether another process can have the array alone. */
static int is_free(const char *name)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        shm_array_t *array = opened(name, SHM_ARRAY_WRITE);
        int code = shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0);
        shm_array_close(array);
        _exit(code);
    }
    int code = end_of(child);
    CHECK(code == 0 || code == EBUSY);
    return code == 0;
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4), *handles[HANDLES];
    for (int i = 0; i < HANDLES; i++) {
        handles[i] = opened(name, SHM_ARRAY_WRITE);
        OK(shm_array_lock(handles[i], SHM_ARRAY_SHARED, 0));
        OK(shm_array_lock(handles[i], SHM_ARRAY_SHARED, 0));
    }
    RC(EPERM, shm_array_unlock(array));
    for (int i = 0; i < HANDLES; i++) {
        OK(shm_array_unlock(handles[i]));
        OK(shm_array_unlock(handles[i]));
        RC(EPERM, shm_array_unlock(handles[i]));
        if (i < HANDLES - 1)
            RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    }
    CHECK(is_free(name));

    /* Whichever is closed gives back its own holds; who comes later begins with none. */
    for (int i = 0; i < HANDLES; i++)
        OK(shm_array_lock(handles[i], SHM_ARRAY_SHARED, 0));
    for (int i = 0; i < HANDLES - 1; i++) {
        shm_array_close(handles[i]);
        handles[i] = opened(name, SHM_ARRAY_WRITE);
        RC(EPERM, shm_array_unlock(handles[i]));
    }
    CHECK(!is_free(name));

    /* A child has copies of all handles, and holds nothing through any of them, before it locks and after. */
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        RC(EPERM, shm_array_unlock(handles[HANDLES - 1]));
        OK(shm_array_lock(handles[0], SHM_ARRAY_SHARED, 0));
        RC(EPERM, shm_array_unlock(handles[HANDLES - 1]));
        RC(EPERM, shm_array_unlock(handles[1]));
        OK(shm_array_unlock(handles[0]));
        OK(shm_array_lock(handles[HANDLES - 1], SHM_ARRAY_SHARED, 0));
        OK(shm_array_lock(handles[HANDLES - 1], SHM_ARRAY_SHARED, 0));
        OK(shm_array_unlock(handles[HANDLES - 1]));
        _exit(0);
    }
    CHECK(end_of(child) == 0);
    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(handles[HANDLES - 1]));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0)); /* not EOWNERDEAD: who only read has spoilt nothing */

    for (int i = 0; i < HANDLES; i++)
        shm_array_close(handles[i]);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
