/* queue_without_random_numbers.c - a queue is looked through where the kernel gives no random numbers. [no valgrind: the filter] */
#include "objects.h"
#include "queues.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>

int main(void)
{
    uint64_t number = 0;
    size_t len;
    shm_queue_t *queue = new_queue(NULL, 4, 8, 0);
    send_number(queue, 1);

    /* As a sandbox that refuses them, and has no /dev/urandom: no descriptor is left for it. */
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        skip("needs seccomp");
    struct rlimit limit, none;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = limit, none.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);

    CHECK(receive_number(queue) == 1);
    RC(EAGAIN, shm_queue_receive(queue, &number, sizeof number, 0, &len)); /* having looked for what the dead have */
    OK(shm_queue_finish(queue));
    RC(ENODATA, shm_queue_receive(queue, &number, sizeof number, 0, &len));

    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    shm_queue_close(queue);
    return 0;
}
