/* versions.c - the library tells its version and that of its functions. */
#include "given.h"

int main(void)
{
    int major = -1, minor = -1, patch = -1;
    CHECK(sscanf(shm_array_version(), "%d.%d.%d", &major, &minor, &patch) == 3);
    CHECK(major >= 0 && minor >= 0 && patch >= 0);
    CHECK(shm_array_abi_version() >= 1);
    return 0;
}
