/* damage_truncated.c - a file that was cut, or added to, never opens for writing and never crashes who reads it. */
#include "forge.h"

int main(void)
{
    forgery_t forged = new_forgery();
    int descriptors = descriptors_open();
    for (off_t length = 0; length <= forged.length + 5000;) {
        if (length != forged.length) {
            restore(&forged);
            CHECK(ftruncate(forged.file, length) == 0);
            int code = open_damaged(&forged);
            CHECK(code == SHM_ARRAY_ERR_FORMAT || code == SHM_ARRAY_ERR_CORRUPT || code == EOPNOTSUPP);
            CHECK(descriptors_open() == descriptors);
        }
        /* Every length near a border, some of those between. */
        off_t from_end = forged.length - length, in_page = length % 4096;
        int border = length < 300 || (from_end < 300 && from_end > -300) || in_page < 2 || in_page == 4095 ||
                     (length > 4096 && length < 4096 + 200);
        length += border ? 1 : slowly() ? 4096 - in_page : in_page < 4095 - 1021 ? 1021 : 1;
    }
    restore(&forged);
    OK(open_damaged(&forged));
    end_forgery(&forged);
    return 0;
}
