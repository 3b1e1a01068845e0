/* last_words_of_a_thread.c - calls that fail or fork in a thread's last destructors are ordinary calls. */
#include "given.h"

static pthread_key_t last;
static int rounds;

static void fork_once(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    CHECK(end_of(child) == 0);
}

/* Runs again and again at the thread's end, until it leaves nothing behind: later than the library's own. */
static void say(void *value)
{
    RC(EPERM, shm_array_unlock((shm_array_t *)value));
    CHECK(shm_array_error_detail() != NULL);
    fork_once();
    if (++rounds < 4)
        CHECK(pthread_setspecific(last, value) == 0);
}

static void *live(void *array)
{
    RC(EPERM, shm_array_unlock((shm_array_t *)array));
    fork_once(); /* what it leaves to the thread is gone by then */
    CHECK(pthread_setspecific(last, array) == 0);
    return NULL;
}

int main(void)
{
    char name[64];
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 4);
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    OK(shm_array_unlock(array));
    int notified = -1; /* from now on there is more for a fork to look after */
    OK(shm_array_notify_fd(array, 0, &notified));
    pthread_t thread;
    CHECK(pthread_key_create(&last, say) == 0);
    CHECK(pthread_create(&thread, NULL, live, array) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(rounds == 4);
    OK(shm_notify_close(notified));
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
