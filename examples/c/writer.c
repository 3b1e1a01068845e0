/* writer.c - makes an array that other processes can open, in C or Python. */
#include <shm_array.h>
#include <stdio.h>

int main(void)
{
    uint64_t shape[] = {1000, 1000};
    shm_array_t *array;
    shm_array_view_t view = {.size = sizeof view};
    if (shm_array_create("temperature", "<f8", 2, shape, NULL, &array) || shm_array_view(array, &view))
        return fprintf(stderr, "%s\n", shm_array_error_detail()), 1;
    double *celsius = view.data;
    for (uint64_t i = 0; i < view.count; i++)
        celsius[i] = (double)(i / 1000);
    shm_array_close(array);
}
