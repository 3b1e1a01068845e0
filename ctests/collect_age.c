/* collect_age.c - with a minimum age, collecting removes unused persistent arrays, too; never foreign files. */
#include "npy.h"

int main(void)
{
    own_dev_shm("size=64m");
    uint64_t removed = 99;
    write_npy("/dev/shm/ordinary.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }", NULL, 0);
    int file = open("/dev/shm/something-else", O_CREAT | O_WRONLY, 0600);
    CHECK(write(file, "something", 9) == 9 && close(file) == 0);
    CHECK(close(open("/dev/shm/empty", O_CREAT | O_WRONLY, 0600)) == 0);
    CHECK(mkdir("/dev/shm/directory", 0700) == 0 && mkfifo("/dev/shm/fifo", 0600) == 0);
    CHECK(symlink("/dev/shm/unused", "/dev/shm/link") == 0);
    enum { FOREIGN = 6 };

    shm_array_t *used = new_doubles("used", 3);
    shm_array_close(new_doubles("unused", 3));
    shm_array_close(new_doubles("unused-2", 3));
    OK(shm_array_collect(-1, &removed));
    CHECK(removed == 0);
    OK(shm_array_collect(SECONDS(3600), &removed));
    CHECK(removed == 0 && files_in("/dev/shm") == FOREIGN + 3);
    OK(shm_array_collect(0, &removed));
    CHECK(removed == 2 && files_in("/dev/shm") == FOREIGN + 1);
    CHECK(exists("used"));

    /* An age that has passed by now. */
    shm_array_close(used);
    usleep(20000);
    OK(shm_array_collect(MILLISECONDS(10), &removed));
    CHECK(removed == 1 && files_in("/dev/shm") == FOREIGN);
    return 0;
}
