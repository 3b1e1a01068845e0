/* filter.c - embosses a photograph that lies in shared memory, in place, block by block, together with other processes.
 *
 *     filter PREFIX FIRST STEP [STOP]
 *
 * works on the blocks of rows FIRST, FIRST + STEP, ... of the array PREFIX.picture, each under the array's lock. It may
 * be killed at any instruction. What makes that safe is a journal: before a block is touched, its original rows go to
 * PREFIX.journal, and the block is marked as begun; so whoever gets the lock next, and hears that its holder died, can
 * filter the block again. The filter looks one row beyond the block on either side; the originals of those rows are
 * kept in PREFIX.seams, because by then the neighbours may have been filtered. With STOP, it stops half way through
 * that block, says so, and waits to be killed. */
#include <shm_array.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TO_DO, BEGUN, DONE };

struct block { /* one element of PREFIX.blocks */
    _Atomic int32_t state;
    int32_t pid;         /* who filtered it */
    double milliseconds; /* how long that took */
};

static shm_array_t *picture;
static uint64_t height, width, rows_a_block, blocks;
static size_t row_bytes;
static uint8_t *pixels;  /* height x width x 3, red green blue */
static uint8_t *seams;   /* blocks x 2 x width x 3: the original rows above and below each block */
static uint8_t *journal; /* rows_a_block x width x 3: the original rows of the block that is being filtered */
static struct block *ledger;

static void must(int code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "filter %d: %s: %s\n", (int)getpid(), what, shm_array_error_detail());
    exit(1);
}

/* Opens PREFIX.part for writing; the handle stays open until the process ends. */
static shm_array_view_t open_part(const char *prefix, const char *part, shm_array_t **array)
{
    char name[256];
    shm_array_view_t view = {.size = sizeof view};
    snprintf(name, sizeof name, "%s.%s", prefix, part);
    must(shm_array_open(name, SHM_ARRAY_WRITE, array), name);
    must(shm_array_view(*array, &view), name);
    return view;
}

static uint64_t first_row(uint64_t block) { return block * rows_a_block; }
static uint64_t rows_of(uint64_t block)
{
    uint64_t left = height - first_row(block);
    return left < rows_a_block ? left : rows_a_block;
}

/* An original row of a block: from -1, the row above the block, to rows_of(block), the row below it. */
static const uint8_t *original(uint64_t block, int64_t row)
{
    if (row < 0)
        return seams + 2 * block * row_bytes;
    if ((uint64_t)row >= rows_of(block))
        return seams + (2 * block + 1) * row_bytes;
    return journal + (uint64_t)row * row_bytes;
}

static void emboss_row(uint64_t block, int64_t row)
{
    static const int kernel[3][3] = {{-2, -1, 0}, {-1, 1, 1}, {0, 1, 2}};
    uint8_t *target = pixels + (first_row(block) + (uint64_t)row) * row_bytes;
    for (int64_t x = 0; x < (int64_t)width; x++)
        for (int colour = 0; colour < 3; colour++) {
            int sum = 0;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++) {
                    int64_t near = x + dx < 0 ? 0 : x + dx >= (int64_t)width ? (int64_t)width - 1 : x + dx;
                    sum += kernel[dy + 1][dx + 1] * original(block, row + dy)[3 * near + colour];
                }
            target[3 * x + colour] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
}

/* From the journal into the picture; as often as need be, the result is the same. */
static void filter_from_journal(uint64_t block, int stop)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (uint64_t row = 0; row < rows_of(block); row++) {
        if (stop && row == rows_of(block) / 2) {
            printf("half way through block %" PRIu64 "\n", block);
            for (;;)
                pause();
        }
        emboss_row(block, (int64_t)row);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    ledger[block].pid = getpid();
    ledger[block].milliseconds = (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
    atomic_store(&ledger[block].state, DONE);
}

static void filter(uint64_t block, int stop)
{
    memcpy(journal, pixels + first_row(block) * row_bytes, rows_of(block) * row_bytes);
    atomic_store(&ledger[block].state, BEGUN); /* from here on the journal counts, and not the picture */
    filter_from_journal(block, stop);
}

/* Takes the lock. If its last holder died, puts right what that process left half written. */
static void lock(void)
{
    int code = shm_array_lock(picture, SHM_ARRAY_EXCLUSIVE, -1);
    if (code != EOWNERDEAD) {
        must(code, "lock");
        return;
    }
    printf("process %d got EOWNERDEAD: %s\n", (int)getpid(), shm_array_error_detail());
    for (uint64_t block = 0; block < blocks; block++)
        if (atomic_load(&ledger[block].state) == BEGUN) {
            printf("process %d filters block %" PRIu64 " again, from the journal\n", (int)getpid(), block);
            filter_from_journal(block, 0);
        }
    must(shm_array_recover(picture), "recover");
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: filter PREFIX FIRST STEP [STOP]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    shm_array_t *others[3];
    shm_array_view_t view = open_part(argv[1], "picture", &picture);
    height = view.shape[0], width = view.shape[1], row_bytes = width * 3, pixels = view.data;
    seams = open_part(argv[1], "seams", &others[0]).data;
    view = open_part(argv[1], "journal", &others[1]);
    rows_a_block = view.shape[0], journal = view.data;
    view = open_part(argv[1], "blocks", &others[2]);
    blocks = view.shape[0], ledger = view.data;
    if (view.itemsize != sizeof(struct block)) {
        fprintf(stderr, "filter: %s.blocks has elements of %" PRIu64 " bytes, expected %zu\n", argv[1], view.itemsize,
                sizeof(struct block));
        return 1;
    }

    uint64_t step = strtoull(argv[3], NULL, 10);
    for (uint64_t block = strtoull(argv[2], NULL, 10); block < blocks; block += step) {
        lock();
        if (atomic_load(&ledger[block].state) == TO_DO)
            filter(block, argc > 4 && block == strtoull(argv[4], NULL, 10));
        must(shm_array_unlock(picture), "unlock");
    }

    shm_array_close(picture);
    for (int i = 0; i < 3; i++)
        shm_array_close(others[i]);
    return 0;
}
