/* create_race.c - of many processes that create one name at once one wins, and nobody ever sees a half-made array. */
#include "given.h"

enum { PROCESSES = 6, ROUNDS = 40 };

static void take_part(const char *name, const int start[2], const int score[2])
{
    uint64_t shape[] = {1000};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.metadata = "{\"complete\":true}";
    hear(start);
    int code = shm_array_create(name, "<f8", 1, shape, &options, &array);
    if (code == 0)
        tell(score);
    else {
        RC(EEXIST, code);
        OK(shm_array_open(name, SHM_ARRAY_WRITE, &array));
    }
    CHECK(view_of(array).shape[0] == 1000);
    CHECK(strcmp(shm_array_metadata(array), options.metadata) == 0);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
    doubles(array)[999] += 1;
    OK(shm_array_unlock(array));
    _exit(0);
}

int main(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        char name[64];
        int start[2], score[2];
        pid_t children[PROCESSES];
        CHECK(pipe(start) == 0 && pipe(score) == 0);
        unique_name(name, sizeof name);
        for (int i = 0; i < PROCESSES; i++)
            if ((children[i] = fork()) == 0)
                take_part(name, start, score);
        for (int i = 0; i < PROCESSES; i++)
            tell(start);
        for (int i = 0; i < PROCESSES; i++)
            CHECK(end_of(children[i]) == 0);
        char winners[PROCESSES];
        CHECK(close(score[1]) == 0 && read(score[0], winners, sizeof winners) == 1);
        close(score[0]), close(start[0]), close(start[1]);

        shm_array_t *array = opened(name, SHM_ARRAY_READ);
        CHECK(doubles(array)[999] == PROCESSES);
        shm_array_close(array);
        OK(shm_array_unlink(name));
    }
    return 0;
}
