/* given.h - what many tests begin with: filled structs, children and how they ended, a /dev/shm of one's own. */
#ifndef GIVEN_H
#define GIVEN_H

#include "check.h"
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static inline shm_array_options_t no_options(void)
{
    shm_array_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    return options;
}

static inline shm_object_options_t object_options(uint32_t flags)
{
    shm_object_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.flags = flags;
    return options;
}

static inline shm_array_view_t view_of(const shm_array_t *array)
{
    shm_array_view_t view;
    memset(&view, 0, sizeof view);
    view.size = sizeof view;
    OK(shm_array_view(array, &view));
    return view;
}

static inline shm_array_stat_t stat_of(const shm_array_t *array)
{
    shm_array_stat_t figures;
    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    OK(shm_array_stat(array, &figures));
    return figures;
}

/* The elements of an array of float64. */
static inline double *doubles(const shm_array_t *array)
{
    return (double *)view_of(array).data;
}

/* A one-dimensional array of float64 of the default kind. */
static inline shm_array_t *new_doubles(const char *name, uint64_t count)
{
    shm_array_t *array = NULL;
    OK(shm_array_create(name, "<f8", 1, &count, NULL, &array));
    return array;
}

static inline shm_array_t *opened(const char *name, uint32_t flags)
{
    shm_array_t *array = NULL;
    OK(shm_array_open(name, flags, &array));
    return array;
}

/* Waits for a child: its exit code, or minus the signal that killed it. */
static inline int end_of(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Whether a slow machine is watching (valgrind): whoever tries a great many cases then tries some of them. */
static inline int slowly(void) { return getenv("CHECK_SECONDS") != NULL; }

/* "I have got so far", from one process to another through a pipe. */
static inline void tell(const int pipe_ends[2]) { CHECK(write(pipe_ends[1], "!", 1) == 1); }
static inline void hear(const int pipe_ends[2]) { char byte; CHECK(read(pipe_ends[0], &byte, 1) == 1); }

/* A process that does nothing any more, until it is killed. */
static inline void stay(void)
{
    for (;;)
        pause();
}

static inline int killed(pid_t child)
{
    CHECK(kill(child, SIGKILL) == 0);
    return end_of(child);
}

/* A process that has done so much with what it is given, and stays until it is killed. */
static inline pid_t stays_after(void (*work)(const void *), const void *with)
{
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        work(with);
        tell(ready);
        stay();
    }
    hear(ready);
    CHECK(close(ready[0]) == 0 && close(ready[1]) == 0);
    return child;
}

/* Whether a descriptor becomes readable within that time. */
static inline int readable(int fd, int milliseconds)
{
    struct pollfd asked = {fd, POLLIN, 0};
    int ready = poll(&asked, 1, milliseconds);
    CHECK(ready >= 0);
    return ready == 1 && asked.revents == POLLIN;
}

/* Reads what made a notifying descriptor readable; how often it was told. */
static inline uint64_t drained(int fd)
{
    uint64_t count = 0;
    ssize_t got = read(fd, &count, sizeof count);
    CHECK(got == sizeof count || (got == -1 && errno == EAGAIN));
    return count;
}

/* Reads until a notifying descriptor has no more to tell: now and then that is once too often. */
static inline void quieted(int fd)
{
    while (readable(fd, 150))
        drained(fd);
}

static inline int files_in(const char *directory)
{
    int count = 0;
    DIR *entries = opendir(directory);
    CHECK(entries);
    while (readdir(entries))
        count++;
    closedir(entries);
    return count - 2; /* . and .. */
}

static inline int descriptors_open(void)
{
    return files_in("/proc/self/fd") - 1; /* the listing itself has one open */
}

/* The path of a POSIX shared-memory name. */
static inline char *path_of(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    return path;
}

static inline int exists(const char *name) { return access(path_of(name), F_OK) == 0; }

/* Ends the program as skipped, and says why. */
static inline void skip(const char *why)
{
    printf("%s\n", why);
    exit(77);
}

/* Puts this process and its children into a mount namespace of their own, as root of it. */
static inline void own_mounts(void)
{
    unsigned user = geteuid(), group = getegid();
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            skip("needs root, or user namespaces");
        char map[64];
        int file = open("/proc/self/setgroups", O_WRONLY);
        CHECK(write(file, "deny", 4) == 4 && close(file) == 0);
        snprintf(map, sizeof map, "0 %u 1", user);
        file = open("/proc/self/uid_map", O_WRONLY);
        CHECK(write(file, map, strlen(map)) > 0 && close(file) == 0);
        snprintf(map, sizeof map, "0 %u 1", group);
        file = open("/proc/self/gid_map", O_WRONLY);
        CHECK(write(file, map, strlen(map)) > 0 && close(file) == 0);
    }
    CHECK(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
}

/* An empty /dev/shm that no other process sees: for counting what lies there, and for filling it. */
static inline void own_dev_shm(const char *mount_options)
{
    own_mounts();
    CHECK(mount("tmpfs", "/dev/shm", "tmpfs", 0, mount_options) == 0);
}

/* An empty directory in that one, for file:// names; the caller removes it. */
static inline char *new_directory_in(const char *place, char *path, size_t room)
{
    snprintf(path, room, "%s/ctest-%d-XXXXXX", place, (int)check_main);
    CHECK(mkdtemp(path));
    return path;
}

static inline char *new_directory(char *path, size_t room) { return new_directory_in("/tmp", path, room); }
#endif
