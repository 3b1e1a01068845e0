/* control_controller.c START|STOP|RELOAD - says one word to all workers. */
#include <shm_array.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **words)
{
    shm_event_t *control;
    uint64_t bit;
    if (count != 2 || shm_event_open("control", SHM_OBJECT_WRITE, &control))
        return fprintf(stderr, "usage: %s WORD, while a worker runs\n", words[0]), 1;
    if (shm_event_bit(control, words[1], &bit))
        return fprintf(stderr, "%s\n", shm_array_error_detail()), 1;
    int code = strcmp(words[1], "RELOAD") ? shm_event_set(control, bit) : shm_event_pulse(control, bit);
    shm_event_close(control);
    return code != 0;
}
