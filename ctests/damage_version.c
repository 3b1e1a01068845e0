/* damage_version.c - a newer version, another machine, or unknown features are told from damage. */
#include "forge.h"

int main(void)
{
    forgery_t forged = new_forgery();
    shm_array_t *untouched = (shm_array_t *)&forged, *array = untouched;
    int descriptors = descriptors_open();

    forge(&forged, TRAILER, MAJOR, 2, 2);
    RC(SHM_ARRAY_ERR_VERSION, shm_array_open(forged.name, SHM_ARRAY_READ, &array));
    SAYS("2.0");
    SAYS(forged.name);
    restore(&forged);
    forge(&forged, TRAILER, MAJOR, 0, 2);
    RC(SHM_ARRAY_ERR_VERSION, shm_array_open(forged.name, SHM_ARRAY_WRITE, &array));
    restore(&forged);
    forge(&forged, TRAILER, FINGERPRINT, 12345, 4);
    RC(SHM_ARRAY_ERR_VERSION, shm_array_open(forged.name, SHM_ARRAY_READ, &array));
    SAYS("machine");
    restore(&forged);
    forge(&forged, HEADER, FEATURES_INCOMPATIBLE, 0x40, 8);
    RC(SHM_ARRAY_ERR_VERSION, shm_array_open(forged.name, SHM_ARRAY_READ, &array));
    SAYS("0x40");
    restore(&forged);
    forge(&forged, HEADER, KIND, 77, 4);
    RC(SHM_ARRAY_ERR_VERSION, shm_array_open(forged.name, SHM_ARRAY_READ, &array));
    SAYS("77");
    restore(&forged);
    forge(&forged, HEADER, KIND, SHM_KIND_SEMAPHORE, 4);
    RC(SHM_ARRAY_ERR_FORMAT, shm_array_open(forged.name, SHM_ARRAY_READ, &array));
    SAYS("a semaphore, not an array");
    restore(&forged);

    /* Features that a reader need not know. */
    forge(&forged, HEADER, FEATURES_READ_COMPATIBLE, 0x20, 8);
    RC(SHM_ARRAY_ERR_VERSION, shm_array_open(forged.name, SHM_ARRAY_WRITE, &array));
    SAYS("0x20");
    SAYS("reading");
    CHECK(array == untouched);
    array = opened(forged.name, SHM_ARRAY_READ);
    CHECK(doubles(array)[9] == 109);
    shm_array_close(array);
    restore(&forged);

    /* Additions that anybody may ignore. */
    forge(&forged, TRAILER, MINOR, 9, 2);
    OK(open_damaged(&forged));
    restore(&forged);
    forge(&forged, HEADER, FEATURES_COMPATIBLE, 0x10, 8);
    OK(open_damaged(&forged));
    CHECK(descriptors_open() == descriptors);
    end_forgery(&forged);
    return 0;
}
