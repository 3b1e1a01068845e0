/* damage_bits.c - whatever byte of a file is flipped, it opens as the array that it was, or not at all, with words. */
#include "forge.h"

static void flip(const forgery_t *forged, off_t place, unsigned bits)
{
    unsigned char byte = (unsigned char)(forged->original[place] ^ bits);
    CHECK(pwrite(forged->file, &byte, 1, place) == 1);
}

int main(void)
{
    forgery_t forged = new_forgery();
    off_t control = 0;
    memcpy(&control, forged.original + forged.length + TRAILER + CONTROL_OFFSET, 8);
    CHECK(control > 4096 && control < forged.length);
    int descriptors = descriptors_open();

    /* The trailer and the header of the control block: each bit counts. */
    for (off_t place = forged.length + HEADER; place < forged.length; place += slowly() ? 5 : 1)
        for (unsigned bit = 1; bit < 256; bit *= 2) {
            flip(&forged, place, bit);
            int code = open_damaged(&forged);
            CHECK(code == SHM_ARRAY_ERR_CORRUPT);
            flip(&forged, place, 0);
        }

    /* The valid layout record, and the texts before the last page. */
    off_t layout = forged.length + LAYOUT;
    for (off_t place = layout; place < layout + LAYOUT_LEN; place += slowly() ? 31 : 1) {
        flip(&forged, place, 1u << place % 8);
        CHECK(open_damaged(&forged) == SHM_ARRAY_ERR_CORRUPT);
        flip(&forged, place, 0);
    }
    uint32_t text = 0;
    memcpy(&text, forged.original + forged.length + HEADER + DTYPE_OFFSET, 4);
    for (off_t place = control + text; place < forged.length + WORDS; place++) {
        flip(&forged, place, 1u << place % 8);
        CHECK(open_damaged(&forged) == SHM_ARRAY_ERR_CORRUPT);
        flip(&forged, place, 0);
    }

    /* The .npy header in front is for others; slots and words change all the time and are never trusted. */
    for (off_t place = 0; place < forged.length; place += slowly() ? 1009 : 7) {
        if (place >= 4096 && place < control)
            place = control;
        flip(&forged, place, slowly() || place % 2 ? 0xff : 1u << place % 8);
        open_damaged(&forged);
        CHECK(pwrite(forged.file, forged.original + control, (size_t)(forged.length - control), control) > 0);
        flip(&forged, place, 0);
    }
    for (off_t place = forged.length + WORDS; place < forged.length + LAYOUT; place++) {
        flip(&forged, place, 0xff);
        open_damaged(&forged);
        CHECK(pwrite(forged.file, forged.original + control, (size_t)(forged.length - control), control) > 0);
    }
    CHECK(descriptors_open() <= descriptors + 1);
    end_forgery(&forged);
    return 0;
}
