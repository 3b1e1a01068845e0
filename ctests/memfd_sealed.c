/* memfd_sealed.c - nobody who gets the descriptor of an array without a name can cut it short, or grow it. */
#include "given.h"

int main(void)
{
    int descriptor = -1;
    shm_array_t *array = new_doubles(NULL, 1000);
    OK(shm_array_fd(array, &descriptor));
    struct stat facts;
    CHECK(fstat(descriptor, &facts) == 0 && facts.st_size > 8000);
    errno = 0;
    CHECK(ftruncate(descriptor, 0) == -1 && errno == EPERM);
    errno = 0;
    CHECK(ftruncate(descriptor, facts.st_size + 1) == -1 && errno == EPERM);
    errno = 0;
    CHECK(ftruncate(descriptor, facts.st_size - 1) == -1 && errno == EPERM);
    errno = 0;
    CHECK(fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE) == -1 && errno == EPERM); /* nor may others add seals */
    int seals = fcntl(descriptor, F_GET_SEALS);
    CHECK(seals & F_SEAL_SHRINK && seals & F_SEAL_GROW && seals & F_SEAL_SEAL && !(seals & F_SEAL_WRITE));
    doubles(array)[999] = 1;
    CHECK(close(descriptor) == 0);
    shm_array_close(array);
    return 0;
}
