/* memfd_fork.c - an array without a name is shared with forked children, who may lock it. */
#include "given.h"

enum { CHILDREN = 4, ROUNDS = 200 };

int main(void)
{
    pid_t children[CHILDREN];
    shm_array_t *array = new_doubles(NULL, CHILDREN + 1);
    for (int i = 0; i < CHILDREN; i++)
        if ((children[i] = fork()) == 0) {
            double *elements = doubles(array);
            for (int n = 0; n < ROUNDS; n++) {
                OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
                elements[CHILDREN] += 1;
                OK(shm_array_unlock(array));
            }
            elements[i] = i + 1;
            shm_array_close(array);
            _exit(0);
        }
    for (int i = 0; i < CHILDREN; i++)
        CHECK(end_of(children[i]) == 0);
    for (int i = 0; i < CHILDREN; i++)
        CHECK(doubles(array)[i] == i + 1);
    CHECK(doubles(array)[CHILDREN] == CHILDREN * ROUNDS);
    shm_array_close(array);
    return 0;
}
