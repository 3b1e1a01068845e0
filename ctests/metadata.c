/* metadata.c - JSON given at creation travels with the array, byte for byte; what is not JSON is refused. */
#include "given.h"

int main(void)
{
    char name[64];
    static char long_text[20000];
    uint64_t shape[] = {3};
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[0] = long_text[sizeof long_text - 2] = '"';
    const char *texts[] = {
        "{\"unit\": \"K\", \"axes\": [\"latitude\", \"longitude\"]}", "{}", "[]", "null", "0", "\"\"",
        "{\"Einheit\": \"\xc2\xb0""C\"}", " { } ", long_text,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        shm_array_options_t options = no_options();
        shm_array_t *array = NULL;
        options.metadata = texts[i];
        OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, &options, &array));
        CHECK(strcmp(shm_array_metadata(array), texts[i]) == 0);
        shm_array_close(array);
        array = opened(name, SHM_ARRAY_READ);
        CHECK(strcmp(shm_array_metadata(array), texts[i]) == 0);
        shm_array_close(array);
        OK(shm_array_unlink(name));
    }

    shm_array_t *plain = new_doubles(NULL, 1);
    CHECK(shm_array_metadata(plain) == NULL);
    CHECK(shm_array_metadata(NULL) == NULL);
    shm_array_close(plain);

    const char *bad[] = {"", "{", "{'a': 1}", "{\"a\": }", "hello", "{} {}", "\"\xff\""};
    shm_array_t *untouched = (shm_array_t *)&shape, *array = untouched;
    unique_name(name, sizeof name);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        shm_array_options_t options = no_options();
        options.metadata = bad[i];
        RC(EINVAL, shm_array_create(name, "<f8", 1, shape, &options, &array));
        SAYS("metadata");
    }
    CHECK(array == untouched && !exists(name));
    return 0;
}
