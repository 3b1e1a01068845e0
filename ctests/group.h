/* group.h - a control group of one's own with a limit of memory, where this machine lets a test make one. */
#ifndef GROUP_H
#define GROUP_H

#include "given.h"

static inline int group_write(const char *directory, const char *file, const char *text)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    int descriptor = open(path, O_WRONLY);
    int written = descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text);
    if (descriptor >= 0)
        close(descriptor);
    return written;
}

/* The directory of this process's own group, in the hierarchy that has memory: 1 or 2 for its generation, 0: none. */
static inline int own_group(char directory[600])
{
    char line[512];
    int generation = 0;
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        const char *first = strstr(line, ":memory:");
        if (first)
            snprintf(directory, 600, "/sys/fs/cgroup/memory%s", first + 8), generation = 1;
        else if (strncmp(line, "0::", 3) == 0 && generation == 0)
            snprintf(directory, 600, "/sys/fs/cgroup%s", line + 3), generation = 2;
    }
    if (file)
        fclose(file);
    return generation;
}

/* Runs a part of a test in a child, in a new group that may use so many bytes; the group goes in any case. Where there can
 * be no such group the program ends as skipped. */
static inline void in_group(const char *bytes, void (*part)(void))
{
    char own[600], group[700], pid[32];
    int generation = own_group(own), go[2];
    snprintf(group, sizeof group, "%s/ctest-%d", own, (int)getpid());
    if (generation == 0 || mkdir(group, 0700) != 0)
        skip("no control group can be made here: that needs root, or a delegated group");
    CHECK(pipe(go) == 0);
    pid_t child = fork();
    if (child == 0) {
        hear(go);
        part();
        exit(0);
    }
    snprintf(pid, sizeof pid, "%d", (int)child);
    int limited = group_write(group, generation == 1 ? "memory.limit_in_bytes" : "memory.max", bytes) &&
                  group_write(group, "cgroup.procs", pid);
    if (limited)
        tell(go);
    else
        kill(child, SIGKILL);
    int end = end_of(child);
    for (int i = 0; rmdir(group) != 0 && i < 1000; i++)
        usleep(1000); /* who has just ended may still count */
    if (!limited)
        skip("no control group of one's own has a limit of memory here");
    CHECK(end == 0);
}
#endif
