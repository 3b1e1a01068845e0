/* memfd_pass.c - an array without a name travels as a descriptor through a socket, and is the same there. */
#include "given.h"
#include <sys/socket.h>

static void send_descriptor(int socket, int descriptor)
{
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control;
    char byte = '!';
    struct iovec data = {&byte, 1};
    struct msghdr message;
    memset(&control, 0, sizeof control);
    memset(&message, 0, sizeof message);
    message.msg_iov = &data, message.msg_iovlen = 1;
    message.msg_control = &control, message.msg_controllen = sizeof control;
    control.header.cmsg_level = SOL_SOCKET, control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    CHECK(sendmsg(socket, &message, 0) == 1);
}

static int receive_descriptor(int socket)
{
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control;
    char byte;
    int descriptor;
    struct iovec data = {&byte, 1};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &data, message.msg_iovlen = 1;
    message.msg_control = &control, message.msg_controllen = sizeof control;
    CHECK(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1);
    memcpy(&descriptor, CMSG_DATA(&control.header), sizeof descriptor);
    return descriptor;
}

int main(void)
{
    int sockets[2], ready[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0 && pipe(ready) == 0);
    pid_t maker = fork();
    if (maker == 0) {
        uint64_t shape[] = {2, 3};
        int descriptor = -1;
        shm_array_t *array = NULL;
        OK(shm_array_create(NULL, ">i4", 2, shape, NULL, &array));
        memcpy(view_of(array).data, "\0\0\0\7", 4);
        OK(shm_array_fd(array, &descriptor));
        send_descriptor(sockets[1], descriptor);
        CHECK(close(descriptor) == 0);
        OK(shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, FOREVER));
        tell(ready);
        pause();
    }
    int descriptor = receive_descriptor(sockets[0]);
    hear(ready);
    shm_array_t *array = NULL;
    OK(shm_array_open_fd(descriptor, SHM_ARRAY_WRITE, &array));
    CHECK(fcntl(descriptor, F_GETFD) >= 0); /* the caller's, still */
    CHECK(close(descriptor) == 0);
    shm_array_view_t view = view_of(array);
    CHECK(strcmp(view.dtype, ">i4") == 0 && view.shape[0] == 2 && view.shape[1] == 3);
    CHECK(memcmp(view.data, "\0\0\0\7", 4) == 0);
    CHECK(strcmp(shm_array_name(array), "") == 0);

    RC(EBUSY, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, 0));
    CHECK(kill(maker, SIGKILL) == 0 && end_of(maker) == -SIGKILL);
    RC(EOWNERDEAD, shm_array_lock(array, SHM_ARRAY_EXCLUSIVE, SECONDS(5)));
    OK(shm_array_recover(array));
    OK(shm_array_unlock(array));
    memcpy(view.data, "\0\0\0\10", 4); /* the array lives on in who has it */
    shm_array_close(array);
    return 0;
}
