/* lazy_full.c - where no room is left for a lazy array's pages, calls that touch its elements are ENOSPC, no signal. */
#include "given.h"

enum { COUNT = 1 << 20 };

/* Takes all the room that is left; the caller closes it. */
static int fill(void)
{
    static char page[4096];
    int filler = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CHECK(filler >= 0);
    while (write(filler, page, sizeof page) > 0)
        ;
    CHECK(errno == ENOSPC);
    return filler;
}

/* Those that only look; in memory a look, too, takes a page. */
static void look(const shm_array_t *array, int code, uint64_t row)
{
    const int64_t index = (int64_t)row;
    uint64_t value = 77;
    RC(code, shm_array_atomic_load(array, 1, &index, 8, &value));
    CHECK(value == (code ? 77 : 0));
    uint32_t access = view_of(array).flags & (SHM_ARRAY_VIEW_SHARED | SHM_ARRAY_VIEW_WRITABLE);
    if (access == SHM_ARRAY_VIEW_WRITABLE)
        return; /* there are no snapshots of copies */
    RC(code, shm_array_snapshot(array, row, 1, &value, sizeof value, 0, 0, NULL));
    if (code)
        SAYS("create without SHM_ARRAY_LAZY");
}

static void change(const shm_array_t *array, int code, uint64_t row)
{
    const int64_t index = (int64_t)row;
    uint64_t one = 1, before = 0;
    int exchanged = 0;
    RC(code, shm_array_atomic_fetch_add(array, 1, &index, 8, &one, &before));
    if (code)
        SAYS("create without SHM_ARRAY_LAZY");
    before++;
    RC(code, shm_array_atomic_compare_exchange(array, 1, &index, 8, &before, &one, &exchanged));
    CHECK(exchanged == (code == 0));
    RC(code, shm_array_copy_in(array, row * 8, &one, 8));
}

int main(void)
{
    const uint32_t ways[] = {SHM_ARRAY_WRITE, SHM_ARRAY_WRITE | SHM_ARRAY_UNTRACKED, SHM_ARRAY_COPY_ON_WRITE, SHM_ARRAY_READ};
    own_dev_shm("size=1m");
    shm_array_options_t lazy = no_options();
    lazy.flags = SHM_ARRAY_LAZY;
    uint64_t shape[] = {COUNT};
    shm_array_t *array = NULL;
    OK(shm_array_create("lazy", "<u8", 1, shape, &lazy, &array));
    shm_array_close(array);
    for (uint64_t i = 0; i < 4; i++) {
        array = opened("lazy", ways[i]);
        int filler = fill();
        look(array, ENOSPC, i * 10000);
        if (ways[i] != SHM_ARRAY_READ)
            change(array, ENOSPC, i * 10000);
        CHECK(ftruncate(filler, 0) == 0);
        look(array, 0, i * 10000);
        if (ways[i] != SHM_ARRAY_READ)
            change(array, 0, i * 10000);
        CHECK(close(filler) == 0);
        filler = fill();
        if (ways[i] != SHM_ARRAY_READ)
            change(array, 0, i * 10000); /* the page is there by now */
        CHECK(close(filler) == 0);
        shm_array_close(array);
    }
    OK(shm_array_unlink("lazy"));
    return 0;
}
