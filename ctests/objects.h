/* objects.h - what tests of semaphores, events and barriers begin with: handles, a clock. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "given.h"
#include <time.h>

static inline shm_semaphore_t *new_semaphore(const char *name, uint32_t kind, uint32_t value)
{
    shm_semaphore_t *semaphore = NULL;
    OK(shm_semaphore_create(name, kind, value, NULL, &semaphore));
    return semaphore;
}

static inline shm_semaphore_t *opened_semaphore(const char *name, uint32_t flags)
{
    shm_semaphore_t *semaphore = NULL;
    OK(shm_semaphore_open(name, flags, &semaphore));
    return semaphore;
}

static inline uint32_t value_of(const shm_semaphore_t *semaphore)
{
    uint32_t value = 0;
    OK(shm_semaphore_value(semaphore, &value));
    return value;
}

static inline shm_semaphore_stat_t semaphore_stat_of(const shm_semaphore_t *semaphore)
{
    shm_semaphore_stat_t figures;
    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    OK(shm_semaphore_stat(semaphore, &figures));
    return figures;
}

/* An event without names. */
static inline shm_event_t *new_event(const char *name)
{
    shm_event_t *event = NULL;
    OK(shm_event_create(name, NULL, 0, NULL, &event));
    return event;
}

static inline shm_event_t *opened_event(const char *name, uint32_t flags)
{
    shm_event_t *event = NULL;
    OK(shm_event_open(name, flags, &event));
    return event;
}

static inline uint64_t bits_of(const shm_event_t *event)
{
    shm_event_stat_t figures;
    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    OK(shm_event_stat(event, &figures));
    return figures.bits;
}

static inline shm_barrier_t *new_barrier(const char *name, uint32_t participants)
{
    shm_barrier_t *barrier = NULL;
    OK(shm_barrier_create(name, participants, NULL, &barrier));
    return barrier;
}

static inline shm_barrier_stat_t barrier_stat_of(const shm_barrier_t *barrier)
{
    shm_barrier_stat_t figures;
    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    OK(shm_barrier_stat(barrier, &figures));
    return figures;
}

static inline int64_t now_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return SECONDS(now.tv_sec) + now.tv_nsec;
}

/* For how long the threads of a process have run, or could have run and waited for a processor, in all. */
static inline int64_t busy_ns(pid_t process)
{
    int64_t sum = 0;
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *threads = opendir(path);
    for (struct dirent *entry; threads && (entry = readdir(threads));) {
        long long ran = 0, queued = 0;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)process, entry->d_name);
        FILE *file = *entry->d_name == '.' ? NULL : fopen(path, "r");
        if (file && fscanf(file, "%lld %lld", &ran, &queued) == 2)
            sum += ran + queued;
        if (file)
            fclose(file);
    }
    if (threads)
        closedir(threads);
    return sum;
}

static inline void sleep_ms(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static inline int threads_running(void) { return files_in("/proc/self/task"); }
#endif
