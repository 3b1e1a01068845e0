/* damage_parcels.c - an array's handle that somebody changed on its way is refused, or opens what is there. */
#include "queues.h"
#include <sys/mman.h>

enum { OFFSET = 32, AXES = 40, PARCEL = 256 }; /* as docs of the parcel have it: numbers of 4 bytes, then of 8, then the name */

/* Where the only message of a queue lies in its file: what a message of the queue holds is found there. */
static unsigned char *found(unsigned char *bytes, size_t length, const void *what, size_t len)
{
    for (size_t at = 0; at + PARCEL < length; at += 64)
        if (memcmp(bytes + at, what, len) == 0)
            return bytes + at;
    CHECK(!"the message is in the file");
    return NULL;
}

static uint64_t sum_of(const shm_array_t *array)
{
    shm_array_view_t view;
    memset(&view, 0, sizeof view);
    view.size = sizeof view;
    OK(shm_array_view(array, &view));
    uint64_t sum = 0, step = view.count / 1000 + 1; /* a part may repeat one row ever so often */
    for (uint64_t i = 0; i < view.count && view.ndim == 1; i += step)
        for (uint64_t byte = 0; byte < view.itemsize; byte++) /* each can be read, wherever it is said to be */
            sum += ((unsigned char *)view.data)[(int64_t)i * view.strides[0] + (int64_t)byte];
    return sum;
}

static const uint64_t VALUES[] = {0, 1, 7, 64, 65, 1000, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 61};

int main(void)
{
    char name[64];
    shm_queue_t *queue = new_queue(NULL, 1, PARCEL, 0);
    shm_array_t *array = new_doubles(unique_name(name, sizeof name), 100), *part = NULL, *received = NULL;
    int64_t begin[] = {10}, end[] = {20}, step[] = {1};
    OK(shm_array_slice(array, 1, begin, end, step, &part));
    struct stat facts;
    int fd, refused = 0, opened = 0;
    OK(shm_queue_fd(queue, &fd));
    CHECK(fstat(fd, &facts) == 0);
    size_t length = (size_t)facts.st_size;
    unsigned char *bytes = (unsigned char *)mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(bytes != MAP_FAILED && close(fd) == 0);

    const uint32_t first_words[] = {1, 1};
    for (int whole = 0; whole < 2; whole++) {
        size_t fields = whole ? AXES : AXES + 16;
        for (size_t at = 0; at < fields + strlen(name); at += 4) {
            for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
                OK(shm_queue_send_array(queue, whole ? array : part, 0, 0, 0));
                uint32_t head[2] = {first_words[0], whole ? UINT32_MAX : first_words[1]};
                unsigned char *parcel = found(bytes, length, head, sizeof head);
                memcpy(parcel + at, &VALUES[i], at >= OFFSET && at < fields ? 8 : 4);
                int code = shm_queue_receive_array(queue, SHM_ARRAY_WRITE, MILLISECONDS(100), &received);
                CHECK(code != SHM_ARRAY_ERR_PANIC && code != ETIMEDOUT);
                if (code == 0) {
                    CHECK(sum_of(received) == 0);
                    shm_array_close(received);
                    opened++;
                } else {
                    refused++;
                }
                /* What can never be opened is not in the way of others. */
                size_t len;
                memset(parcel, 0, PARCEL);
                RC(EAGAIN, shm_queue_receive(queue, bytes, 0, 0, &len));
            }
        }
    }
    CHECK(refused > 100 && opened > 0);
    CHECK(munmap(bytes, length) == 0);
    shm_array_close(part);
    shm_array_close(array);
    OK(shm_array_unlink(name));
    shm_queue_close(queue);
    return 0;
}
