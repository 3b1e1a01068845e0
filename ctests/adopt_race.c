/* adopt_race.c - when many processes adopt one file at the same moment they all come to share one array. */
#include "npy.h"

enum { PROCESSES = 6, ROUNDS = 20 };

int main(void)
{
    char directory[64], path[96], name[128];
    double zero = 0;
    snprintf(path, sizeof path, "%s/x.npy", new_directory(directory, sizeof directory));
    snprintf(name, sizeof name, "file://%s", path);
    for (int round = 0; round < ROUNDS; round++) {
        int start[2];
        pid_t children[PROCESSES];
        CHECK(pipe(start) == 0);
        write_npy(path, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", &zero, sizeof zero);
        for (int i = 0; i < PROCESSES; i++)
            if ((children[i] = fork()) == 0) {
                hear(start);
                shm_array_t *array = opened(name, SHM_ARRAY_WRITE | SHM_ARRAY_ADOPT);
                for (int n = 0; n < 100; n++) {
                    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
                    doubles(array)[0] += 1;
                    OK(shm_array_unlock(array));
                }
                _exit(0);
            }
        for (int i = 0; i < PROCESSES; i++)
            tell(start);
        for (int i = 0; i < PROCESSES; i++)
            CHECK(end_of(children[i]) == 0);
        shm_array_t *array = opened(name, SHM_ARRAY_READ);
        CHECK(doubles(array)[0] == PROCESSES * 100);
        shm_array_close(array);
        OK(shm_array_unlink(name));
        close(start[0]), close(start[1]);
    }
    CHECK(rmdir(directory) == 0);
    return 0;
}
