/* check.h - what every C test starts from: checks that explain themselves, and an end to every hang.
 *
 * A failed check prints where it stands, its expression, and what was expected and what came, in words; then the
 * program aborts. An alarm ends a program that hangs, and each child that it forked, and names the check it hung in.
 * When main() has returned, no descriptor and no mapping of an array may be left. */
#ifndef CHECK_H
#define CHECK_H

#include "left.h"
#include "shm_array.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOREVER ((int64_t)-1)
#define MILLISECONDS(n) ((int64_t)(n) * 1000000)
#define SECONDS(n) MILLISECONDS((n) * 1000)

#define CHECK(condition) (check_at(__FILE__, __LINE__, #condition), /* again, for there are checks inside of some */ \
                          check_true((condition) || (check_at(__FILE__, __LINE__, #condition), 0)))
#define RC(code, call) (check_at(__FILE__, __LINE__, #call), check_code((code), (call)))
#define OK(call) RC(0, call)
#define SAYS(word) (check_at(__FILE__, __LINE__, "the error's words"), check_words(word)) /* a name or a figure */

static __thread struct { const char *file, *expression; int line; } check_now;
static pid_t check_main; /* the process that main() began in: its children make names of the same series */
static inline void check_at(const char *file, int line, const char *expression)
{ check_now.file = file, check_now.line = line, check_now.expression = expression; }
static inline void check_failed(const char *expected, const char *got, const char *detail)
{
    dprintf(2, "%s:%d: %s\n  expected: %s\n  got:      %s%s%s\n", check_now.file, check_now.line,
            check_now.expression, expected, got, *detail ? ": " : "", detail);
    abort();
}
static inline void check_true(int truth) { if (!truth) check_failed("true", "false", ""); }
static inline void check_code(int code, int got)
{
    if (got != code)
        check_failed(shm_array_strerror(code), shm_array_strerror(got), got ? shm_array_error_detail() : "");
}
static inline void check_words(const char *word)
{ if (!strstr(shm_array_error_detail(), word)) check_failed(word, shm_array_error_detail(), ""); }

static void check_hung(int sig) { (void)sig; check_failed("an end", "a hang in the check above, or after it", ""); }
static void check_watch(void)
{ const char *end = getenv("CHECK_SECONDS"); signal(SIGALRM, check_hung); alarm(end ? (unsigned)atoi(end) : 120); }
static void check_child(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); check_watch(); }
__attribute__((constructor)) static void check_begin(void)
{ check_main = getpid(); check_watch(); pthread_atfork(NULL, NULL, check_child); }
__attribute__((destructor)) static void check_end(void)
{ if (getpid() == check_main && left_behind()) check_failed("nothing", "something of an array", "after main()"); }

/* A name that no other process uses; whoever runs the tests looks for what "ctest-<pid>-" left behind. */
static inline char *unique_name(char *name, size_t room)
{ static int n; snprintf(name, room, "ctest-%d-%d", (int)check_main, ++n); return name; }
#endif
