/* left.h - what a program may not leave behind in itself: descriptors and mappings of arrays, once main() has returned.
 *
 * What it leaves in /dev/shm and /tmp is looked for by whoever runs the tests. */
#ifndef LEFT_H
#define LEFT_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether a file is a test's own. What a process made itself is known to it by a number, whatever name it then got. */
static inline int left_is_ours(const char *path)
{ return strstr(path, "/ctest-") || strstr(path, "/dev/shm/#") || strstr(path, "/memfd:shm_array"); }

/* Prints every descriptor and mapping of a file of ours, and says how many there are. */
static inline int left_behind(void)
{
    int count = 0;
    char text[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(text, sizeof text, maps))
        if (left_is_ours(text))
            dprintf(2, "still mapped: %s", text), count++;
    if (maps)
        fclose(maps);
    DIR *entries = opendir("/proc/self/fd");
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        ssize_t length = readlinkat(dirfd(entries), entry->d_name, text, sizeof text - 1);
        text[length < 0 ? 0 : length] = 0;
        if (left_is_ours(text))
            dprintf(2, "still open: descriptor %s of %s\n", entry->d_name, text), count++;
    }
    if (entries)
        closedir(entries);
    return count;
}
#endif
