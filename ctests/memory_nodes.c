/* memory_nodes.c - memory comes from the nodes that were asked for, in every process; nodes that are not are refused. */
#include "given.h"
#include <sys/syscall.h>

enum { BYTES = 24 << 20, FOR_ADDRESS = 2 /* MPOL_F_ADDR */ };

/* As the kernel numbers them in <linux/mempolicy.h>. */
static const struct { uint32_t ours; uint64_t nodes; int kernels; } policies[] = {
    {SHM_ARRAY_NUMA_BIND, 1, 2}, {SHM_ARRAY_NUMA_INTERLEAVE, 1, 3}, {SHM_ARRAY_NUMA_LOCAL, 0, 4}};

static int has_nodes(void) { return access("/sys/devices/system/node/node0", F_OK) == 0; }

/* What the kernel says of a place in memory: its policy, and the nodes of that. */
static void check_policy(void *place, int kernels, uint64_t nodes)
{
    int policy = -1;
    unsigned long mask[16] = {0}; /* 1,024 nodes */
    long done = syscall(SYS_get_mempolicy, &policy, mask, sizeof mask * 8, place, FOR_ADDRESS);
    if (done != 0 && errno == ENOSYS)
        return; /* a kernel without nodes */
    CHECK(done == 0);
    CHECK(policy == kernels);
    CHECK(mask[0] == nodes);
}

/* On which node a page lies. */
static void check_node(void *place)
{
    int node = -1;
    if (syscall(SYS_move_pages, 0, 1UL, &place, NULL, &node, 0) == 0)
        CHECK(node == 0);
}

static void check_array(const shm_array_t *array, int kernels, uint64_t nodes)
{
    unsigned char *bytes = (unsigned char *)view_of(array).data;
    memset(bytes, 1, BYTES);
    const size_t places[] = {0, BYTES / 2 + 12345, BYTES - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        unsigned char *page = bytes + places[i] - (uintptr_t)(bytes + places[i]) % 4096;
        check_policy(page, kernels, nodes);
        if (has_nodes() && access("/sys/devices/system/node/node1", F_OK) != 0)
            check_node(page);
    }
}

static void made_and_opened(const char *name, uint32_t flags)
{
    uint64_t shape[] = {BYTES};
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        shm_array_options_t options = no_options();
        shm_array_t *array = NULL;
        options.flags = flags;
        options.numa = policies[i].ours;
        options.numa_nodes = policies[i].nodes;
        OK(shm_array_create(name, "|u1", 1, shape, &options, &array));
        check_array(array, policies[i].kernels, policies[i].nodes);
        if (name) {
            /* The policy is the file's: another process finds it. */
            pid_t child = fork();
            if (child == 0) {
                shm_array_t *same = opened(name, SHM_ARRAY_WRITE);
                check_array(same, policies[i].kernels, policies[i].nodes);
                shm_array_close(same);
                exit(0);
            }
            CHECK(end_of(child) == 0);
            OK(shm_array_unlink(name));
        }
        shm_array_close(array);
    }
}

static void refused(uint32_t numa, uint64_t nodes, const char *word)
{
    char name[64];
    uint64_t shape[] = {BYTES};
    shm_array_options_t options = no_options();
    shm_array_t *array = NULL;
    options.numa = numa;
    options.numa_nodes = nodes;
    unique_name(name, sizeof name);
    RC(EINVAL, shm_array_create(name, "|u1", 1, shape, &options, &array));
    SAYS(word);
    RC(ENOENT, shm_array_unlink(name));
}

int main(void)
{
    char name[64];
    const uint32_t ways[] = {0, SHM_ARRAY_RESERVE, SHM_ARRAY_LAZY, SHM_ARRAY_POPULATE};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        made_and_opened(unique_name(name, sizeof name), ways[i]);
        made_and_opened(NULL, ways[i]);
    }

    refused(SHM_ARRAY_NUMA_BIND, 0, "a bit a node");
    refused(SHM_ARRAY_NUMA_LOCAL, 1, "a bit a node");
    refused(0, 1, "a bit a node");
    refused(4, 1, "SHM_ARRAY_NUMA_");
    if (has_nodes() && access("/sys/devices/system/node/node63", F_OK) != 0) {
        refused(SHM_ARRAY_NUMA_BIND, UINT64_C(1) << 63, "numa_nodes");
        refused(SHM_ARRAY_NUMA_INTERLEAVE, UINT64_C(1) << 63, "numa_nodes");
    }
    return 0;
}
