/* damage_forged.c - a file whose checksums are right and whose numbers lie leads nobody outside of it. */
#include "forge.h"

/* Opens the lying file. Whatever opens must have its elements inside the file: they are all read. */
static void try_to_use(const forgery_t *forged)
{
    const uint32_t modes[] = {SHM_ARRAY_READ, SHM_ARRAY_COPY_ON_WRITE, SHM_ARRAY_WRITE,
                              SHM_ARRAY_WRITE | SHM_ARRAY_UNTRACKED};
    for (int i = 0; i < 4; i++) {
        shm_array_t *array = NULL;
        int code = shm_array_open(forged->name, modes[i], &array);
        CHECK(code != SHM_ARRAY_ERR_PANIC);
        if (code != 0) {
            SAYS(forged->name);
            continue;
        }
        shm_array_view_t view = view_of(array);
        CHECK(view.nbytes <= (uint64_t)forged->length);
        volatile unsigned char sum = 0;
        for (uint64_t byte = 0; view.flags & SHM_ARRAY_VIEW_C_CONTIGUOUS && byte < view.nbytes; byte++)
            sum = (unsigned char)(sum + ((unsigned char *)view.data)[byte]);
        CHECK(strlen(view.dtype) < 10000 && strlen(view.dtype_tag) < 10000);
        if (shm_array_metadata(array))
            CHECK(strlen(shm_array_metadata(array)) < 10000);
        static int opened_often;
        if (opened_often++ % 100 == 0)
            stat_of(array); /* it looks through all of /proc */
        code = shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0);
        CHECK(code != SHM_ARRAY_ERR_PANIC);
        if (code == 0 || code == EOWNERDEAD) {
            CHECK(shm_array_resize(array, UINT64_MAX) != 0);
            CHECK(shm_array_resize(array, 1 << 20) != 0);
            OK(shm_array_unlock(array));
        }
        shm_array_close(array);
    }
}

int main(void)
{
    forgery_t forged = new_forgery();
    const uint64_t lies[] = {0, 1, 7, 64, 255, 4095, 4096, 65535, 65536, 131072, 0x7fffffff, 0x80000000, 0xfffff000,
                             0xffffffff, UINT64_C(1) << 40, UINT64_C(1) << 63, UINT64_MAX - 4095, UINT64_MAX};
    const struct { int record, begin, end; } places[] = {
        {TRAILER, 0, TRAILER_CRC}, {HEADER, KIND, 184}, {LAYOUT, 4, 48}, {LAYOUT, 544, 560},
    };
    int descriptors = descriptors_open();
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        for (int field = places[p].begin; field < places[p].end; field += 4)
            for (size_t i = 0; i < sizeof lies / sizeof *lies; i += slowly() ? 5 : 1)
                for (size_t size = 4; size <= 8; size += 4) {
                    if (field + (int)size > places[p].end)
                        continue;
                    if (places[p].record == HEADER && field == LIFETIME && lies[i] == 1)
                        continue; /* no lie: a last-close array, which goes when it is closed */
                    forge(&forged, places[p].record, field, lies[i], size);
                    try_to_use(&forged);
                    restore(&forged);
                }
    CHECK(descriptors_open() <= descriptors + 1);

    /* A dtype that does not go with the layout, or that would make pointers of other people's bytes. */
    uint32_t text = 0, length = 0;
    off_t control = 0;
    memcpy(&control, forged.original + forged.length + TRAILER + CONTROL_OFFSET, 8);
    memcpy(&text, forged.original + forged.length + HEADER + DTYPE_OFFSET, 4);
    memcpy(&length, forged.original + forged.length + HEADER + DTYPE_LEN, 4);
    CHECK(length == 3 && memcmp(forged.original + control + text, "<f8", 3) == 0);
    const char *dtypes[] = {"<f4", "|O8", "|O\0", "<x8", "|T8", "\xff\xff\xff", "\0\0\0", "[[["};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        shm_array_t *untouched = (shm_array_t *)dtypes, *array = untouched;
        unsigned char texts[64];
        size_t texts_len = (size_t)(forged.length + WORDS - control - text);
        CHECK(texts_len < sizeof texts);
        memcpy(texts, forged.original + control + text, texts_len);
        memcpy(texts, dtypes[i], 3);
        CHECK(pwrite(forged.file, texts, texts_len, control + text) == (ssize_t)texts_len);
        forge(&forged, HEADER, TEXTS_CRC, crc32_of(texts, texts_len), 4);
        int code = shm_array_open(forged.name, SHM_ARRAY_READ, &array);
        CHECK(code == SHM_ARRAY_ERR_CORRUPT || code == SHM_ARRAY_ERR_DTYPE);
        SAYS(forged.name);
        CHECK(array == untouched);
        restore(&forged);
    }
    OK(open_damaged(&forged));
    end_forgery(&forged);
    return 0;
}
