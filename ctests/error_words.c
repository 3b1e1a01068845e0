/* error_words.c - every code has words, and each thread keeps the details of its own last error. */
#include "given.h"

static void *fail_in_another_way(void *unused)
{
    shm_array_t *array = NULL;
    CHECK(strcmp(shm_array_error_detail(), "") == 0);
    RC(ENOENT, shm_array_open("ctest-no-such-array-2", SHM_ARRAY_READ, &array));
    SAYS("ctest-no-such-array-2");
    return unused;
}

int main(void)
{
    shm_array_t *array = NULL;
    CHECK(strcmp(shm_array_error_detail(), "") == 0);
    RC(ENOENT, shm_array_open("ctest-no-such-array-1", SHM_ARRAY_READ, &array));
    SAYS("ctest-no-such-array-1");

    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, fail_in_another_way, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    SAYS("ctest-no-such-array-1");

    /* Texts stay, so that several can be printed at once. */
    const char *missing = shm_array_strerror(ENOENT), *dead = shm_array_strerror(EOWNERDEAD);
    const char *format = shm_array_strerror(SHM_ARRAY_ERR_FORMAT), *unknown = shm_array_strerror(-11);
    const int codes[] = {0, SHM_ARRAY_ERR_FORMAT, SHM_ARRAY_ERR_CORRUPT, SHM_ARRAY_ERR_VERSION, SHM_ARRAY_ERR_DTYPE,
                         SHM_ARRAY_ERR_PANIC, -11, 100000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        CHECK(shm_array_strerror(codes[i]));
        CHECK(strlen(shm_array_strerror(codes[i])) > 3);
    }
    CHECK(strcmp(missing, strerror(ENOENT)) == 0 && strcmp(dead, strerror(EOWNERDEAD)) == 0);
    CHECK(strstr(format, ".npy") && strstr(unknown, "unknown"));
    /* The codes, pinned for ever. */
    CHECK(SHM_ARRAY_ERR_FORMAT == -10 && SHM_ARRAY_ERR_CORRUPT == -20 && SHM_ARRAY_ERR_VERSION == -30);
    CHECK(SHM_ARRAY_ERR_DTYPE == -40 && SHM_ARRAY_ERR_PANIC == -90);
    return 0;
}
