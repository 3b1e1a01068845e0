/* reader.c - opens the array that a writer has made, in C or Python, and prints what is in it. */
#include <shm_array.h>
#include <stdio.h>

int main(void)
{
    shm_array_t *array;
    shm_array_view_t view = {.size = sizeof view};
    if (shm_array_open("temperature", SHM_ARRAY_READ, &array) || shm_array_view(array, &view))
        return fprintf(stderr, "%s\n", shm_array_error_detail()), 1;
    const double *celsius = view.data;
    double sum = 0;
    for (uint64_t i = 0; i < view.count; i++)
        sum += celsius[i];
    printf("%d x %d numbers, mean %.1f\n", (int)view.shape[0], (int)view.shape[1], sum / (double)view.count);
    shm_array_close(array);
}
