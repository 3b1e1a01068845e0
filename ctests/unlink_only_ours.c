/* unlink_only_ours.c - what is neither a shared array nor a .npy file is not ours to unlink. */
#include "npy.h"

int main(void)
{
    char name[64], directory[64], directory_name[96];
    int descriptors = descriptors_open();
    unique_name(name, sizeof name);

    int file = open(path_of(name), O_CREAT | O_EXCL | O_WRONLY, 0600);
    CHECK(write(file, "my diary", 8) == 8 && close(file) == 0);
    RC(SHM_ARRAY_ERR_FORMAT, shm_array_unlink(name));
    SAYS(name);
    SAYS("rm");
    CHECK(exists(name) && unlink(path_of(name)) == 0);

    CHECK(symlink("/etc/hostname", path_of(name)) == 0);
    RC(ELOOP, shm_array_unlink(name));
    SAYS(name);
    CHECK(unlink(path_of(name)) == 0);

    snprintf(directory_name, sizeof directory_name, "file://%s", new_directory(directory, sizeof directory));
    CHECK(shm_array_unlink(directory_name) != 0);
    SAYS(directory);
    CHECK(rmdir(directory) == 0);

    write_npy(path_of(name), 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }", NULL, 0);
    OK(shm_array_unlink(name));
    CHECK(!exists(name) && descriptors_open() == descriptors);
    return 0;
}
