/* lock_owner_died_slot_taken.c - a dead holder's lock passes on, although who gets its slot is stopped half way. */
#include "given.h"
#include <sys/ptrace.h>
#include <sys/syscall.h>

/* Lets a child go on until it is about to open that file. False: it may not be watched here. */
static int stop_at_open(pid_t child, const char *path)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    if (ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) != 0)
        return 0;
    for (;;) {
        struct __ptrace_syscall_info call;
        CHECK(ptrace(PTRACE_SYSCALL, child, 0, 0) == 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status));
        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
            continue;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof call, &call) <= 0)
            return 0;
        if (call.op != PTRACE_SYSCALL_INFO_ENTRY || call.entry.nr != SYS_openat)
            continue;
        char text[16] = "";
        for (size_t at = 0; at < sizeof text; at += sizeof(long)) {
            long word = ptrace(PTRACE_PEEKDATA, child, call.entry.args[1] + at, 0);
            memcpy(text + at, &word, sizeof word);
        }
        if (strncmp(text, path, sizeof text) == 0)
            return 1;
    }
}

int main(void)
{
    char name[64];
    uint64_t count = 4;
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.slots = 2;
    OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, &count, &options, &array));
    OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
    OK(shm_array_unlock(array));

    pid_t holder = fork();
    if (holder == 0) {
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        raise(SIGKILL);
    }
    CHECK(end_of(holder) == -SIGKILL);

    pid_t heir = fork(); /* there is no other slot */
    if (heir == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
            _exit(77);
        raise(SIGSTOP);
        shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER);
        _exit(0);
    }
    if (stop_at_open(heir, "/proc/self/stat")) {
        RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(20)));
        OK(shm_array_recover(array));
        OK(shm_array_unlock(array));
    }
    CHECK(kill(heir, SIGKILL) == 0 && end_of(heir) == -SIGKILL);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    return 0;
}
