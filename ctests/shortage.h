/* shortage.h - what the calls of an environment that is short of something may answer, and where they try it. */
#ifndef SHORTAGE_H
#define SHORTAGE_H

#include "given.h"

/* Where a file may lie; file:// names in it, of an array and of the other objects; arrays and objects that were made. */
static char directory[64], file_name[96], object_file_name[96];
static int created, objects_created;
static char rows[1 << 16];

/* What a call may say when something is short, or 0. */
static int shortage(int code)
{
    const int known[] = {0,      ENOSPC, ENOMEM, EFBIG,   ENOENT,     EEXIST, EINVAL,    EPERM,  EACCES, EMFILE,
                         EROFS,  ESTALE, EUSERS, ENODATA, EOPNOTSUPP, EBUSY,  ETIMEDOUT, EAGAIN, EPIPE,  EBADMSG};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (code == known[i]) {
            CHECK(code == 0 || strlen(shm_array_error_detail()) > 10);
            return code;
        }
    check_at(__FILE__, __LINE__, shm_array_error_detail());
    check_code(0, code);
    return code;
}

/* Looks at a notifying descriptor, if there is one, and ends it. */
static void notified(int code, int fd)
{
    if (shortage(code) != 0)
        return;
    readable(fd, 0);
    OK(shm_notify_close(fd));
}

/* An object's own descriptor, if there is one: a lease for who is on the way to it, and his arrival. */
static int described(int code, int fd)
{
    if (shortage(code) != 0)
        return -1;
    shortage(shm_object_lease(fd, SECONDS(1)));
    shortage(shm_object_arrived(fd));
    return fd;
}
#endif
