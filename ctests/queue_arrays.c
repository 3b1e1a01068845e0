/* queue_arrays.c - an array goes through a queue without being copied: all of it, or just the part that was sent. */
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64], queue_name[64], text[8];
        size_t len;
        uint64_t shape[] = {4, 6}, number = 5;
        shm_array_t *array = NULL, *part = NULL, *got = NULL;
        shm_queue_t *queue = new_queue(unique_name(queue_name, sizeof queue_name), 4, 512, (uint32_t)flags);
        OK(shm_array_create(unique_name(name, sizeof name), "<f8", 2, shape, NULL, &array));
        for (int i = 0; i < 24; i++)
            doubles(array)[i] = i;
        OK(shm_queue_send_array(queue, array, 0, 0, 0));
        RC(EBADMSG, shm_queue_receive(queue, text, sizeof text, 0, &len));
        SAYS("shm_queue_receive_array");
        OK(shm_queue_receive_array(queue, SHM_ARRAY_WRITE, 0, &got));
        CHECK(view_of(got).ndim == 2 && view_of(got).count == 24 && strcmp(shm_array_name(got), name) == 0);
        doubles(got)[23] = 1000;
        CHECK(doubles(array)[23] == 1000); /* the same memory */
        shm_array_close(got);

        int64_t start[] = {3, 1}, stop[] = {0, SHM_ARRAY_NONE}, step[] = {-2, 2};
        OK(shm_array_slice(array, 2, start, stop, step, &part));
        OK(shm_queue_send_array(queue, part, SECONDS(60), 0, 0));
        OK(shm_queue_send(queue, &number, 8, 0, 0));
        OK(shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &got));
        shm_array_view_t sent = view_of(part), view = view_of(got);
        CHECK(view.ndim == 2 && view.shape[0] == 2 && view.shape[1] == 3 && memcmp(view.strides, sent.strides, 16) == 0);
        CHECK(*(double *)view.data == 19 && !(view.flags & SHM_ARRAY_VIEW_WRITABLE));
        shm_array_close(got);
        RC(EBADMSG, shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &got));
        CHECK(receive_number(queue) == 5);
        RC(EAGAIN, shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &got));

        /* Unlinked, or another by now: the message goes, and says so. */
        OK(shm_queue_send_array(queue, array, 0, 0, 0));
        OK(shm_array_unlink(name));
        RC(ENOENT, shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &got));
        SAYS("dropped");
        OK(shm_queue_send_array(queue, array, 0, 0, 0));
        shm_array_close(new_doubles(name, 3));
        RC(ESTALE, shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &got));
        CHECK(count_of(queue) == 0);
        OK(shm_array_unlink(name));
        shm_array_close(part);
        shm_array_close(array);
        shm_queue_close(queue);
        OK(shm_queue_unlink(queue_name));
    }
    return 0;
}
