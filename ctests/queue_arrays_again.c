/* queue_arrays_again.c - who has an array open already gets another handle on it from a queue, and maps nothing. */
#include "queues.h"

int main(void)
{
    EACH_KIND(flags) {
        char name[64], queue_name[64];
        shm_queue_t *queue = new_queue(unique_name(queue_name, sizeof queue_name), 4, 512, (uint32_t)flags);
        shm_array_t *array = NULL, *part = NULL, *got = NULL, *again = NULL;
        shm_array_options_t options;
        uint64_t shape[] = {6};
        memset(&options, 0, sizeof options);
        options.size = sizeof options;
        options.flags = SHM_ARRAY_LAST_CLOSE;
        OK(shm_array_create(unique_name(name, sizeof name), "<f8", 1, shape, &options, &array));

        /* Open for writing: the same elements at the same address, also of a part. */
        OK(shm_queue_send_array(queue, array, 0, 0, 0));
        OK(shm_queue_receive_array(queue, SHM_ARRAY_WRITE, 0, &got));
        CHECK(view_of(got).data == view_of(array).data && view_of(got).count == 6);
        int64_t start[] = {2}, stop[] = {6}, step[] = {1};
        OK(shm_array_slice(array, 1, start, stop, step, &part));
        OK(shm_queue_send_array(queue, part, 0, 0, 0));
        OK(shm_queue_receive_array(queue, SHM_ARRAY_WRITE, 0, &again));
        CHECK(doubles(again) == doubles(array) + 2 && view_of(again).count == 4);
        shm_array_close(part);

        /* A handle of its own: it holds its own locks, and outlives the others. */
        OK(shm_array_lock(got, SHM_ARRAY_EXCLUSIVE, 0));
        RC(EPERM, shm_array_unlock(array));
        RC(EBUSY, shm_array_lock(again, SHM_ARRAY_EXCLUSIVE, 0));
        OK(shm_array_unlock(got));
        shm_array_close(again);
        shm_array_close(array);
        doubles(got)[5] = 7;

        /* Open in another way: mapped anew, with no more rights than were asked for. */
        OK(shm_queue_send_array(queue, got, 0, 0, 0));
        OK(shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &array));
        CHECK(view_of(array).data != view_of(got).data && !(view_of(array).flags & SHM_ARRAY_VIEW_WRITABLE));
        OK(shm_queue_send_array(queue, got, 0, 0, 0));
        OK(shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &again));
        CHECK(view_of(again).data == view_of(array).data && doubles(again)[5] == 7);
        shm_array_close(again);
        OK(shm_queue_send_array(queue, got, 0, 0, 0));
        OK(shm_queue_receive_array(queue, SHM_ARRAY_COPY_ON_WRITE, 0, &again));
        doubles(again)[5] = 8;
        CHECK(view_of(again).data != view_of(array).data && doubles(got)[5] == 7);
        shm_array_close(array);

        /* What this process has changed for itself alone is nobody's else. */
        OK(shm_queue_send_array(queue, got, 0, 0, 0));
        OK(shm_queue_receive_array(queue, SHM_ARRAY_READ, 0, &array));
        CHECK(doubles(array)[5] == 7 && !(view_of(array).flags & SHM_ARRAY_VIEW_WRITABLE));
        shm_array_close(again);
        shm_array_close(array);

        /* Nobody kept anything: after the last handle the array goes. */
        shm_array_close(got);
        RC(ENOENT, shm_array_open(name, SHM_ARRAY_READ, &got));
        shm_queue_close(queue);
        OK(shm_queue_unlink(queue_name));
    }
    return 0;
}
