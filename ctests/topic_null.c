/* topic_null.c - NULL, wrong figures, wrong dtypes, a handle for reading: words, and nothing is touched. */
#include "topics.h"

int main(void)
{
    char name[64];
    uint64_t number = 77;
    size_t len = 77;
    int descriptor = 77;
    shm_topic_t *untouched = (shm_topic_t *)&number, *out = untouched, *topic = NULL;
    shm_topic_stat_t figures;
    memset(&figures, 0x55, sizeof figures), figures.size = sizeof figures;
    shm_object_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.flags = SHM_OBJECT_OR_OPEN;
    unique_name(name, sizeof name);

    RC(EINVAL, shm_topic_create(name, 0, 8, NULL, 0, NULL, &out));
    RC(EINVAL, shm_topic_create(name, 4, 0, NULL, 0, NULL, &out));
    RC(EINVAL, shm_topic_create(name, UINT64_MAX, 8, NULL, 0, NULL, &out));
    RC(EINVAL, shm_topic_create(name, 4, 8, NULL, 2, NULL, &out));
    RC(EINVAL, shm_topic_create(name, 4, 8, NULL, 0, NULL, NULL));
    RC(EINVAL, shm_topic_create(name, 4, 7, "<f8", 0, NULL, &out));
    RC(SHM_ARRAY_ERR_DTYPE, shm_topic_create(name, 4, 8, "object", 0, NULL, &out));
    RC(ENOENT, shm_topic_open(name, SHM_OBJECT_READ, &out));
    CHECK(!exists(name) && out == untouched);

    OK(shm_topic_create(name, 4, 24, "<f8", SHM_TOPIC_KEEP, NULL, &topic));
    CHECK(strcmp(shm_topic_dtype(topic), "<f8") == 0 && strcmp(shm_topic_name(topic), name) == 0);
    RC(EEXIST, shm_topic_create(name, 4, 24, "<f8", 0, &options, &out));
    SAYS("slow the publisher");
    RC(EEXIST, shm_topic_create(name, 4, 24, "<f4", SHM_TOPIC_KEEP, &options, &out));
    OK(shm_topic_create(name, 4, 24, "float64", SHM_TOPIC_KEEP, &options, &out));
    shm_topic_close(out);
    RC(SHM_ARRAY_ERR_DTYPE, shm_topic_open_typed(name, NULL, SHM_OBJECT_READ, &out));
    OK(shm_topic_open_typed(name, "f8", SHM_OBJECT_READ, &out));
    RC(EACCES, shm_topic_publish(out, &number, 8, FOREVER));
    RC(EACCES, shm_topic_subscribe(out, FOREVER));
    RC(EACCES, shm_topic_finish(out));
    CHECK(topic_stat_of(out).itemsize == 8 && topic_stat_of(out).capacity == 4);
    shm_topic_close(out);
    out = untouched;
    RC(SHM_ARRAY_ERR_DTYPE, shm_topic_publish(topic, &number, 7, 0));
    RC(EMSGSIZE, shm_topic_publish(topic, &number, 32, 0));
    SAYS("24");

    RC(EINVAL, shm_topic_open(NULL, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_topic_open(name, SHM_OBJECT_READ, NULL));
    RC(EINVAL, shm_topic_open(name, 0, &out));
    RC(EINVAL, shm_topic_open_typed(NULL, NULL, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_topic_open_fd(0, SHM_OBJECT_READ, NULL));
    RC(EBADF, shm_topic_open_fd(-1, SHM_OBJECT_READ, &out));
    RC(EINVAL, shm_topic_fd(NULL, &descriptor));
    RC(EINVAL, shm_topic_fd(topic, NULL));
    RC(EINVAL, shm_topic_publish(NULL, &number, 8, 0));
    RC(EINVAL, shm_topic_publish(topic, NULL, 8, 0));
    RC(EINVAL, shm_topic_subscribe(NULL, 0));
    OK(shm_topic_subscribe(topic, 0));
    RC(EINVAL, shm_topic_receive(NULL, &number, 8, 0, &len, NULL));
    RC(EINVAL, shm_topic_receive(topic, NULL, 8, 0, &len, NULL));
    RC(EINVAL, shm_topic_receive(topic, &number, 8, 0, NULL, NULL));
    RC(EINVAL, shm_topic_finish(NULL));
    RC(EINVAL, shm_topic_count(NULL, &number));
    RC(EINVAL, shm_topic_count(topic, NULL));
    RC(EINVAL, shm_topic_stat(NULL, &figures));
    RC(EINVAL, shm_topic_stat(topic, NULL));
    RC(EINVAL, shm_topic_unlink(NULL));
    CHECK(shm_topic_name(NULL) == NULL && shm_topic_dtype(NULL) == NULL);
    shm_topic_close(NULL);
    CHECK(out == untouched && number == 77 && len == 77 && descriptor == 77 && figures.capacity == 0x5555555555555555);

    OK(shm_topic_fd(topic, &descriptor));
    OK(shm_topic_open_fd(descriptor, SHM_OBJECT_WRITE, &out));
    CHECK(close(descriptor) == 0);
    publish_number(out, 5);
    CHECK(hear_number(topic, 0) == 5);
    shm_topic_close(out);
    shm_topic_close(topic);
    OK(shm_topic_unlink(name));
    return 0;
}
