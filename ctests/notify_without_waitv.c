/* notify_without_waitv.c - descriptors work where the kernel does not know futex_waitv. [no valgrind: it does not know the filter] */
#include "objects.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

int main(void)
{
    /* As a kernel before 5.16 answers. */
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 449, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        skip("needs seccomp");

    int fds[2] = {-1, -1};
    shm_event_t *first = new_event(NULL), *second = new_event(NULL);
    OK(shm_event_notify_fd(first, 1, SHM_EVENT_ANY, &fds[0]));
    OK(shm_event_notify_fd(second, 1, SHM_EVENT_ANY, &fds[1]));
    for (int i = 0; i < 10; i++) {
        OK(shm_event_set(i % 2 ? second : first, 1));
        CHECK(readable(fds[i % 2], 5000) && !readable(fds[1 - i % 2], 10));
        drained(fds[i % 2]);
        OK(shm_event_clear(i % 2 ? second : first, 1));
    }
    OK(shm_notify_close(fds[0]));
    OK(shm_notify_close(fds[1]));
    shm_event_close(first);
    shm_event_close(second);
    return 0;
}
