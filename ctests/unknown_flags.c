/* unknown_flags.c - a flag that does not exist, or makes no sense with another, is EINVAL; nothing is made. */
#include "given.h"

int main(void)
{
    char name[64], other[64], figure[32];
    uint64_t shape[] = {3};
    uint8_t id[16];
    int descriptor = -1;
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 3);
    shm_array_t *untouched = (shm_array_t *)shape, *out = untouched;
    memcpy(id, stat_of(array).id, sizeof id);
    OK(shm_array_fd(array, &descriptor));
    unique_name(other, sizeof other);
    int descriptors = descriptors_open();

    for (int bit = 0; bit < 32; bit++) {
        uint32_t flag = UINT32_C(1) << bit;
        snprintf(figure, sizeof figure, "%#x", (unsigned)flag);
        if (flag > SHM_ARRAY_MLOCK) {
            RC(EINVAL, shm_array_open(name, SHM_ARRAY_READ | flag, &out));
            SAYS(figure);
            RC(EINVAL, shm_array_open_id(name, SHM_ARRAY_READ | flag, id, &out));
            RC(EINVAL, shm_array_open_fd(descriptor, SHM_ARRAY_READ | flag, &out));
        }
        const uint32_t of_create = SHM_ARRAY_UNTRACKED | SHM_ARRAY_FORTRAN | SHM_ARRAY_LAST_CLOSE | SHM_ARRAY_OR_OPEN |
                                   SHM_ARRAY_POPULATE | SHM_ARRAY_MLOCK | SHM_ARRAY_LAZY | SHM_ARRAY_RESERVE |
                                   SHM_ARRAY_UNNAMED | SHM_ARRAY_WAKES_READERS;
        if (!(flag & of_create)) {
            shm_array_options_t options = no_options();
            options.flags = flag;
            RC(EINVAL, shm_array_create(other, "<f8", 1, shape, &options, &out));
            SAYS(figure);
        }
    }

    /* One way of opening, not none and not two. */
    const uint32_t senseless[] = {
        0, SHM_ARRAY_READ | SHM_ARRAY_COPY_ON_WRITE, SHM_ARRAY_WRITE | SHM_ARRAY_COPY_ON_WRITE, SHM_ARRAY_UNTRACKED,
        SHM_ARRAY_ADOPT, SHM_ARRAY_READ | SHM_ARRAY_ADOPT, SHM_ARRAY_COPY_ON_WRITE | SHM_ARRAY_ADOPT};
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        RC(EINVAL, shm_array_open(name, senseless[i], &out));
        SAYS("SHM_ARRAY_");
        RC(EINVAL, shm_array_open_id(name, senseless[i], id, &out));
        RC(EINVAL, shm_array_open_fd(descriptor, senseless[i], &out));
    }
    shm_array_options_t options = no_options();
    options.reserved = 1;
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, &options, &out));
    SAYS("reserved");
    options = no_options();
    options.flags = SHM_ARRAY_LAZY | SHM_ARRAY_RESERVE;
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, &options, &out));
    SAYS("SHM_ARRAY_LAZY");
    options = no_options();
    options.placement = 4;
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, &options, &out));
    SAYS("placement");
    options = no_options();
    options.numa = 4;
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, &options, &out));
    options.numa = SHM_ARRAY_NUMA_BIND; /* to no node at all */
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, &options, &out));
    options.numa = 0;
    options.numa_nodes = 1; /* and nothing to do with it */
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, &options, &out));
    SAYS("numa_nodes");
    options = no_options();
    options.directory = "relative/to/what";
    RC(EINVAL, shm_array_create(other, "<f8", 1, shape, &options, &out));
    SAYS("absolute");

    CHECK(out == untouched && !exists(other) && descriptors_open() == descriptors);
    CHECK(close(descriptor) == 0);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
