/* control_worker.c - does what its controller says, until it says STOP. Any number of them may run. */
#include <shm_array.h>
#include <stdio.h>

int main(void)
{
    const char *names[] = {"START", "STOP", "RELOAD"};
    enum { START = 1, STOP = 2, RELOAD = 4 };
    shm_object_options_t options = {.size = sizeof options, .flags = SHM_OBJECT_OR_OPEN | SHM_OBJECT_LAST_CLOSE};
    shm_event_t *control;
    uint64_t said = 0;
    if (shm_event_create("control", names, 3, &options, &control))
        return fprintf(stderr, "%s\n", shm_array_error_detail()), 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    shm_event_wait(control, START, SHM_EVENT_ANY, -1, NULL); /* it stays set: who comes late sees it, too */
    printf("started\n");
    while (!shm_event_wait(control, STOP | RELOAD, SHM_EVENT_ANY, -1, &said) && !(said & STOP))
        printf("reloaded\n"); /* a pulse reaches all who wait, once */
    printf("stopped\n");
    shm_event_close(control);
}
