/* dtype_tag.c - an extension dtype such as bfloat16 travels as bytes with its name beside them. */
#include "given.h"

int main(void)
{
    char name[64];
    uint64_t shape[] = {4};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.dtype_tag = "bfloat16";
    OK(shm_array_create(unique_name(name, sizeof name), "|V2", 1, shape, &options, &array));
    CHECK(strcmp(view_of(array).dtype_tag, "bfloat16") == 0);
    shm_array_close(array);

    array = opened(name, SHM_ARRAY_READ);
    shm_array_view_t view = view_of(array);
    CHECK(strcmp(view.dtype, "|V2") == 0 && strcmp(view.dtype_tag, "bfloat16") == 0);
    CHECK(view.itemsize == 2 && view.nbytes == 8);
    shm_array_close(array);
    OK(shm_array_unlink(name));

    /* The name alone will do; a tag that is no name, or of another size, will not. */
    OK(shm_array_create(NULL, "bfloat16", 1, shape, NULL, &array));
    CHECK(strcmp(view_of(array).dtype, "|V2") == 0 && strcmp(view_of(array).dtype_tag, "bfloat16") == 0);
    shm_array_close(array);
    shm_array_t *untouched = (shm_array_t *)&shape;
    array = untouched;
    RC(SHM_ARRAY_ERR_DTYPE, shm_array_create(name, "|V4", 1, shape, &options, &array));
    SAYS("bfloat16");
    options.dtype_tag = "a b";
    RC(SHM_ARRAY_ERR_DTYPE, shm_array_create(name, "|V2", 1, shape, &options, &array));
    SAYS("a b");
    options.dtype_tag = "\xff";
    RC(EINVAL, shm_array_create(name, "|V2", 1, shape, &options, &array));
    SAYS("UTF-8");
    CHECK(array == untouched && !exists(name));
    return 0;
}
