/* shm_array.h - big n-dimensional arrays, shared between processes on one machine.
 *
 * Every array is a valid .npy file that several processes map; its lock survives the death of any holder.
 * Generated from the Rust sources by cbindgen: do not edit.
 *
 * Conventions, for every function:
 *
 *   Errors     `int` is 0, a positive errno, or a negative SHM_ARRAY_ERR_*; out parameters are untouched on
 *              failure. shm_array_strerror() has a short text for each, shm_array_error_detail() the thread's
 *              last failure in full, with figures. NULL where a value is needed is EINVAL.
 *   Ownership  What an out parameter receives is the caller's, to be closed once. Pointers inside a view or an
 *              entry are borrowed.
 *   Threads    Handles may be used by all threads at once, except while one closes them.
 *   Fork       A child may use its parent's handles; it holds none of its parent's locks.
 *   Pointers   Texts end in NUL. What is passed is NULL, where that is allowed or answered with EINVAL, or valid: handles
 *              open, arrays as long as said, out parameters writable.
 *   Structs    Each begins with `size`, which the caller sets to sizeof(the struct), zeroing the rest.
 *   Units      Shapes are in elements; sizes, offsets and strides in bytes; times in nanoseconds.
 */

#ifndef SHM_ARRAY_H
#define SHM_ARRAY_H

#include <stddef.h>
#include <stdint.h>

// One handle on an opened array. Those made by shm_array_slice() share its mapping, which lives as long as any.
typedef struct shm_array_t shm_array_t;

// One handle on an opened semaphore.
typedef struct shm_semaphore_t shm_semaphore_t;

// One handle on an opened barrier.
typedef struct shm_barrier_t shm_barrier_t;

// One handle on an opened event.
typedef struct shm_event_t shm_event_t;

// One handle on opened frames.
typedef struct shm_frames_t shm_frames_t;

// One handle on an opened queue.
typedef struct shm_queue_t shm_queue_t;

// One handle on an opened pipe.
typedef struct shm_pipe_t shm_pipe_t;

// One handle on an opened topic.
typedef struct shm_topic_t shm_topic_t;


// Lock mode: alone.
#define SHM_ARRAY_EXCLUSIVE 1

// Lock mode: together with others who only read.
#define SHM_ARRAY_SHARED 2

// The last axis is the fastest, without gaps.
#define SHM_ARRAY_VIEW_C_CONTIGUOUS 1

// The first axis is the fastest, without gaps.
#define SHM_ARRAY_VIEW_F_CONTIGUOUS 2

// Each element lies as its type wants it.
#define SHM_ARRAY_VIEW_ALIGNED 4

// The elements may be written.
#define SHM_ARRAY_VIEW_WRITABLE 8

// Other processes see what is written.
#define SHM_ARRAY_VIEW_SHARED 16

// The most dimensions that an array can have (numpy 1 stops at 32).
#define SHM_ARRAY_MAX_NDIM 64

// A start, stop or step of a slice that is left out.
#define SHM_ARRAY_NONE INT64_MIN

// Conditions of an array, numbered from 0.
#define SHM_ARRAY_CONDITIONS 16

// Wait until one bit of the mask is set, at least.
#define SHM_EVENT_ANY 1

// Wait until every bit of the mask is set.
#define SHM_EVENT_ALL 2

// With one of these: clear the bits that ended the wait, in the same instant; of several waiters one gets them.
#define SHM_EVENT_CONSUME 4

// Bytes of a bit's name, with the zero at its end.
#define SHM_EVENT_NAME_ROOM 32

// Open for loads only: a store is a SIGSEGV.
#define SHM_ARRAY_READ 1

// Open for loads and stores that everybody sees.
#define SHM_ARRAY_WRITE 2

// Open for loads, and for stores that stay in this process.
#define SHM_ARRAY_COPY_ON_WRITE 4

// Map only: keep no descriptor, have no lock. For opening and creating.
#define SHM_ARRAY_UNTRACKED 8

// With SHM_ARRAY_WRITE: make a shared array of an ordinary .npy file.
#define SHM_ARRAY_ADOPT 16

// Map every page in advance, so that no touch is a page fault. For opening and creating.
#define SHM_ARRAY_POPULATE 32

// Keep every page in memory (mlock), as far as RLIMIT_MEMLOCK allows. For opening and creating.
#define SHM_ARRAY_MLOCK 64

// Create with the first axis fastest.
#define SHM_ARRAY_FORTRAN 256

// Create an array that goes when its last user closes it; the default lives until it is unlinked.
#define SHM_ARRAY_LAST_CLOSE 512

// Create, or open (SHM_ARRAY_WRITE) what exists with the same dtype, shape and order.
#define SHM_ARRAY_OR_OPEN 1024

// Create without reserving memory, for sparse data. A touch when memory has run out is a SIGBUS, as with plain mmap.
#define SHM_ARRAY_LAZY 2048

// Create with all memory reserved, but cleared only when it is touched; the default clears it at once where that gives
// huge pages.
#define SHM_ARRAY_RESERVE 4096

// Create without the name, in memory that travels by descriptor, where /dev/shm has no room for it.
#define SHM_ARRAY_UNNAMED 8192

// Create an array whose writers also wake, at once, those who opened it for reading and wait for a write: each unlock
// then asks the kernel (0.25 us). Without it such waiters look by themselves every 20 ms.
#define SHM_ARRAY_WAKES_READERS 16384

// In a listing: an array.
#define SHM_KIND_ARRAY 1

// In a listing: a semaphore.
#define SHM_KIND_SEMAPHORE 2

// In a listing: an event.
#define SHM_KIND_EVENT 3

// In a listing: a barrier.
#define SHM_KIND_BARRIER 4

// In a listing: a queue.
#define SHM_KIND_QUEUE 5

// In a listing: a pipe.
#define SHM_KIND_PIPE 6

// In a listing: a topic.
#define SHM_KIND_TOPIC 7

// In a listing: frames.
#define SHM_KIND_FRAMES 8

// Choose: /dev/shm, memory without a name, a file.
#define SHM_ARRAY_PLACE_AUTO 0

// In /dev/shm.
#define SHM_ARRAY_PLACE_SHM 1

// In a file, which the kernel pages to and from disk.
#define SHM_ARRAY_PLACE_FILE 2

// In memory without a name (memfd).
#define SHM_ARRAY_PLACE_MEMFD 3

// Advice: nothing special; takes the others back.
#define SHM_ARRAY_ADVICE_NORMAL 0

// Advice: the elements are passed through in order; read ahead.
#define SHM_ARRAY_ADVICE_SEQUENTIAL 1

// Advice: the elements are touched here and there; do not read ahead.
#define SHM_ARRAY_ADVICE_RANDOM 2

// Advice: the elements are needed soon; begin to read them.
#define SHM_ARRAY_ADVICE_WILL_NEED 3

// Advice: this process is done with the elements for now; those of a file are written and may leave memory.
#define SHM_ARRAY_ADVICE_DONE_WITH 4

// Begin to write to disk, and do not wait.
#define SHM_ARRAY_SYNC_START 1

// Write to disk, and wait until it is there.
#define SHM_ARRAY_SYNC_WAIT 2

// Memory from the nodes in `numa_nodes` only.
#define SHM_ARRAY_NUMA_BIND 1

// Memory in turn from each of the nodes in `numa_nodes`.
#define SHM_ARRAY_NUMA_INTERLEAVE 2

// Memory from the node of the processor that touches it first.
#define SHM_ARRAY_NUMA_LOCAL 3

// Open an object to look at it, and to wait.
#define SHM_OBJECT_READ 1

// Open an object to take part.
#define SHM_OBJECT_WRITE 2

// Create an object that goes when its last user closes it; the default lives until it is unlinked.
#define SHM_OBJECT_LAST_CLOSE 512

// Create, or open (SHM_OBJECT_WRITE) what exists of that name, if it is of the same make.
#define SHM_OBJECT_OR_OPEN 1024

// Create an object whose wakers also wake, at once, those who opened it for reading: each of their calls then asks the
// kernel (0.25 us). Without it such waiters look by themselves every 20 ms.
#define SHM_OBJECT_WAKES_READERS 16384

// Open a pipe for reading.
#define SHM_PIPE_READER 16

// Open a pipe for writing.
#define SHM_PIPE_WRITER 32

// So many bytes are written at once or not at all, as PIPE_BUF says of pipe(7).
#define SHM_PIPE_ATOMIC 4096

// Create a queue for one producer and one consumer at a time, which is faster. A place is its handle's until that is
// closed, or its process dead.
#define SHM_QUEUE_SPSC 1

// In figures: the queue is finished.
#define SHM_QUEUE_FINISHED 4

// The most messages that a queue can hold.
#define SHM_QUEUE_MAX_CAPACITY 262144

// The most priorities that a queue can have.
#define SHM_QUEUE_MAX_PRIORITIES 8

// In a message: a consumer had it before, and gave it back or died.
#define SHM_QUEUE_AGAIN 1

// In a message: it carries an array.
#define SHM_QUEUE_ARRAY 2

// The file is neither a shared array nor a .npy file.
#define SHM_ARRAY_ERR_FORMAT -10

// A shared array that is damaged: cut short, or with flipped bits.
#define SHM_ARRAY_ERR_CORRUPT -20

// Made by a newer version, or by a machine that lays out memory in another way.
#define SHM_ARRAY_ERR_VERSION -30

// The dtype is not understood, or cannot be shared.
#define SHM_ARRAY_ERR_DTYPE -40

// A bug in this library, caught at the boundary.
#define SHM_ARRAY_ERR_PANIC -90

// A count, as POSIX has it: anybody posts, anybody takes, and who took owes nothing.
#define SHM_SEMAPHORE_SIGNALLING 1

// A limit: who took a permit holds it until it posts, closes or dies; the permits of the dead come back.
#define SHM_SEMAPHORE_OWNED 2

// The largest count.
#define SHM_SEMAPHORE_MAX_VALUE 2147483647

// Take the shared lock for a snapshot where writers leave no time for one without.
#define SHM_ARRAY_SNAPSHOT_MAY_LOCK 1

// Create a topic that overwrites nothing which a living subscriber has not read: publishers wait for the slowest.
// Without it a slow subscriber loses the oldest messages, and is told how many.
#define SHM_TOPIC_KEEP 1

// In figures: the topic is finished.
#define SHM_TOPIC_FINISHED 4

// A walk through all arrays, as they stood when it began.
typedef struct shm_array_list_t shm_array_list_t;

// What `shm_array_create` may be asked for. Zero all that is not set; NULL options are all defaults.
typedef struct shm_array_options_t {
  // sizeof(shm_array_options_t).
  size_t size;
  // SHM_ARRAY_FORTRAN, _LAST_CLOSE, _OR_OPEN, _UNTRACKED, _WAKES_READERS, _LAZY or _RESERVE, _POPULATE, _MLOCK,
  // _UNNAMED.
  uint32_t flags;
  // The file's mode bits, whatever the umask is; 0: 0600.
  uint32_t permissions;
  // Length of the growing axis (the first in C order, the last in Fortran order) to keep room for; 0: as the shape.
  uint64_t capacity;
  // How many processes can lock at the same time; 0: 256; at most 1023.
  uint32_t slots;
  // 0.
  uint32_t reserved;
  // UTF-8 JSON, or NULL.
  const char *metadata;
  // Name of an extension dtype ("bfloat16"), or NULL.
  const char *dtype_tag;
  // Absolute path of a directory for files; NULL: what the environment variable SHM_ARRAY_DIR says.
  const char *directory;
  // SHM_ARRAY_PLACE_AUTO (0), _SHM, _FILE or _MEMFD.
  uint32_t placement;
  // On machines with several memory nodes: 0, SHM_ARRAY_NUMA_BIND, _INTERLEAVE or _LOCAL. Not for files on disk.
  uint32_t numa;
  // A bit a node, for _BIND and _INTERLEAVE.
  uint64_t numa_nodes;
} shm_array_options_t;

// Where the elements lie.
typedef struct shm_array_view_t {
  // sizeof(shm_array_view_t), set by the caller.
  size_t size;
  // The first element of this view; valid until the last handle over the mapping is closed.
  void *data;
  // numpy's type string or descr; borrowed from the handle.
  const char *dtype;
  // Name of the extension dtype, or ""; borrowed from the handle.
  const char *dtype_tag;
  // Bytes of one element.
  uint64_t itemsize;
  // Elements.
  uint64_t count;
  // count * itemsize.
  uint64_t nbytes;
  // SHM_ARRAY_VIEW_*.
  uint32_t flags;
  // Dimensions in use.
  uint32_t ndim;
  // Elements along each axis.
  uint64_t shape[64];
  // Bytes from one element to the next along each axis.
  int64_t strides[64];
} shm_array_view_t;

// What any object that is no array may be created with. Zero all that is not set; NULL options are all defaults.
typedef struct shm_object_options_t {
  // sizeof(shm_object_options_t).
  size_t size;
  // SHM_OBJECT_LAST_CLOSE, _OR_OPEN, _WAKES_READERS.
  uint32_t flags;
  // The file's mode bits, whatever the umask is; 0: 0600.
  uint32_t permissions;
  // How many processes can take part at the same time; 0: 256; at most 1023.
  uint32_t slots;
  // 0.
  uint32_t reserved;
} shm_object_options_t;

// What is going on at a barrier: for people and monitors.
typedef struct shm_barrier_stat_t {
  // sizeof(shm_barrier_stat_t), set by the caller.
  size_t size;
  // Meetings that have ended, well or not.
  uint64_t phase;
  // How many have to come.
  uint32_t participants;
  // How many have come to the next meeting.
  uint32_t arrived;
  // 1: a participant died, and nobody has reset the barrier.
  uint32_t broken;
  // Living processes that take part; `pids` has the first 64.
  uint32_t members;
  // Process ids, each in its own PID namespace.
  uint32_t pids[64];
} shm_barrier_stat_t;

// What is going on at an event.
typedef struct shm_event_stat_t {
  // sizeof(shm_event_stat_t), set by the caller.
  size_t size;
  // What is set.
  uint64_t bits;
  // Completed sets and pulses, since it was made.
  uint64_t generation;
  // The bits that can be set: those with names, or all where none has one.
  uint64_t usable;
} shm_event_stat_t;

// One frame.
typedef struct shm_frame_t {
  // sizeof(shm_frame_t), set by the caller.
  size_t size;
  // Where it lies, in C order and without gaps; NULL after shm_frames_copy_latest().
  void *data;
  // Bytes of one frame.
  uint64_t bytes;
  // The first frame is number 1; 0 while it is being filled.
  uint64_t number;
  // Frames between the last one that was had through this handle and this one; 0 for the first.
  uint64_t missed;
  // Which buffer it lies in: the index of the first axis of the .npy file.
  uint32_t buffer;
  // 0.
  uint32_t reserved;
} shm_frame_t;

// What frames look like, and how things stand.
typedef struct shm_frames_stat_t {
  // sizeof(shm_frames_stat_t), set by the caller.
  size_t size;
  // numpy's type string or descr; borrowed from the handle.
  const char *dtype;
  // Bytes of one element.
  uint64_t itemsize;
  // Bytes of one frame.
  uint64_t frame_bytes;
  // Number of the latest frame; 0: none yet.
  uint64_t latest;
  // How many buffers there are.
  uint32_t buffers;
  // Buffers that living readers have pinned.
  uint32_t pinned;
  // Buffers that living writers fill.
  uint32_t writing;
  // How many processes can take part.
  uint32_t slots;
  // 0.
  uint32_t reserved;
  // Dimensions of a frame.
  uint32_t ndim;
  // Elements along each axis of a frame.
  uint64_t shape[64];
} shm_frames_stat_t;

// What tells an array from every other one on this machine.
typedef struct shm_array_identity_t {
  // sizeof(shm_array_identity_t), set by the caller.
  size_t size;
  // The segment's random id; zeros for an ordinary .npy file.
  uint8_t id[16];
  // Device of the file, as stat(2) has it.
  uint64_t device;
  // Inode of the file.
  uint64_t inode;
  // Bytes from the file's start to the elements.
  uint64_t data_offset;
  // SHM_ARRAY_LAST_CLOSE, _ADOPT, as the array was made.
  uint32_t flags;
  // 0.
  uint32_t reserved;
} shm_array_identity_t;

// One array in a listing.
typedef struct shm_array_entry_t {
  // sizeof(shm_array_entry_t), set by the caller.
  size_t size;
  // As shm_array_open takes it; valid until the next call on the list.
  const char *name;
  // numpy's type string or descr; valid until the next call on the list.
  const char *dtype;
  // Bytes of one element.
  uint64_t itemsize;
  // Bytes of the whole file.
  uint64_t file_bytes;
  // Completed exclusive locks.
  uint64_t generation;
  // CLOCK_REALTIME, nanoseconds.
  int64_t created_ns;
  // The segment's random id.
  uint8_t id[16];
  // SHM_ARRAY_LAST_CLOSE, _FORTRAN, _ADOPT, as the array was made.
  uint32_t flags;
  // 1: at least one live process is attached.
  uint32_t attached;
  // The live exclusive holder, else 0.
  uint32_t lock_pid;
  // Dimensions in use.
  uint32_t ndim;
  // Elements along each axis.
  uint64_t shape[64];
  // SHM_KIND_*: what it is.
  uint32_t kind;
  // SHM_ARRAY_PLACE_SHM, or _FILE for one in the directory that SHM_ARRAY_DIR names.
  uint32_t placement;
  // 0.
  uint32_t reserved;
} shm_array_entry_t;

// What is going on at a pipe: for people and monitors.
typedef struct shm_pipe_stat_t {
  // sizeof(shm_pipe_stat_t), set by the caller.
  size_t size;
  // The segment's random id.
  uint8_t id[16];
  // Bytes that it can hold.
  uint64_t capacity;
  // Bytes that wait; about.
  uint64_t count;
  // Bytes written since the beginning; about.
  uint64_t written;
  // Bytes of the whole file.
  uint64_t file_bytes;
  // CLOCK_REALTIME, nanoseconds.
  int64_t created_ns;
  // Who made it, in its own PID namespace.
  uint32_t creator_pid;
  // SHM_OBJECT_LAST_CLOSE.
  uint32_t flags;
  // Handles for reading that living processes have. A handle opened with SHM_OBJECT_READ counts some of the dead too.
  uint32_t readers;
  // Handles for writing, in the same way.
  uint32_t writers;
} shm_pipe_stat_t;

// Who completed the last write of an array.
typedef struct shm_array_publish_t {
  // sizeof(shm_array_publish_t), set by the caller.
  size_t size;
  // Completed writes.
  uint64_t generation;
  // When the last of them was completed: CLOCK_REALTIME, nanoseconds, to some milliseconds; 0: never.
  int64_t published_ns;
  // How long ago that is, in nanoseconds.
  uint64_t age_ns;
  // Whose write it was, in its own PID namespace; 0: nobody has written yet.
  uint32_t pid;
  // 1: that process still lives.
  uint32_t alive;
} shm_array_publish_t;

// What is going on at a queue: for people and monitors.
typedef struct shm_queue_stat_t {
  // sizeof(shm_queue_stat_t), set by the caller.
  size_t size;
  // The segment's random id.
  uint8_t id[16];
  // Messages that it can hold, those included that are being filled or used.
  uint64_t capacity;
  // The longest message, in bytes.
  uint64_t message_bytes;
  // Bytes of one element of the messages' dtype; 1 where they are any bytes.
  uint64_t itemsize;
  // Messages that wait; about.
  uint64_t count;
  // Messages that are being filled or used; about.
  uint64_t out;
  // Messages sent since the beginning; about.
  uint64_t sent;
  // Bytes of the whole file.
  uint64_t file_bytes;
  // CLOCK_REALTIME, nanoseconds.
  int64_t created_ns;
  // Who made it, in its own PID namespace.
  uint32_t creator_pid;
  // SHM_QUEUE_SPSC, SHM_QUEUE_FINISHED, SHM_OBJECT_LAST_CLOSE.
  uint32_t flags;
  // How many priorities there are.
  uint32_t priorities;
  // 0.
  uint32_t reserved;
} shm_queue_stat_t;

// A message in place: one that was reserved and is to be filled, or one that was taken and is to be used.
typedef struct shm_queue_message_t {
  // sizeof(shm_queue_message_t), set by the caller.
  size_t size;
  // The bytes, aligned to 64; they are the caller's until it lets go of the message.
  void *data;
  // Bytes: of a message that was taken, as it was sent; of one that is reserved, room, which the caller sets to the
  // message's length before it commits.
  size_t len;
  // As it was sent; set it before committing. 0 is the least important.
  uint32_t priority;
  // SHM_QUEUE_AGAIN, _ARRAY.
  uint32_t flags;
  // What names the message: leave it alone.
  uint64_t token;
} shm_queue_message_t;

// What is going on at a semaphore: for people and monitors.
typedef struct shm_semaphore_stat_t {
  // sizeof(shm_semaphore_stat_t), set by the caller.
  size_t size;
  // SHM_SEMAPHORE_SIGNALLING or _OWNED.
  uint32_t kind;
  // What can be taken now.
  uint32_t value;
  // The largest count: the number of permits of an owned one.
  uint32_t limit;
  // Living processes that hold permits; `pids` and `held` have the first 64.
  uint32_t holders;
  // Permits that came back from the dead, since it was made.
  uint64_t reclaimed;
  // Process ids, each in its own PID namespace.
  uint32_t pids[64];
  // How many permits each of them holds.
  uint32_t held[64];
} shm_semaphore_stat_t;

// What is going on at an array: for people and monitors.
typedef struct shm_array_stat_t {
  // sizeof(shm_array_stat_t), set by the caller.
  size_t size;
  // The segment's random id.
  uint8_t id[16];
  // Completed exclusive locks.
  uint64_t generation;
  // Bytes from the file's start to the elements.
  uint64_t data_offset;
  // Bytes that the elements may take.
  uint64_t capacity_bytes;
  // Bytes of the whole file.
  uint64_t file_bytes;
  // CLOCK_REALTIME, nanoseconds.
  int64_t created_ns;
  // Who made it, in its own PID namespace.
  uint32_t creator_pid;
  // SHM_ARRAY_LAST_CLOSE, _FORTRAN, _ADOPT, _WAKES_READERS, as the array was made.
  uint32_t flags;
  // Length of the slot table.
  uint32_t slots;
  // 0: free, SHM_ARRAY_EXCLUSIVE or SHM_ARRAY_SHARED.
  uint32_t lock;
  // The live exclusive holder, else 0.
  uint32_t lock_pid;
  // 1: a holder died while writing, and nobody has recovered yet.
  uint32_t inconsistent;
  // Processes known to be attached; `pids` has the first 64.
  uint32_t attached;
  // SHM_ARRAY_PLACE_SHM, _FILE or _MEMFD.
  uint32_t placement;
  // Process ids, as this process sees them.
  uint32_t pids[64];
  // Bytes that the file takes of memory or disk: fewer than `file_bytes` where it has holes; 0: not known.
  uint64_t allocated_bytes;
  // When the last write was completed: CLOCK_REALTIME, nanoseconds, to some milliseconds; 0: never.
  int64_t published_ns;
  // How long ago that is, in nanoseconds.
  uint64_t published_age_ns;
  // Whose write it was, in its own PID namespace; 0: nobody has written yet.
  uint32_t publisher_pid;
  // 1: that process still lives.
  uint32_t publisher_alive;
} shm_array_stat_t;

// What is going on at a topic: for people and monitors.
typedef struct shm_topic_stat_t {
  // sizeof(shm_topic_stat_t), set by the caller.
  size_t size;
  // The segment's random id.
  uint8_t id[16];
  // Messages that a subscriber can be behind.
  uint64_t capacity;
  // The longest message, in bytes.
  uint64_t message_bytes;
  // Bytes of one element of the messages' dtype; 1 where they are any bytes.
  uint64_t itemsize;
  // Messages published since the beginning.
  uint64_t published;
  // How many messages the slowest subscriber has not read.
  uint64_t behind;
  // Bytes of the whole file.
  uint64_t file_bytes;
  // CLOCK_REALTIME, nanoseconds.
  int64_t created_ns;
  // Who made it, in its own PID namespace.
  uint32_t creator_pid;
  // SHM_TOPIC_KEEP, SHM_TOPIC_FINISHED, SHM_OBJECT_LAST_CLOSE.
  uint32_t flags;
  // Subscribers; the dead among them until somebody needs their place, or would have to wait for them.
  uint32_t subscribers;
  // 0.
  uint32_t reserved;
} shm_topic_stat_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Create an array of zeros, and open it for writing.
//
// `name` is a POSIX shared-memory name ("temperature", /dev/shm/temperature), "file:///directory/x.npy", or NULL for
// memory without a name, which travels by descriptor. `dtype` is numpy's type string or descr ("<f8", "float64",
// "[('x', '<f4'), ('y', '<i4', (3,))]"). `shape` has `ndim` lengths in elements (NULL where `ndim` is 0).
//
// Memory: where it fits it is there, of 8 MiB and more in huge pages where the kernel can; see SHM_ARRAY_LAZY and
// SHM_ARRAY_RESERVE for other ways. What does not fit is refused, with the figure that is short and the remedy.
//
// Placement: with SHM_ARRAY_PLACE_AUTO a plain name is put into /dev/shm; where it does not fit there, into memory
// without a name, if SHM_ARRAY_UNNAMED allows that; else into a file of that name in `options->directory` or in the
// directory that the environment variable SHM_ARRAY_DIR names, if there is one. shm_array_placement() tells which.
// A plain name is looked for in /dev/shm, then in SHM_ARRAY_DIR; what lies in another directory is opened by its path.
//
// Returns:
//   0           `*out` is the array. Unless it is lazy, no later touch is a SIGBUS.
//   EEXIST      the name is taken.
//   ENOSPC      /dev/shm or the disk is full. ENOMEM: memory of the machine or of a control group, RLIMIT_AS,
//               RLIMIT_MEMLOCK. EFBIG: RLIMIT_FSIZE.
//   EINVAL      a bad name, flag, capacity, placement or metadata, or a shape of more than 64 dimensions or 2^63 bytes.
//   ENOENT      no /dev/shm, or no such directory. EACCES, EMFILE, EOPNOTSUPP (a network file system): as said.
//   SHM_ARRAY_ERR_DTYPE  the dtype is not understood, or holds Python objects.
//
// Ownership: the caller closes `*out`. Nothing half made stays behind on failure, or at any death.
// Since 0.1.
int shm_array_create(const char *name,
                     const char *dtype,
                     size_t ndim,
                     const uint64_t *shape,
                     const struct shm_array_options_t *options,
                     shm_array_t **out);

// Open an array that exists.
//
// `flags` is one of SHM_ARRAY_READ, SHM_ARRAY_WRITE, SHM_ARRAY_COPY_ON_WRITE, and perhaps SHM_ARRAY_UNTRACKED,
// SHM_ARRAY_ADOPT, SHM_ARRAY_POPULATE or SHM_ARRAY_MLOCK. An ordinary .npy file opens for reading and copy-on-write as it is.
//
// Returns:
//   0           `*out` is the array.
//   ENOENT      there is none of that name. EACCES, EMFILE, ELOOP (a symbolic link): as said.
//   EOPNOTSUPP  an ordinary .npy file, for writing, without SHM_ARRAY_ADOPT; a network file system.
//   EBUSY       the name is being replaced, for seconds.
//   ENOSPC      no room for the missing pages of a lazy array that is to be populated. ENOMEM: RLIMIT_AS, RLIMIT_MEMLOCK.
//   EINVAL      a bad name or flag.
//   SHM_ARRAY_ERR_FORMAT, _CORRUPT, _VERSION, _DTYPE  what is there cannot be used, and why.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_array_open(const char *name,
                   uint32_t flags,
                   shm_array_t **out);

// Open an array that exists, and tell where its elements lie: shm_array_open() and shm_array_view() in one call, which
// touches no memory of the array. For programs that open many, and for languages in which a call is dear.
//
// `flags` as for shm_array_open(). The view is that of the moment of opening.
//
// Returns:
//   0       `*out` is the array, and `*out_view` is filled, as far as its size says.
//   EINVAL  `out` or `out_view` is NULL, or `out_view->size` is no size. E2BIG: it is longer than known, and not zero
//           there.
//   else    what shm_array_open() returns; nothing is open then.
//
// Ownership: the caller closes `*out`; `out_view->data` is valid until the last handle over the mapping is closed.
// Since 0.1.
int shm_array_open_view(const char *name,
                        uint32_t flags,
                        shm_array_t **out,
                        struct shm_array_view_t *out_view);

// Where the elements lie, now.
//
// After somebody's resize ask again: the memory stays where it is, the shape is new.
//
// Returns:
//   0       `*out` is filled, as far as its size says.
//   EINVAL  `array` or `out` is NULL, or `out->size` is no size. E2BIG: it is longer than known, and not zero there.
//   SHM_ARRAY_ERR_CORRUPT  somebody has damaged the layout record.
//
// Ownership: borrows; `data` is valid until the last handle over the mapping is closed.
// Since 0.1.
int shm_array_view(const shm_array_t *array,
                   struct shm_array_view_t *out);

// Another handle on the same mapping: on a part of the array, by slices of its leading `naxes` axes. No copy.
//
// `start`, `stop` and `step` have `naxes` numbers each, as in Python's start:stop:step; each may be NULL, and each
// number SHM_ARRAY_NONE, for "left out". With `naxes` 0 it is a second handle on the same part.
//
// Returns:
//   EINVAL  more slices than dimensions, a step of 0, or NULL for `array` or `out`.
//
// Ownership: the caller closes `*out`; it outlives `array`, and holds locks of its own.
// Since 0.1.
int shm_array_slice(const shm_array_t *array,
                    size_t naxes,
                    const int64_t *start,
                    const int64_t *stop,
                    const int64_t *step,
                    shm_array_t **out);

// Take the array's lock, waiting at most `timeout_ns` nanoseconds.
//
// `mode` is SHM_ARRAY_EXCLUSIVE or SHM_ARRAY_SHARED. A negative timeout waits for ever; 0 only tries.
//
// Returns:
//   0           the caller holds the lock.
//   EOWNERDEAD  the caller holds the lock, and a holder died while writing: the elements may be half written. Repair
//               them, then call shm_array_recover(); until then every holder is told again.
//   ETIMEDOUT   not acquired in time (EBUSY where the timeout was 0).
//   EACCES      the array was opened with SHM_ARRAY_READ, or this process may not write the file (EROFS: nobody may).
//   EUSERS      more processes lock this array than it has slots.
//   EOPNOTSUPP  an untracked array, or an ordinary .npy file.
//   EINVAL      `array` is NULL, or `mode` is neither of the two.
//
// Ownership: borrows `array`. Pair each 0 or EOWNERDEAD with one shm_array_unlock().
// Threads:   any thread may call, and any thread may unlock through the same handle. Who locks what this process holds
//            already waits, like anybody else.
// Fork:      a child holds none of its parent's locks.
// Memory:    what was written before an unlock is visible after the next lock, in any process.
// Since 0.1.
int shm_array_lock(const shm_array_t *array,
                   uint32_t mode,
                   int64_t timeout_ns);

// Release what this handle holds: the lock, or one of its shared holds.
//
// Returns:
//   EPERM   this handle holds nothing (another one may; a forked child never does).
//   EINVAL  `array` is NULL.
//
// Since 0.1.
int shm_array_unlock(const shm_array_t *array);

// Declare the elements repaired after EOWNERDEAD, ranges included; the lock stays held.
//
// Returns:
//   EPERM   this handle does not hold the lock exclusively.
//   EINVAL  `array` is NULL.
//
// Since 0.1.
int shm_array_recover(const shm_array_t *array);

// Lock a range of rows, waiting at most `timeout_ns` nanoseconds.
//
// Exclusive ranges exclude all that overlap them, shared ones do not exclude each other, and ranges apart run side by
// side; overlapping ones are served in the order in which they came. A row is one index of the growing axis (the first
// in C order, the last in Fortran order) of the whole array, whatever part of it the handle shows; rows behind the
// present end, within the capacity, may be locked too. An array without dimensions has one row. The whole array's lock
// and ranges know each other: its exclusive holder excludes all ranges, its shared holders exclude exclusive ranges.
//
// Returns:
//   0           the caller holds the range.
//   EOWNERDEAD  the caller holds the range, and a holder of rows in it, or of the whole array, died while writing.
//               Repair them, then call shm_array_recover_range() (for the whole array: lock it, shm_array_recover());
//               until then everybody who locks such rows is told, and nobody else.
//   ETIMEDOUT   not acquired in time (EBUSY where the timeout was 0), or no room in the table of ranges: it has as many
//               records as the array has slots.
//   EINVAL      `array` is NULL, `mode` is unknown, `rows` is 0, or the range ends behind the capacity.
//   and EACCES, EUSERS, EOPNOTSUPP as shm_array_lock().
//
// Ownership: borrows `array`. Pair each 0 or EOWNERDEAD with one shm_array_unlock_range() of the same rows.
// Threads:   any thread may call, and any thread may unlock through the same handle, which may hold many ranges. Who
//            locks rows that this process holds already waits, like anybody else.
// Fork:      a child holds none of its parent's ranges.
// Memory:    what was written before an unlock is visible after the next lock of those rows, in any process.
// Since 0.1.
int shm_array_lock_range(const shm_array_t *array,
                         uint64_t first_row,
                         uint64_t rows,
                         uint32_t mode,
                         int64_t timeout_ns);

// Release a range, as it was locked.
//
// Returns:
//   EPERM   this handle holds no range of just these rows (another one may; a forked child never does).
//   EINVAL  `array` is NULL, or these can be no rows of it.
//
// Since 0.1.
int shm_array_unlock_range(const shm_array_t *array,
                           uint64_t first_row,
                           uint64_t rows);

// Declare rows repaired after EOWNERDEAD; the range stays held.
//
// Returns:
//   EPERM      this handle holds no exclusive range that contains these rows.
//   ENOSPC     they lie within a dead holder's rows, and the table of ranges has no room for both that remain.
//   ETIMEDOUT  a process that was stopped has been in the table of ranges for a second: try again.
//   EINVAL     `array` is NULL, or these can be no rows of it.
//
// Since 0.1.
int shm_array_recover_range(const shm_array_t *array,
                            uint64_t first_row,
                            uint64_t rows);

// The name, as shm_array_open() takes it; "" for anonymous memory, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_array_name(const shm_array_t *array);

// The creator's metadata, as JSON; NULL where there are none, or for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_array_metadata(const shm_array_t *array);

// Close a handle. NULL is fine.
//
// Releases what the handle holds. The memory goes when the last handle over the mapping is closed, and a last-close
// array with its last user. Since 0.1.
void shm_array_close(shm_array_t *array);

// Take an array's name away. Who has it open keeps it.
//
// Returns:
//   ENOENT  there is none of that name. EACCES, EPERM: it is another user's.
//   EINVAL  a bad name, or NULL.
//   SHM_ARRAY_ERR_FORMAT  the file is neither a shared array nor a .npy file: nothing was removed.
//
// Since 0.1.
int shm_array_unlink(const char *name);

// Take the name of an opened array away, unless it is another array's by now.
//
// Returns:
//   ESTALE  the name is another array's. EINVAL: the array is anonymous, or NULL.
//   and what shm_array_unlink() returns.
//
// Since 0.1.
int shm_array_funlink(const shm_array_t *array);

// Load one element.
//
// For all shm_array_atomic_*(): elements are integers of 1, 2, 4 or 8 bytes, or floats of 4 or 8, in this machine's
// byte order. `index` has `ndim` numbers, one for each axis, or one (`ndim` 1) for all elements in C order; negative
// ones count from the end. Values are passed by address, as C has them (`int64_t`, `float`, ...), and `size` is their
// sizeof, which must be the element's: so one function serves all types, from any language, and a value of the wrong
// size is an error. All are sequentially consistent, among all processes. They are no writes to the lock: generations
// and snapshots do not know of them.
//
// Returns:
//   0           `*out` is the element's value.
//   EOPNOTSUPP  elements of another type, of the other byte order, or not aligned (in an adopted or ordinary .npy
//               file).
//   ENOSPC      a lazy array, and no room is left for the page that the element lies in.
//   EINVAL      no such index, `size` is not the element's, or NULL.
//
// Ownership: borrows. The array may be open for reading.
// Since 0.1.
int shm_array_atomic_load(const shm_array_t *array,
                          size_t ndim,
                          const int64_t *index,
                          size_t size,
                          void *out);

// Store one element.
//
// Returns:
//   EACCES  the array was opened with SHM_ARRAY_READ.
//   and what shm_array_atomic_load() returns.
//
// Since 0.1.
int shm_array_atomic_store(const shm_array_t *array,
                           size_t ndim,
                           const int64_t *index,
                           size_t size,
                           const void *value);

// Replace one element, and learn what it was. `out_previous` may be NULL here and below.
//
// Returns what shm_array_atomic_store() returns. Since 0.1.
int shm_array_atomic_exchange(const shm_array_t *array,
                              size_t ndim,
                              const int64_t *index,
                              size_t size,
                              const void *value,
                              void *out_previous);

// Replace one element if it has exactly the bits of `*expected`.
//
// `*expected` becomes what the element was, and `*out_exchanged` 1 or 0: whether it was replaced. Bits are compared,
// so that a NaN is equal to itself, and 0.0 is not -0.0.
//
// Returns what shm_array_atomic_store() returns, and 0 whether it was replaced or not. Since 0.1.
int shm_array_atomic_compare_exchange(const shm_array_t *array,
                                      size_t ndim,
                                      const int64_t *index,
                                      size_t size,
                                      void *expected,
                                      const void *desired,
                                      int *out_exchanged);

// Add to one element. Integers wrap round.
//
// With an operand of 1 on a counter of 8 bytes it hands out numbers, each to one caller alone.
//
// Returns what shm_array_atomic_store() returns. Since 0.1.
int shm_array_atomic_fetch_add(const shm_array_t *array,
                               size_t ndim,
                               const int64_t *index,
                               size_t size,
                               const void *operand,
                               void *out_previous);

// Make one element the smaller one of itself and the operand.
//
// As numpy.fmin: a NaN is no number, and the other one is taken. Zeros of either sign are equal: the element stays.
//
// Returns what shm_array_atomic_store() returns. Since 0.1.
int shm_array_atomic_fetch_min(const shm_array_t *array,
                               size_t ndim,
                               const int64_t *index,
                               size_t size,
                               const void *operand,
                               void *out_previous);

// Make one element the larger one of itself and the operand; NaN as in shm_array_atomic_fetch_min().
//
// Returns what shm_array_atomic_store() returns. Since 0.1.
int shm_array_atomic_fetch_max(const shm_array_t *array,
                               size_t ndim,
                               const int64_t *index,
                               size_t size,
                               const void *operand,
                               void *out_previous);

// Keep the bits of one element that the operand has too. Integers only.
//
// Returns what shm_array_atomic_store() returns. Since 0.1.
int shm_array_atomic_fetch_and(const shm_array_t *array,
                               size_t ndim,
                               const int64_t *index,
                               size_t size,
                               const void *operand,
                               void *out_previous);

// Set those bits of one element that the operand has. Integers only.
//
// Returns what shm_array_atomic_store() returns. Since 0.1.
int shm_array_atomic_fetch_or(const shm_array_t *array,
                              size_t ndim,
                              const int64_t *index,
                              size_t size,
                              const void *operand,
                              void *out_previous);

// Turn those bits of one element over that the operand has. Integers only.
//
// Returns what shm_array_atomic_store() returns. Since 0.1.
int shm_array_atomic_fetch_xor(const shm_array_t *array,
                               size_t ndim,
                               const int64_t *index,
                               size_t size,
                               const void *operand,
                               void *out_previous);

// Create a meeting point for `participants` (1 to 65,535), and open it for taking part.
//
// `name` is as in shm_array_create(), NULL for anonymous memory. Processes take part, and threads: each call of
// shm_barrier_wait() is one arrival.
//
// Returns:
//   0       `*out` is the barrier.
//   EEXIST  the name is taken; with SHM_OBJECT_OR_OPEN: by a barrier for another number.
//   EINVAL  a bad name, number or option, or `out` is NULL.
//   and what shm_array_create() returns.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_barrier_create(const char *name,
                       uint32_t participants,
                       const struct shm_object_options_t *options,
                       shm_barrier_t **out);

// Open a barrier that exists: SHM_OBJECT_WRITE to take part, SHM_OBJECT_READ to look.
//
// Returns:
//   ENOENT  there is none of that name. EACCES, EMFILE: as said.
//   EINVAL  a bad name or flag, or NULL.
//   SHM_ARRAY_ERR_FORMAT  what has that name is no barrier; _CORRUPT, _VERSION: as said.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_barrier_open(const char *name,
                     uint32_t flags,
                     shm_barrier_t **out);

// Open the barrier that a descriptor stands for, from shm_barrier_fd() in another process.
//
// Returns:
//   EBADF   `fd` is no open descriptor.
//   and what shm_barrier_open() returns.
//
// Ownership: `fd` stays the caller's; the caller closes `*out`.
// Since 0.1.
int shm_barrier_open_fd(int fd,
                        uint32_t flags,
                        shm_barrier_t **out);

// A descriptor of the barrier, for another process.
//
// Returns:
//   EMFILE  too many descriptors. EINVAL: NULL.
//
// Ownership: the caller closes `*out_fd`, which is close-on-exec.
// Since 0.1.
int shm_barrier_fd(const shm_barrier_t *barrier,
                   int *out_fd);

// Be known as a participant from now on. Without it, a process is known from its first shm_barrier_wait(): if it dies
// before, the others wait for it.
//
// Returns:
//   EACCES  opened with SHM_OBJECT_READ. EUSERS: more processes take part than there are slots. EINVAL: NULL.
//   ETIMEDOUT  a process that was stopped while it came or went has been in the way for a second.
//
// Fork: a child does not take part through its parent; it joins, or waits, itself.
// Since 0.1.
int shm_barrier_join(const shm_barrier_t *barrier);

// Come, and wait at most `timeout_ns` nanoseconds until all have come; then the next meeting begins.
//
// A negative timeout waits for ever; with 0 only the last to come succeeds.
//
// Returns:
//   0           all have come. `*out_index`, unless that is NULL, is how many came before this one: 0 for the first,
//               the number of participants minus 1 for the last.
//   EOWNERDEAD  a participant died. All who wait are told, and all who come, until shm_barrier_reset().
//   ETIMEDOUT   not all came in time (EBUSY where the timeout was 0), or a process that was stopped while it came or
//               went (SIGSTOP, a debugger) has been in the way all the time, with a timeout of 0 for some
//               milliseconds; this one counts as not come.
//   ECANCELED   somebody called shm_barrier_reset().
//   EACCES      opened with SHM_OBJECT_READ. EUSERS: more processes take part than there are slots. EINVAL: NULL.
//
// Memory: what any of them wrote before it came is visible to all after.
// Since 0.1.
int shm_barrier_wait(const shm_barrier_t *barrier,
                     int64_t timeout_ns,
                     uint32_t *out_index);

// Begin anew: who waits is told ECANCELED, the dead are forgotten, and the next meeting needs all participants again.
//
// Returns:
//   EACCES  opened with SHM_OBJECT_READ. EINVAL: NULL.
//   ETIMEDOUT  a process that was stopped while it came or went has been in the way for a second.
//
// Since 0.1.
int shm_barrier_reset(const shm_barrier_t *barrier);

// How many have come, and who takes part. For people and monitors: nothing should be decided by it.
//
// Returns:
//   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_barrier_stat(const shm_barrier_t *barrier,
                     struct shm_barrier_stat_t *out);

// The name, as shm_barrier_open() takes it; "" for anonymous memory, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_barrier_name(const shm_barrier_t *barrier);

// Take a barrier's name away. Who has it open keeps it.
//
// Returns:
//   ENOENT  there is none of that name. EACCES, EPERM: it is another user's.
//   EINVAL  a bad name, or NULL.
//
// Since 0.1.
int shm_barrier_unlink(const char *name);

// Close a handle: it takes part no more, and is not missed as the dead are. NULL is fine.
//
// Since 0.1.
void shm_barrier_close(shm_barrier_t *barrier);

// Give the exclusive lock back, sleep until the condition is notified, and take the lock again.
//
// `condition` is a number below SHM_ARRAY_CONDITIONS, whose meaning its users agree on. A waiter may also wake without
// having been meant: look at what you wait for, and wait again, in a loop. A negative timeout waits for ever.
//
// Returns:
//   0           notified, or awake for no reason; the lock is held.
//   EOWNERDEAD  the lock is held, and a holder died while writing: see shm_array_lock(). Waiters learn of a death within
//               some 20 ms, though nobody notifies them.
//   ETIMEDOUT   not notified in time; the lock is held.
//   ENOLCK      the time is up, and others kept the lock for 20 ms beyond it: it is NOT held.
//   EPERM       this handle does not hold the lock exclusively.
//   EINVAL      `array` is NULL, or there is no such condition.
//
// Threads:   as shm_array_lock(); while it sleeps, other threads may lock through the same handle.
// Since 0.1.
int shm_array_condition_wait(const shm_array_t *array,
                             uint32_t condition,
                             int64_t timeout_ns);

// Wake those who wait for a condition: `count` of them at once (UINT32_MAX: all), any others within some 20 ms.
//
// Change what they wait for under the exclusive lock, and notify while you still hold it: then a kill at any instruction
// loses nothing. Whoever is killed between an unlock and a notification after it has notified nobody.
//
// Returns:
//   EINVAL  `array` is NULL, there is no such condition, or `count` is 0.
//   and EACCES, EOPNOTSUPP as shm_array_lock().
//
// Since 0.1.
int shm_array_condition_notify(const shm_array_t *array,
                               uint32_t condition,
                               uint32_t count);

// Create an event of 64 bits, none of them set, and open it for taking part.
//
// `bit_names` are `count` names for the lowest bits, each of 1 to 31 bytes; the others cannot be used then. NULL and 0:
// no names, and all 64 can be used. `name` is as in shm_array_create(), NULL for anonymous memory.
//
// Returns:
//   0       `*out` is the event.
//   EEXIST  the name is taken; with SHM_OBJECT_OR_OPEN: by an event with other bit names.
//   EINVAL  a bad name, bit name or option, more than 64 bit names, or `out` is NULL.
//   and what shm_array_create() returns.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_event_create(const char *name,
                     const char *const *bit_names,
                     size_t count,
                     const struct shm_object_options_t *options,
                     shm_event_t **out);

// Open an event that exists: SHM_OBJECT_WRITE to set and clear, SHM_OBJECT_READ to look and to wait.
//
// Returns:
//   ENOENT  there is none of that name. EACCES, EMFILE: as said.
//   EINVAL  a bad name or flag, or NULL.
//   SHM_ARRAY_ERR_FORMAT  what has that name is no event; _CORRUPT, _VERSION: as said.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_event_open(const char *name,
                   uint32_t flags,
                   shm_event_t **out);

// Open the event that a descriptor stands for, from shm_event_fd() in another process.
//
// Returns:
//   EBADF   `fd` is no open descriptor.
//   and what shm_event_open() returns.
//
// Ownership: `fd` stays the caller's; the caller closes `*out`.
// Since 0.1.
int shm_event_open_fd(int fd,
                      uint32_t flags,
                      shm_event_t **out);

// A descriptor of the event, for another process. (For one that becomes readable: shm_event_notify_fd().)
//
// Returns:
//   EMFILE  too many descriptors. EINVAL: NULL.
//
// Ownership: the caller closes `*out_fd`, which is close-on-exec.
// Since 0.1.
int shm_event_fd(const shm_event_t *event,
                 int *out_fd);

// The bit of that name.
//
// Returns:
//   ENOENT  no bit has that name; the words list those there are.
//   EINVAL  NULL.
//
// Since 0.1.
int shm_event_bit(const shm_event_t *event,
                  const char *name,
                  uint64_t *out_bit);

// The name of the bit 1 << `index`; NULL where it has none.
//
// Borrowed from the handle. Since 0.1.
const char *shm_event_bit_name(const shm_event_t *event,
                               uint32_t index);

// Set bits, and wake all who wait for them. They stay set until they are cleared or consumed.
//
// Returns:
//   EACCES  opened with SHM_OBJECT_READ.
//   EINVAL  NULL, no bit at all, or one without a name in an event with names.
//
// Memory: what was written before is visible after the wait that this ends.
// Since 0.1.
int shm_event_set(const shm_event_t *event,
                  uint64_t bits);

// Clear bits.
//
// Returns:
//   what shm_event_set() returns.
//
// Since 0.1.
int shm_event_clear(const shm_event_t *event,
                    uint64_t bits);

// Reach all who wait for these bits at this moment, and nobody who comes later: nothing stays set.
//
// Returns:
//   what shm_event_set() returns.
//
// Since 0.1.
int shm_event_pulse(const shm_event_t *event,
                    uint64_t bits);

// Wait at most `timeout_ns` nanoseconds for bits of `mask`. A negative timeout waits for ever; 0 only looks.
//
// `flags` is SHM_EVENT_ANY or SHM_EVENT_ALL, and perhaps SHM_EVENT_CONSUME. A bit that is set and cleared again before a
// waiter looks is not seen: to reach those who wait, pulse.
//
// Returns:
//   0          `*out_bits`, unless that is NULL, has the bits of the mask that came.
//   ETIMEDOUT  not in time (EBUSY where the timeout was 0).
//   EACCES     SHM_EVENT_CONSUME, and opened with SHM_OBJECT_READ.
//   EINVAL     NULL, a bad flag, no bit at all, or one without a name in an event with names.
//
// Threads: any number may wait.
// Latency: who opened it with SHM_OBJECT_READ looks every 20 ms, or is woken at once where the event was made with
//          SHM_OBJECT_WAKES_READERS. A setter that is killed half way delays a waiter by at most as much.
// Since 0.1.
int shm_event_wait(const shm_event_t *event,
                   uint64_t mask,
                   uint32_t flags,
                   int64_t timeout_ns,
                   uint64_t *out_bits);

// A descriptor that becomes readable when bits of `mask` are set (any, or all of them: `flags`), or, with SHM_EVENT_ANY,
// pulsed. For epoll, asyncio, libuv.
//
// Read it (8 bytes) first, then wait with a timeout of 0 until there is nothing. It says that something came, not that
// something is left: another may have consumed it. See shm_array_notify_fd().
//
// Returns:
//   EMFILE  each needs two descriptors. EINVAL: NULL, a bad flag, or bits as in shm_event_wait().
//
// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
// Since 0.1.
int shm_event_notify_fd(const shm_event_t *event,
                        uint64_t mask,
                        uint32_t flags,
                        int *out_fd);

// What is set, and how often something was.
//
// Returns:
//   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_event_stat(const shm_event_t *event,
                   struct shm_event_stat_t *out);

// The name, as shm_event_open() takes it; "" for anonymous memory, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_event_name(const shm_event_t *event);

// Take an event's name away. Who has it open keeps it.
//
// Returns:
//   ENOENT  there is none of that name. EACCES, EPERM: it is another user's.
//   EINVAL  a bad name, or NULL.
//
// Since 0.1.
int shm_event_unlink(const char *name);

// Close a handle. NULL is fine.
//
// Since 0.1.
void shm_event_close(shm_event_t *event);

// Create frames: `count` buffers (3 to 1024) of one dtype and shape, in which whole frames are published one after the
// other. Open for writing.
//
// A writer takes a buffer that nobody looks at (shm_frames_begin_write()), fills it in place, and makes it the latest
// (shm_frames_publish()). A reader pins the latest (shm_frames_acquire()), reads it in place for as long as it likes,
// and releases it. Nobody waits for anybody: with as many buffers as are pinned at once, one for each writer, and one
// more (for one writer and three readers: five) a writer always finds one. Who is killed leaves nothing behind: a
// half-filled buffer was never visible, and is used again, and so is what a dead reader had pinned.
//
// `name` is as in shm_array_create(); `dtype`, `ndim` and `shape` are those of one frame (at most 63 dimensions). The
// .npy file is an array of all buffers, of shape (count, *shape).
//
// Returns:
//   0       `*out` is open for writing.
//   EEXIST  the name is taken (with SHM_OBJECT_OR_OPEN: by frames of another dtype, shape or count).
//   EINVAL  a bad name, flag, count, shape or option, or NULL.
//   and what shm_array_create() returns.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_frames_create(const char *name,
                      const char *dtype,
                      size_t ndim,
                      const uint64_t *shape,
                      uint32_t count,
                      const struct shm_object_options_t *options,
                      shm_frames_t **out);

// Open frames that exist: SHM_OBJECT_WRITE to publish and to pin, SHM_OBJECT_READ to copy and to wait.
//
// Returns what shm_array_open() returns. The caller closes `*out`. Since 0.1.
int shm_frames_open(const char *name,
                    uint32_t flags,
                    shm_frames_t **out);

// Open the frames that a descriptor stands for; `fd` stays the caller's.
//
// Returns what shm_array_open_fd() returns. The caller closes `*out`. Since 0.1.
int shm_frames_open_fd(int fd,
                       uint32_t flags,
                       shm_frames_t **out);

// A descriptor of the frames, for another process; the caller closes it.
//
// Returns what shm_array_fd() returns. Since 0.1.
int shm_frames_fd(const shm_frames_t *frames,
                  int *out_fd);

// Take a buffer to fill: `out->data`, `out->bytes` long. It has whatever an older frame left in it.
//
// Never waits. Several buffers may be filled at the same time, by one handle or many.
//
// Returns:
//   0       `*out` is the caller's to fill, and then to publish or to cancel.
//   EAGAIN  all buffers are taken: pinned by living readers, being filled, or the latest. No reader loses what it
//           pinned.
//   EACCES  opened with SHM_OBJECT_READ. EUSERS: more processes take part than there are slots.
//   EINVAL  NULL, or `out->size` is no size.
//
// Ownership: the memory is valid until the handle is closed, and only written between this call and publish or cancel.
// Fork:      a child cannot publish what its parent has begun.
// Since 0.1.
int shm_frames_begin_write(const shm_frames_t *frames,
                           struct shm_frame_t *out);

// Make a frame that was begun the latest one, and wake who waits for it. Only `frame->buffer` is looked at.
//
// `*out_number` becomes its number; `out_number` may be NULL. Frames get their numbers in the order of publication.
//
// Returns:
//   EPERM   this handle is not filling that buffer.
//   EINVAL  NULL.
//
// Memory: what was written to the frame before is seen by whoever acquires it.
// Since 0.1.
int shm_frames_publish(const shm_frames_t *frames,
                       const struct shm_frame_t *frame,
                       uint64_t *out_number);

// Give a buffer that was begun back: nobody ever sees what is in it.
//
// Returns what shm_frames_publish() returns. Since 0.1.
int shm_frames_cancel(const shm_frames_t *frames,
                      const struct shm_frame_t *frame);

// Pin the latest frame, and look at it where it lies. No copy.
//
// Waits for one whose number is higher than `newer_than`: 0 for any, the last one's number for the next. What was
// published in between is skipped, and counted in `out->missed`. The frame stays as it is until it is released.
//
// Returns:
//   0          `*out` is a complete frame.
//   ETIMEDOUT  none was published in time (EAGAIN where the timeout was 0).
//   EAGAIN     writers published so fast, all the time, that none could be pinned.
//   EACCES     opened with SHM_OBJECT_READ, which cannot pin: shm_frames_copy_latest() copies.
//   EUSERS     more processes take part than there are slots. EINVAL: NULL, or `out->size` is no size.
//
// Ownership: the memory is valid and unchanged until shm_frames_release(); it is not written to.
// Fork:      a child cannot release what its parent has acquired, and must not look at it after that was released.
// Since 0.1.
int shm_frames_acquire(const shm_frames_t *frames,
                       uint64_t newer_than,
                       int64_t timeout_ns,
                       struct shm_frame_t *out);

// Let go of a frame that was acquired through this handle, once for each time. Only `frame->buffer` is looked at.
//
// Returns:
//   EPERM   this handle has not pinned that buffer.
//   EINVAL  NULL.
//
// Since 0.1.
int shm_frames_release(const shm_frames_t *frames,
                       const struct shm_frame_t *frame);

// Copy the latest frame into `destination`, which has room for `bytes`; `out` (which may be NULL) says which one it
// is.
//
// Waits as shm_frames_acquire() does. Works on handles that are open for reading too: they cannot keep writers from a
// buffer, so a frame that was overwritten while it was copied is given up for a newer one.
//
// Returns:
//   0          `destination` is one complete frame.
//   ETIMEDOUT  none was published in time (EAGAIN where the timeout was 0).
//   EAGAIN     each copy was overtaken: count - 1 frames are published faster than one is copied. `destination` may be
//              filled with anything.
//   EINVAL     not enough room, or NULL.
//
// Since 0.1.
int shm_frames_copy_latest(const shm_frames_t *frames,
                           uint64_t newer_than,
                           void *destination,
                           size_t bytes,
                           int64_t timeout_ns,
                           struct shm_frame_t *out);

// A descriptor that becomes readable when a frame newer than number `newer_than` is published, and at each one after it:
// for epoll, asyncio, libuv. See shm_array_notify_fd().
//
// Read it (8 bytes) first, then acquire or copy with a timeout of 0.
//
// Returns:
//   EMFILE  each needs two descriptors. EINVAL: NULL.
//
// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
// Fork:      a child asks for descriptors of its own.
// Since 0.1.
int shm_frames_notify_fd(const shm_frames_t *frames,
                         uint64_t newer_than,
                         int *out_fd);

// What frames look like, and how things stand: for whoever opens them, for people and monitors.
//
// Returns:
//   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_frames_stat(const shm_frames_t *frames,
                    struct shm_frames_stat_t *out);

// The name, as shm_frames_open() takes it; "" for anonymous memory, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_frames_name(const shm_frames_t *frames);

// Take the frames' name away. Who has them open keeps them.
//
// Returns what shm_array_unlink() returns. Since 0.1.
int shm_frames_unlink(const char *name);

// Close a handle: releases what it has acquired, and cancels what it has begun. NULL is fine.
//
// Since 0.1.
void shm_frames_close(shm_frames_t *frames);

// Open an array only if it is the segment with this id (16 bytes, from shm_array_stat()).
//
// Returns:
//   ESTALE  the name is another array's by now.
//   and what shm_array_open() returns.
//
// Since 0.1.
int shm_array_open_id(const char *name,
                      uint32_t flags,
                      const uint8_t *id,
                      shm_array_t **out);

// Open the array that a descriptor stands for: from shm_array_fd() in another process, or any open file.
//
// Returns:
//   EBADF   `fd` is no open descriptor. EACCES: it cannot be written, and SHM_ARRAY_WRITE was asked for.
//   and what shm_array_open() returns.
//
// Ownership: `fd` stays the caller's; the caller closes `*out`.
// Since 0.1.
int shm_array_open_fd(int fd,
                      uint32_t flags,
                      shm_array_t **out);

// A descriptor of the array, for another process (by fork, or SCM_RIGHTS over a Unix socket).
//
// While it is open anywhere, a last-close array counts as used.
//
// Returns:
//   EOPNOTSUPP  the array is untracked. EMFILE: too many descriptors.
//   EINVAL      `array` or `out_fd` is NULL.
//
// Ownership: the caller closes `*out_fd`, which is close-on-exec.
// Since 0.1.
int shm_array_fd(const shm_array_t *array,
                 int *out_fd);

// What tells an array from every other one on this machine. Costs no system call.
//
// A receiver who opens a name compares: a name can be used again, and a copy of a file has the same id as the file.
//
// Returns:
//   EINVAL  `array` or `out` is NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_array_identity(const shm_array_t *array,
                       struct shm_array_identity_t *out);

// Keep the array although nobody may be attached: for one receiver who is still on the way to it.
//
// Who sends an array's name to another process, and may close the array before that process has opened it, takes a
// lease first. For at most `duration_ns` nanoseconds neither the last user's close nor shm_array_collect() removes the
// array; shm_array_unlink() still does. Each call counts for one receiver: the leases end when shm_array_arrived() was
// called as often, or at the latest deadline. An array that nobody came for by then goes with the next
// shm_array_collect().
//
// Returns:
//   0           the lease is written into the array, and survives this process.
//   EINVAL      `array` is NULL, or `duration_ns` is not in 1 .. 24 hours.
//   EACCES      the array was opened with SHM_ARRAY_READ, and this process may not write the file (EROFS: nobody may).
//   EOPNOTSUPP  an ordinary .npy file; an untracked array that was not opened with SHM_ARRAY_WRITE.
//
// Since 0.1.
int shm_array_lease(const shm_array_t *array,
                    int64_t duration_ns);

// Say that a receiver whom shm_array_lease() was called for has opened the array: from now on he keeps it himself.
//
// Where no lease is out, nothing happens.
//
// Returns: as shm_array_lease(). Since 0.1.
int shm_array_arrived(const shm_array_t *array);

// Begin a walk through all arrays with a plain name (in /dev/shm, or where SHM_ARRAY_DIR says) that this user may read.
//
// Returns:
//   0       `*out` is the walk: pass it to shm_array_list_next(), and close it.
//   EINVAL  `out` is NULL. EACCES: /dev/shm, or the directory that SHM_ARRAY_DIR names, cannot be listed.
//
// Ownership: the caller closes `*out`.
// Threads:   one thread at a time uses a walk.
// Since 0.1.
int shm_array_list(struct shm_array_list_t **out);

// The next array of a walk.
//
// Returns:
//   0        `*out` is filled; its pointers are valid until the next call on `list`.
//   ENODATA  there are no more.
//   EINVAL   `list` or `out` is NULL, or `out->size` is no size.
//   E2BIG    `out` is longer than this version knows, and not zero there.
//
// Since 0.1.
int shm_array_list_next(struct shm_array_list_t *list,
                        struct shm_array_entry_t *out);

// End a walk. NULL is fine. Since 0.1.
void shm_array_list_close(struct shm_array_list_t *list);

// Remove arrays that no live process uses.
//
// A negative `minimum_age_ns` removes last-close arrays only, which a killed process left behind. 0 or more also
// removes persistent ones that were created at least so many nanoseconds ago.
//
// Returns:
//   0       `*out_removed` (which may be NULL) says how many went.
//   EACCES  /dev/shm, or the directory that SHM_ARRAY_DIR names, cannot be listed.
//
// Since 0.1.
int shm_array_collect(int64_t minimum_age_ns,
                      uint64_t *out_removed);

// Where the elements live: SHM_ARRAY_PLACE_SHM, _FILE or _MEMFD; 0 for NULL.
//
// Since 0.1.
uint32_t shm_array_placement(const shm_array_t *array);

// Copy `bytes` bytes from `source` to the elements, from the byte `offset` on, with as many threads as help.
//
// The bytes are elements in the array's own order, type and byte order. It is what a memcpy() to the view's data does, at
// the speed of several processors; whoever wants others to see all or nothing holds the lock.
//
// Returns:
//   EACCES   the array was opened for reading only.
//   EINVAL   beyond the elements; a slice with gaps; NULL.
//   ENOSPC   a lazy array for which there is no room left; ENOMEM likewise.
//
// Threads:   the threads that help take no signals, and have ended when the call returns.
// Since 0.1.
int shm_array_copy_in(const shm_array_t *array,
                      uint64_t offset,
                      const void *source,
                      size_t bytes);

// Add `rows` entries of the growing axis (the first in C order, the last in Fortran order) behind the last one.
//
// `source` has `bytes` bytes, closely packed in the array's own order, type and byte order. Nothing moves: other
// processes' pointers stay valid, and they see the new shape in their next shm_array_view().
//
// Returns:
//   0       the array is `rows` longer, in its file as well.
//   EPERM   this handle does not hold the lock exclusively. EACCES: it was opened copy-on-write.
//   EINVAL  beyond the capacity; `bytes` is not what `rows` take; an adopted file; no dimensions; NULL.
//   ENOSPC  a lazy or trimmed array for which there is no room left. ENOMEM likewise. EFBIG: RLIMIT_FSIZE.
//
// A death on the way leaves the old length or the new one. Since 0.1.
int shm_array_append(const shm_array_t *array,
                     uint64_t rows,
                     const void *source,
                     size_t bytes);

// Give the growing axis (the first in C order, the last in Fortran order) another length, within the capacity.
//
// Elements stay where they are; new ones are what was there before. Other processes see the new shape in their next
// shm_array_view(), and their pointers stay valid.
//
// Returns:
//   EPERM       this handle does not hold the lock exclusively.
//   EINVAL      `length` is beyond the capacity; an adopted file; an array without dimensions; NULL.
//   EOPNOTSUPP  an ordinary .npy file.
//
// Since 0.1.
int shm_array_resize(const shm_array_t *array,
                     uint64_t length);

// Give back the memory or disk that the array keeps for growth; growing reserves it again, or fails with ENOSPC.
//
// What lies behind the last element reads as zero from now on. Who still uses a view from before a shrink reads zeros
// there, and a touch takes memory again.
//
// Returns:
//   EPERM       this handle does not hold the lock exclusively.
//   EOPNOTSUPP  an ordinary .npy file, or a file system that cannot punch holes.
//   EINVAL      NULL.
//
// Since 0.1.
int shm_array_trim(const shm_array_t *array);

// Tell the kernel how this process will use `bytes` bytes of the elements, from the byte `offset` on.
//
// `advice` is one of SHM_ARRAY_ADVICE_*. What lies beyond the end is ignored, so that UINT64_MAX means "to the end". A
// pass through a file that is larger than memory says DONE_WITH for each part behind it, and keeps little in memory.
// Copy-on-write arrays keep what this process has changed.
//
// Returns:
//   EINVAL  no such advice; a slice with gaps; NULL.
//
// Since 0.1.
int shm_array_advise(const shm_array_t *array,
                     uint32_t advice,
                     uint64_t offset,
                     uint64_t bytes);

// Write `bytes` bytes of the elements, from the byte `offset` on, to the file's disk.
//
// `mode` is SHM_ARRAY_SYNC_START or SHM_ARRAY_SYNC_WAIT. What lies beyond the end is ignored, so that UINT64_MAX means "to
// the end". Other processes see stores at once, with or without this; it is for the case that the machine fails. For
// arrays in memory there is nothing to do.
//
// Returns:
//   EIO, ENOSPC  the disk failed, or is full.
//   EOPNOTSUPP   SHM_ARRAY_SYNC_START of an untracked array.
//   EINVAL       no such mode; a slice with gaps; NULL.
//
// Since 0.1.
int shm_array_sync(const shm_array_t *array,
                   uint32_t mode,
                   uint64_t offset,
                   uint64_t bytes);

// Keep an object although nobody may have it open: for one receiver who is still on the way to it.
//
// What shm_array_lease() is for arrays. `fd` is the object's, from shm_semaphore_fd(), shm_queue_fd() and the like. For at
// most `duration_ns` nanoseconds neither the last user's close nor shm_array_collect() removes an object that was created
// with SHM_OBJECT_LAST_CLOSE. Each call counts for one receiver.
//
// Returns:
//   0       the lease is written into the object, and survives this process.
//   EBADF   `fd` is no open descriptor. EINVAL: `duration_ns` is not in 1 .. 24 hours, or `fd` is no regular file's.
//   EACCES  this process may not write the file (EROFS: nobody may).
//   SHM_ARRAY_ERR_FORMAT, _CORRUPT  `fd` is something else's.
//
// Since 0.1.
int shm_object_lease(int fd,
                     int64_t duration_ns);

// Say that a receiver whom shm_object_lease() was called for has opened the object: from now on he keeps it himself.
//
// Where no lease is out, nothing happens.
//
// Returns: as shm_object_lease(). Since 0.1.
int shm_object_arrived(int fd);

// Create a pipe that holds `capacity` bytes (0: 65536; at least SHM_PIPE_ATOMIC), and open it.
//
// `ends` is SHM_PIPE_READER, SHM_PIPE_WRITER, both, or 0: somebody else will read and write. With SHM_OBJECT_OR_OPEN in
// `options` a pipe of the same capacity that exists is opened.
//
// Returns:
//   0       `*out` is the pipe.
//   EEXIST  the name is taken; with SHM_OBJECT_OR_OPEN: by a pipe of another capacity.
//   EINVAL  a bad name, capacity or flag, or NULL for `out`.
//   EUSERS  more processes use this pipe than it has slots.
//   ENOSPC, ENOMEM, ENOENT, EACCES: as in shm_array_create().
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_pipe_create(const char *name,
                    uint64_t capacity,
                    uint32_t ends,
                    const struct shm_object_options_t *options,
                    shm_pipe_t **out);

// Open a pipe that exists.
//
// `ends` is SHM_PIPE_READER, SHM_PIPE_WRITER, or both; or SHM_OBJECT_READ to look. Opening does not wait for the other
// end: who reads before the first writer has come waits for one, and what is written before the first reader has come
// waits in the pipe.
//
// Returns:
//   0        `*out` is the pipe.
//   ENOENT   there is none of that name. EACCES, EMFILE: as in shm_array_open().
//   EUSERS   more processes use this pipe than it has slots.
//   EINVAL   a bad name or flag, or NULL.
//   SHM_ARRAY_ERR_FORMAT  it is something else. _CORRUPT, _VERSION: it cannot be used, and why.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_pipe_open(const char *name,
                  uint32_t ends,
                  shm_pipe_t **out);

// Open the pipe that a descriptor stands for, from shm_pipe_fd() in another process.
//
// Returns:
//   EBADF   `fd` is no open descriptor. EACCES: it cannot be written.
//   and what shm_pipe_open() returns.
//
// Ownership: `fd` stays the caller's; the caller closes `*out`.
// Since 0.1.
int shm_pipe_open_fd(int fd,
                     uint32_t ends,
                     shm_pipe_t **out);

// A descriptor of the pipe, for another process. It is not one to read or write: shm_pipe_open_fd() opens it.
//
// Returns:
//   EMFILE  too many descriptors. EINVAL: `pipe` or `out_fd` is NULL.
//
// Ownership: the caller closes `*out_fd`, which is close-on-exec.
// Since 0.1.
int shm_pipe_fd(const shm_pipe_t *pipe,
                int *out_fd);

// Write `len` bytes, waiting at most `timeout_ns` nanoseconds for room.
//
// Up to SHM_PIPE_ATOMIC bytes are written at once or not at all. More go in pieces, and those of others may come in
// between; a process that is killed has written some of them.
//
// Returns:
//   0           `*out_written` bytes were written: all, or those for which there was room in time.
//   EAGAIN      no room, and the timeout was 0. ETIMEDOUT: there has been none all the time. Nothing was written.
//   EPIPE       no living process has a handle for reading any more. After a kill of the last one this may take 20 ms.
//   EBADF       not opened for writing.
//   EBUSY       this handle has reserved room and not committed.
//   EUSERS      more processes use this pipe than it has slots.
//   EINVAL      NULL.
//
// Ownership: borrows `data`.
// Threads:   any thread may call.
// Fork:      a child may use its parent's handle; it counts as a reader or writer from its first call on.
// Since 0.1.
int shm_pipe_write(const shm_pipe_t *pipe,
                   const void *data,
                   size_t len,
                   int64_t timeout_ns,
                   size_t *out_written);

// Read what there is, up to `room` bytes, waiting at most `timeout_ns` nanoseconds for the first.
//
// Returns:
//   0           `*out_len` bytes were read. 0 of them: end of file, no living process has a handle for writing any more
//               (or `room` is 0).
//   EAGAIN      nothing to read, and the timeout was 0. ETIMEDOUT: there has been nothing all the time.
//   EBADF       not opened for reading.
//   EBUSY       this handle has peeked and not consumed.
//   EUSERS, EINVAL: as in shm_pipe_write().
//
// Ownership: borrows `data`. Threads and Fork: as shm_pipe_write().
// Since 0.1.
int shm_pipe_read(const shm_pipe_t *pipe,
                  void *data,
                  size_t room,
                  int64_t timeout_ns,
                  size_t *out_len);

// Look at the next bytes in place: as many as lie together. Other readers wait until shm_pipe_consume().
//
// Returns:
//   0   `*out_len` bytes lie at `*out_data`; 0 of them: end of file, and nothing is to be consumed.
//   and what shm_pipe_read() returns.
//
// Ownership: the bytes are the caller's to read until it consumes.
// Threads:   any thread may call, and any thread may consume.
// Since 0.1.
int shm_pipe_peek(const shm_pipe_t *pipe,
                  int64_t timeout_ns,
                  const void **out_data,
                  size_t *out_len);

// Be done with the first `len` of the bytes that were peeked at. The others stay for the next reader.
//
// Returns:
//   EPERM   this handle has not peeked. EINVAL: more than were peeked at; NULL.
//
// Since 0.1.
int shm_pipe_consume(const shm_pipe_t *pipe,
                     size_t len);

// Get room to write in place: as much as lies together. Other writers wait until shm_pipe_commit().
//
// Returns:
//   0   there is room for `*out_room` bytes at `*out_data`. Nobody sees them before shm_pipe_commit().
//   and what shm_pipe_write() returns.
//
// Ownership: the bytes are the caller's until it commits.
// Threads:   any thread may call, and any thread may commit.
// Since 0.1.
int shm_pipe_reserve(const shm_pipe_t *pipe,
                     int64_t timeout_ns,
                     void **out_data,
                     size_t *out_room);

// Let readers have the first `len` bytes of what was reserved; 0: none.
//
// Returns:
//   EPERM   this handle has not reserved. EINVAL: more than was reserved; NULL.
//
// Since 0.1.
int shm_pipe_commit(const shm_pipe_t *pipe,
                    size_t len);

// A descriptor that becomes readable when there are bytes to read, or the end of the file has come. For epoll, asyncio, libuv.
//
// Read it (8 bytes) first, then read with a timeout of 0 until there is nothing: another may have been faster. See
// shm_array_notify_fd().
//
// Returns:
//   EMFILE  each needs two descriptors. EINVAL: NULL. EBADF: not opened for reading.
//
// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
// Since 0.1.
int shm_pipe_notify_fd(const shm_pipe_t *pipe,
                       int *out_fd);

// How many bytes wait, about: others are reading and writing.
//
// Returns:
//   EINVAL  NULL.
//
// Since 0.1.
int shm_pipe_count(const shm_pipe_t *pipe,
                   uint64_t *out);

// The name, as shm_pipe_open() takes it; "" for anonymous memory, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_pipe_name(const shm_pipe_t *pipe);

// How much there is in the pipe, how large it is, who is there. For people and monitors.
//
// Returns:
//   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_pipe_stat(const shm_pipe_t *pipe,
                  struct shm_pipe_stat_t *out);

// Take a pipe's name away. Who has it open keeps it.
//
// Returns:
//   as shm_array_unlink().
//
// Since 0.1.
int shm_pipe_unlink(const char *name);

// Close a handle. NULL is fine.
//
// What was reserved through it is not written, what was peeked at stays. Since 0.1.
void shm_pipe_close(shm_pipe_t *pipe);

// How many writes (exclusive locks) have been completed.
//
// Returns:
//   EOPNOTSUPP  an ordinary .npy file. EINVAL: NULL.
//
// Since 0.1.
int shm_array_generation(const shm_array_t *array,
                         uint64_t *out);

// Sleep until somebody completes a write: until the generation is another than `since`.
//
// Pass what shm_array_generation(), or the last wait, gave. A negative timeout waits for ever; 0 only looks.
//
// Returns:
//   0           `*out_generation`, unless that is NULL, is the generation now.
//   ETIMEDOUT   not in time (EBUSY where the timeout was 0).
//   EOPNOTSUPP  an ordinary .npy file. EINVAL: NULL.
//
// Memory:  what was written before the unlock that ended the wait is visible. It may be overwritten at any moment: lock
//          to read.
// Latency: who opened it with SHM_ARRAY_READ or _COPY_ON_WRITE looks every 20 ms, or is woken at once where the array
//          was made with SHM_ARRAY_WAKES_READERS. A writer killed between unlock and wake-up delays by at most as much.
// Since 0.1.
int shm_array_wait(const shm_array_t *array,
                   uint64_t since,
                   int64_t timeout_ns,
                   uint64_t *out_generation);

// Who completed the last write, when, and whether that process still lives. Cheap, and needs no lock.
//
// Returns:
//   EOPNOTSUPP  an ordinary .npy file. EINVAL: NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_array_last_publish(const shm_array_t *array,
                           struct shm_array_publish_t *out);

// A descriptor that becomes readable when a write is completed: when the generation is another than `since`, and at
// each one after that. For epoll, asyncio, libuv.
//
// Read it (8 bytes) first, then look: several writes may make it readable once. Now and then it is readable once too
// often, never not at all. A thread of the library's own sees to that, as long as there are such descriptors.
//
// Returns:
//   EOPNOTSUPP  an ordinary .npy file. EMFILE: each needs two descriptors. EINVAL: NULL.
//
// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
// Fork:      a child asks for descriptors of its own; it closes those that it inherited with close().
// Since 0.1.
int shm_array_notify_fd(const shm_array_t *array,
                        uint64_t since,
                        int *out_fd);

// Close a descriptor that a shm_*_notify_fd() function gave.
//
// Returns:
//   EBADF  it is not one of this process, or its handle has been closed (then close() it).
//
// Since 0.1.
int shm_notify_close(int fd);

// Create a queue, and open it for sending and receiving.
//
// It holds `capacity` messages of at most `message_bytes` bytes each, those included that are being filled or used;
// memory for all of them is reserved. With a `dtype` (numpy's, or NULL) every message is one or more elements of it.
// `priorities` is how many there are (0 is taken as 1); `flags` is 0 or SHM_QUEUE_SPSC. With SHM_OBJECT_OR_OPEN in
// `options` a queue of the same make that exists is opened.
//
// Returns:
//   0           `*out` is the queue.
//   EEXIST      the name is taken; with SHM_OBJECT_OR_OPEN: by a queue of another make.
//   EINVAL      a bad name, figure or flag, or NULL for `out`.
//   ENOSPC, ENOMEM, ENOENT, EACCES: as in shm_array_create().
//   SHM_ARRAY_ERR_DTYPE   the dtype is not understood. SHM_ARRAY_ERR_FORMAT: the name is something else's.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_queue_create(const char *name,
                     uint64_t capacity,
                     uint64_t message_bytes,
                     const char *dtype,
                     uint32_t priorities,
                     uint32_t flags,
                     const struct shm_object_options_t *options,
                     shm_queue_t **out);

// Open a queue that exists.
//
// `flags` is SHM_OBJECT_WRITE to send and receive, or SHM_OBJECT_READ to look.
//
// Returns:
//   0        `*out` is the queue.
//   ENOENT   there is none of that name. EACCES, EMFILE: as in shm_array_open().
//   EINVAL   a bad name or flag, or NULL.
//   SHM_ARRAY_ERR_FORMAT  it is something else. _CORRUPT, _VERSION: it cannot be used, and why.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_queue_open(const char *name,
                   uint32_t flags,
                   shm_queue_t **out);

// Open a queue only if its messages are of this dtype; NULL: of any bytes.
//
// Returns:
//   SHM_ARRAY_ERR_DTYPE  they are not.
//   and what shm_queue_open() returns.
//
// Since 0.1.
int shm_queue_open_typed(const char *name,
                         const char *dtype,
                         uint32_t flags,
                         shm_queue_t **out);

// Open the queue that a descriptor stands for, from shm_queue_fd() in another process.
//
// Returns:
//   EBADF   `fd` is no open descriptor. EACCES: it cannot be written, and SHM_OBJECT_WRITE was asked for.
//   and what shm_queue_open() returns.
//
// Ownership: `fd` stays the caller's; the caller closes `*out`.
// Since 0.1.
int shm_queue_open_fd(int fd,
                      uint32_t flags,
                      shm_queue_t **out);

// A descriptor of the queue, for another process.
//
// Returns:
//   EMFILE  too many descriptors. EINVAL: `queue` or `out_fd` is NULL.
//
// Ownership: the caller closes `*out_fd`, which is close-on-exec.
// Since 0.1.
int shm_queue_fd(const shm_queue_t *queue,
                 int *out_fd);

// Say that no message is sent any more: senders are told EPIPE, receivers get what there is, and then ENODATA.
//
// What live processes had reserved before may still be committed, and receivers wait for it. A message that another
// consumer has taken, and gives back later, is delivered to who receives then.
//
// Returns:
//   EACCES  opened with SHM_OBJECT_READ. EINVAL: NULL.
//
// Since 0.1.
int shm_queue_finish(const shm_queue_t *queue);

// A descriptor that becomes readable when there is a message to take, or the queue is finished. For epoll, asyncio, libuv.
//
// Read it (8 bytes) first, then receive or take with a timeout of 0 until there is nothing: another may have been faster. See
// shm_array_notify_fd().
//
// Where somebody has a message reserved when the queue is finished (EAGAIN until then), it becomes readable again when the
// end has come: ENODATA. A message that was given back is told of as a new one is; with SHM_QUEUE_SPSC to descriptors of
// that same handle, since no other may receive it. Nor is the end of a consumer told there, whose place others may take.
//
// Returns:
//   EMFILE  each needs two descriptors. EINVAL: NULL.
//
// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
// Since 0.1.
int shm_queue_notify_fd(const shm_queue_t *queue,
                        int *out_fd);

// A descriptor that becomes readable when there is room for a message, or the queue is finished: for who would have to
// wait in shm_queue_send() or shm_queue_reserve().
//
// Read it (8 bytes) first, then send with a timeout of 0 until there is no room: another may have been faster. See
// shm_array_notify_fd().
//
// Returns:
//   EMFILE  each needs two descriptors. EINVAL: NULL.
//
// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
// Since 0.1.
int shm_queue_notify_room_fd(const shm_queue_t *queue,
                             int *out_fd);

// How many messages wait, about: others are sending and receiving.
//
// Returns:
//   EINVAL  NULL.
//
// Since 0.1.
int shm_queue_count(const shm_queue_t *queue,
                    uint64_t *out);

// numpy's text for the type of the messages; "" where they are any bytes, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_queue_dtype(const shm_queue_t *queue);

// The name, as shm_queue_open() takes it; "" for anonymous memory, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_queue_name(const shm_queue_t *queue);

// How much there is in the queue, and how large it is. For people and monitors.
//
// Returns:
//   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_queue_stat(const shm_queue_t *queue,
                   struct shm_queue_stat_t *out);

// Take a queue's name away. Who has it open keeps it.
//
// Returns:
//   as shm_array_unlink().
//
// Since 0.1.
int shm_queue_unlink(const char *name);

// Close a handle. NULL is fine.
//
// What was reserved through it is not sent; what was taken and not released is delivered again. Since 0.1.
void shm_queue_close(shm_queue_t *queue);

// Send a copy of `len` bytes, waiting at most `timeout_ns` nanoseconds for room.
//
// Messages of one priority arrive in the order in which they were sent, higher priorities first. A producer that dies
// has sent a whole message or none.
//
// Returns:
//   0           it is sent.
//   EAGAIN      the queue is full, and the timeout was 0. ETIMEDOUT: it has been full all the time.
//   EPIPE       the queue is finished.
//   EMSGSIZE    longer than the queue was created for.
//   EACCES      opened with SHM_OBJECT_READ.
//   EUSERS      more processes use this queue than it has slots.
//   EBUSY       SHM_QUEUE_SPSC: another handle is the producer, or another thread is sending right now.
//   EINVAL      NULL, or a priority that the queue was not created for.
//   SHM_ARRAY_ERR_DTYPE  no whole number of elements of the queue's dtype.
//
// Ownership: borrows `data`.
// Threads:   any thread may call; with SHM_QUEUE_SPSC one at a time.
// Fork:      a child may send and receive through its parent's handle, and has none of its parent's messages.
// Since 0.1.
int shm_queue_send(const shm_queue_t *queue,
                   const void *data,
                   size_t len,
                   uint32_t priority,
                   int64_t timeout_ns);

// Send copies of `count` messages: `lens[i]` bytes from `data[i]` each. Waits for room for the first only.
//
// Returns:
//   0   `*out_sent` of them, at least one, were sent, in their order (0 where `count` is 0).
//   and what shm_queue_send() returns: none was sent.
//
// Ownership: borrows. Threads and Fork: as shm_queue_send().
// Since 0.1.
int shm_queue_send_many(const shm_queue_t *queue,
                        const void *const *data,
                        const size_t *lens,
                        size_t count,
                        uint32_t priority,
                        int64_t timeout_ns,
                        size_t *out_sent);

// Receive a copy of the first message into `data`, which has room for `room` bytes, and acknowledge it.
//
// Returns:
//   0           `*out_len` bytes were received.
//   EAGAIN      the queue is empty, and the timeout was 0. ETIMEDOUT: it has been empty all the time.
//   ENODATA     the queue is finished, and empty.
//   EMSGSIZE    the first message is longer than `room`: it was left there.
//   EBADMSG     the first message carries an array: shm_queue_receive_array() receives it.
//   EACCES, EUSERS, EINVAL: as in shm_queue_send().
//   EBUSY       SHM_QUEUE_SPSC: another handle is the consumer, or this one has taken a message and not released it.
//
// Ownership: borrows `data`. Threads and Fork: as shm_queue_send().
// Since 0.1.
int shm_queue_receive(const shm_queue_t *queue,
                      void *data,
                      size_t room,
                      int64_t timeout_ns,
                      size_t *out_len);

// Receive copies of at most `most` messages into `data`, one behind the other, and acknowledge them. Waits for the first
// only; stops before one that does not fit.
//
// Returns:
//   0   `*out_count` messages, at least one, were received, of `lens[i]` bytes each.
//   and what shm_queue_receive() returns: none was received.
//
// Ownership: borrows. Threads and Fork: as shm_queue_send().
// Since 0.1.
int shm_queue_receive_many(const shm_queue_t *queue,
                           void *data,
                           size_t room,
                           size_t most,
                           int64_t timeout_ns,
                           size_t *lens,
                           size_t *out_count);

// Get a message to fill in place.
//
// Nobody sees it before shm_queue_commit(). If this process dies before that, or closes the handle, nothing was sent.
//
// Returns:
//   0   `out->data` has room for `out->len` bytes. Write, set `len` (and `priority`), and commit; or cancel.
//   and what shm_queue_send() returns; E2BIG: `out` is longer than this version knows, and not zero there.
//
// Ownership: the bytes are the caller's until it commits or cancels.
// Threads:   any thread may call, and any thread may commit.
// Since 0.1.
int shm_queue_reserve(const shm_queue_t *queue,
                      int64_t timeout_ns,
                      struct shm_queue_message_t *out);

// Send a message that was reserved and filled: its first `message->len` bytes, with `message->priority`.
//
// Returns:
//   0       it is sent.
//   EPERM   this handle has not reserved it (or has committed or cancelled it already).
//   EPIPE   SHM_QUEUE_SPSC: the queue was finished meanwhile. Otherwise what was reserved before may still be sent.
//   EMSGSIZE, EINVAL, SHM_ARRAY_ERR_DTYPE: as in shm_queue_send(); it still is reserved.
//
// Since 0.1.
int shm_queue_commit(const shm_queue_t *queue,
                     const struct shm_queue_message_t *message);

// Do not send a message that was reserved.
//
// Returns:
//   EPERM   this handle has not reserved it (or has committed or cancelled it already). EINVAL: NULL.
//
// Since 0.1.
int shm_queue_cancel(const shm_queue_t *queue,
                     const struct shm_queue_message_t *message);

// Take the first message, to use it in place.
//
// It is delivered again, before all others and with SHM_QUEUE_AGAIN, if this process dies or closes the handle before
// it releases it.
//
// Returns:
//   0   `*out` is the message. Release it when the work is done; or give it back.
//   and what shm_queue_receive() returns (but not EMSGSIZE and EBADMSG); E2BIG: as in shm_queue_reserve().
//
// Ownership: the bytes are the caller's until it lets go of the message.
// Threads:   any thread may call, and any thread may release. With SHM_QUEUE_SPSC a handle has one message at a time.
// Since 0.1.
int shm_queue_take(const shm_queue_t *queue,
                   int64_t timeout_ns,
                   struct shm_queue_message_t *out);

// Acknowledge a message that was taken: nobody gets it again.
//
// Returns:
//   EPERM   this handle does not have it (or has released it already). EINVAL: NULL.
//
// Since 0.1.
int shm_queue_release(const shm_queue_t *queue,
                      const struct shm_queue_message_t *message);

// Let somebody else have a message that was taken: it is the first of all now, and carries SHM_QUEUE_AGAIN.
//
// Returns:
//   EPERM   this handle does not have it (or has released it already). EINVAL: NULL.
//
// Since 0.1.
int shm_queue_give_back(const shm_queue_t *queue,
                        const struct shm_queue_message_t *message);

// Send an array, whatever its size: the handle travels, the elements stay where they are.
//
// The receiver gets the part that this handle is on, as shm_array_slice() made it. The array is kept for `keep_ns`
// nanoseconds (0: ten minutes; at most a day) until it is received, even if it is a last-close array that everybody
// closes meanwhile; what nobody has received by then goes by shm_array_collect(). Who unlinks its name takes it away.
//
// Returns:
//   0           it is sent. `array` may be closed now.
//   EOPNOTSUPP  an array without a name: create it with one (and SHM_ARRAY_LAST_CLOSE), or pass its descriptor.
//   EMSGSIZE    the queue's messages are shorter than 40 bytes, 16 for each dimension of a part, and the name.
//   EINVAL      an array opened copy-on-write; `keep_ns` negative or more than a day; NULL.
//   and what shm_queue_send() returns.
//
// Ownership: borrows `array`. Threads and Fork: as shm_queue_send().
// Since 0.1.
int shm_queue_send_array(const shm_queue_t *queue,
                         const shm_array_t *array,
                         int64_t keep_ns,
                         uint32_t priority,
                         int64_t timeout_ns);

// Receive an array, opened with `flags` as shm_array_open() takes them, and acknowledge it.
//
// Where this process has it open in the same way already, `*out` is another handle on the same mapping.
//
// Returns:
//   0           `*out` is the array, on the part that was sent.
//   EBADMSG     the first message carries no array: it was left there.
//   ENOENT, ESTALE  it has been unlinked, or was not kept long enough: the message was dropped.
//   EACCES, EMFILE, ENOMEM, EBUSY  it cannot be opened by this process, now: the message was left there.
//   and what shm_queue_receive() and shm_array_open() return.
//
// Ownership: the caller closes `*out`. Threads and Fork: as shm_queue_send().
// Since 0.1.
int shm_queue_receive_array(const shm_queue_t *queue,
                            uint32_t flags,
                            int64_t timeout_ns,
                            shm_array_t **out);

// A short text for a code that a function returned.
//
// Never NULL; static; do not free it. Since 0.1.
const char *shm_array_strerror(int code);

// This thread's last failure in full: what was wrong, what was expected, what to do, with figures.
//
// Never NULL; empty before the first failure; valid until this thread's next failure. Since 0.1.
const char *shm_array_error_detail(void);

// The version of this library, such as "0.1.0".
//
// Static; do not free it. Since 0.1.
const char *shm_array_version(void);

// The number of this binary interface: raised by each addition, since nothing is ever taken away.
//
// Since 0.1.
uint32_t shm_array_abi_version(void);

// Create a semaphore, and open it for taking part.
//
// `kind` is SHM_SEMAPHORE_SIGNALLING, where `value` (from 0) is the count to begin with, or SHM_SEMAPHORE_OWNED, where
// `value` (from 1) is the number of permits. `name` is as in shm_array_create(), NULL for anonymous memory.
//
// Returns:
//   0       `*out` is the semaphore.
//   EEXIST  the name is taken; with SHM_OBJECT_OR_OPEN: by a semaphore of another kind or limit.
//   EINVAL  a bad name, kind, value or option, or `out` is NULL.
//   and what shm_array_create() returns.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_semaphore_create(const char *name,
                         uint32_t kind,
                         uint32_t value,
                         const struct shm_object_options_t *options,
                         shm_semaphore_t **out);

// Open a semaphore that exists: SHM_OBJECT_WRITE to take and post, SHM_OBJECT_READ to look.
//
// Returns:
//   ENOENT  there is none of that name. EACCES, EMFILE: as said.
//   EINVAL  a bad name or flag, or NULL.
//   SHM_ARRAY_ERR_FORMAT  what has that name is no semaphore; _CORRUPT, _VERSION: as said.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_semaphore_open(const char *name,
                       uint32_t flags,
                       shm_semaphore_t **out);

// Open the semaphore that a descriptor stands for, from shm_semaphore_fd() in another process.
//
// Returns:
//   EBADF   `fd` is no open descriptor.
//   and what shm_semaphore_open() returns.
//
// Ownership: `fd` stays the caller's; the caller closes `*out`.
// Since 0.1.
int shm_semaphore_open_fd(int fd,
                          uint32_t flags,
                          shm_semaphore_t **out);

// A descriptor of the semaphore, for another process.
//
// Returns:
//   EMFILE  too many descriptors. EINVAL: NULL.
//
// Ownership: the caller closes `*out_fd`, which is close-on-exec.
// Since 0.1.
int shm_semaphore_fd(const shm_semaphore_t *semaphore,
                     int *out_fd);

// Take one, waiting at most `timeout_ns` nanoseconds until there is one. A negative timeout waits for ever; 0 only tries.
//
// Returns:
//   0          the caller has it; of an owned one it holds a permit now.
//   ETIMEDOUT  none came in time (EBUSY where the timeout was 0), or, of an owned one, a process that was stopped
//              while it took or gave (SIGSTOP, a debugger) has been in the way all the time: with a timeout of 0 for
//              some milliseconds.
//   EACCES     opened with SHM_OBJECT_READ. EINVAL: NULL.
//   EUSERS     more processes hold permits than there are slots.
//
// Threads: any thread may take, and any thread may give back through the same handle.
// Fork:    a child holds none of its parent's permits.
// Memory:  what was written before a post is visible after the wait that it ended.
// Since 0.1.
int shm_semaphore_wait(const shm_semaphore_t *semaphore,
                       int64_t timeout_ns);

// Give `n`, and wake as many of those who wait.
//
// Returns:
//   EPERM      owned: this handle holds fewer permits than that (a forked child holds none).
//   EOVERFLOW  signalling: the count would exceed SHM_SEMAPHORE_MAX_VALUE; nothing was posted.
//   EACCES     opened with SHM_OBJECT_READ. EINVAL: NULL, or `n` is 0.
//
// It waits for nobody: where a process was stopped while it took or gave, owned permits are counted when that goes on,
// or dies.
// Since 0.1.
int shm_semaphore_post(const shm_semaphore_t *semaphore,
                       uint32_t n);

// What could be taken now. By the time you look at it, it may be another.
//
// Returns:
//   EINVAL  NULL.
//
// Since 0.1.
int shm_semaphore_value(const shm_semaphore_t *semaphore,
                        uint32_t *out);

// Who holds how many permits. For people and monitors: nothing should be decided by it.
//
// Returns:
//   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_semaphore_stat(const shm_semaphore_t *semaphore,
                       struct shm_semaphore_stat_t *out);

// A descriptor that becomes readable when there is something to take. For epoll, asyncio, libuv.
//
// Read it (8 bytes) first, then wait with a timeout of 0 until there is nothing: another may have taken it. Each post
// makes it readable again. See shm_array_notify_fd().
//
// Returns:
//   EMFILE  each needs two descriptors. EINVAL: NULL.
//
// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
// Since 0.1.
int shm_semaphore_notify_fd(const shm_semaphore_t *semaphore,
                            int *out_fd);

// The name, as shm_semaphore_open() takes it; "" for anonymous memory, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_semaphore_name(const shm_semaphore_t *semaphore);

// Take a semaphore's name away. Who has it open keeps it.
//
// Returns:
//   ENOENT  there is none of that name. EACCES, EPERM: it is another user's.
//   EINVAL  a bad name, or NULL.
//
// Since 0.1.
int shm_semaphore_unlink(const char *name);

// Close a handle, and give back the permits that it holds. NULL is fine.
//
// Since 0.1.
void shm_semaphore_close(shm_semaphore_t *semaphore);

// Copy rows as they are at one moment, without holding any writer up.
//
// Copies `rows` rows (indices of the first axis; an array without dimensions has one) from `first_row` on into
// `destination`, which has room for `bytes`, without gaps and in the array's order, C or Fortran. What a writer
// changed meanwhile is copied again, until it is of one moment. Writers do not notice: nothing is written and no lock
// is taken, so the array may be open for reading. The copy is as old as `*out_generation` (which may be NULL) says.
//
// A writer is who holds the lock exclusively, or a range of it; who writes without the lock tears the copy. While
// somebody writes all the time no copy comes about: two who write ranges in turns, so that one is always at it, are
// enough. With SHM_ARRAY_SNAPSHOT_MAY_LOCK in `flags` the shared lock is then taken, within the same timeout.
//
// The handle that holds the lock exclusively copies at once. Memory that others fill is only waited for: the time for
// the copy itself does not count. A negative timeout waits for ever; 0 tries once.
//
// Returns:
//   0           `destination` and `*out_generation` are filled.
//   EOWNERDEAD  they are filled, but a writer died, and nobody has called shm_array_recover() since: rows may be half
//               written. (Without a descriptor, SHM_ARRAY_UNTRACKED, a dead writer is not told from a slow one:
//               EAGAIN.)
//   EAGAIN      writers left no time for it. `destination` may be filled with anything.
//   EOPNOTSUPP  an ordinary .npy file; a copy-on-write handle, whose elements are a mixture that never was.
//   ENOSPC      a lazy array in memory, and no room is left for pages that nobody has touched yet.
//   EINVAL      no such rows, not enough room, unknown flags, or NULL.
//   and with SHM_ARRAY_SNAPSHOT_MAY_LOCK what shm_array_lock() returns, but for EBUSY and ETIMEDOUT.
//
// Ownership: borrows. `destination` is no part of the array.
// Memory:    what was written before the unlock that ended that generation is in the copy.
// Since 0.1.
int shm_array_snapshot(const shm_array_t *array,
                       uint64_t first_row,
                       uint64_t rows,
                       void *destination,
                       size_t bytes,
                       int64_t timeout_ns,
                       uint32_t flags,
                       uint64_t *out_generation);

// Who is attached, who locks, how large it all is. For people and monitors: nothing should be decided by it.
//
// Processes of other users and of other PID namespaces are seen only as far as /proc shows them.
//
// Returns:
//   EINVAL      NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_array_stat(const shm_array_t *array,
                   struct shm_array_stat_t *out);

// Create a topic, and open it for publishing and subscribing.
//
// It keeps `capacity` messages of at most `message_bytes` bytes each. With a `dtype` (numpy's, or NULL) every message is
// one or more elements of it. `flags` is 0 or SHM_TOPIC_KEEP. As many can subscribe at a time as `options` has slots
// (256). With SHM_OBJECT_OR_OPEN in `options` a topic of the same make that exists is opened.
//
// Returns:
//   0           `*out` is the topic.
//   EEXIST      the name is taken; with SHM_OBJECT_OR_OPEN: by a topic of another make.
//   EINVAL      a bad name, figure or flag, or NULL for `out`.
//   ENOSPC, ENOMEM, ENOENT, EACCES: as in shm_array_create().
//   SHM_ARRAY_ERR_DTYPE   the dtype is not understood. SHM_ARRAY_ERR_FORMAT: the name is something else's.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_topic_create(const char *name,
                     uint64_t capacity,
                     uint64_t message_bytes,
                     const char *dtype,
                     uint32_t flags,
                     const struct shm_object_options_t *options,
                     shm_topic_t **out);

// Open a topic that exists.
//
// `flags` is SHM_OBJECT_WRITE to publish and subscribe, or SHM_OBJECT_READ to look.
//
// Returns:
//   0        `*out` is the topic.
//   ENOENT   there is none of that name. EACCES, EMFILE: as in shm_array_open().
//   EINVAL   a bad name or flag, or NULL.
//   SHM_ARRAY_ERR_FORMAT  it is something else. _CORRUPT, _VERSION: it cannot be used, and why.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_topic_open(const char *name,
                   uint32_t flags,
                   shm_topic_t **out);

// Open a topic only if its messages are of this dtype; NULL: of any bytes.
//
// Returns:
//   SHM_ARRAY_ERR_DTYPE  they are not.
//   and what shm_topic_open() returns.
//
// Since 0.1.
int shm_topic_open_typed(const char *name,
                         const char *dtype,
                         uint32_t flags,
                         shm_topic_t **out);

// Open the topic that a descriptor stands for, from shm_topic_fd() in another process.
//
// Returns:
//   EBADF   `fd` is no open descriptor. EACCES: it cannot be written, and SHM_OBJECT_WRITE was asked for.
//   and what shm_topic_open() returns.
//
// Ownership: `fd` stays the caller's; the caller closes `*out`.
// Since 0.1.
int shm_topic_open_fd(int fd,
                      uint32_t flags,
                      shm_topic_t **out);

// A descriptor of the topic, for another process.
//
// Returns:
//   EMFILE  too many descriptors. EINVAL: `topic` or `out_fd` is NULL.
//
// Ownership: the caller closes `*out_fd`, which is close-on-exec.
// Since 0.1.
int shm_topic_fd(const shm_topic_t *topic,
                 int *out_fd);

// Let every subscriber have a copy of `len` bytes.
//
// Does not wait for subscribers, unless the topic was created with SHM_TOPIC_KEEP and the slowest is `capacity` messages
// behind. A dead subscriber is dropped. A publisher that dies has published a whole message or none.
//
// Returns:
//   0           it is published.
//   EAGAIN      it would have to wait, and the timeout was 0. ETIMEDOUT: there was no room all the time.
//   EPIPE       the topic is finished.
//   EMSGSIZE    longer than the topic was created for.
//   EACCES      opened with SHM_OBJECT_READ.
//   EUSERS      more processes use this topic than it has slots.
//   EINVAL      NULL.
//   SHM_ARRAY_ERR_DTYPE  no whole number of elements of the topic's dtype.
//
// Ownership: borrows `data`.
// Threads:   any thread may call; several publishers take turns.
// Fork:      a child may publish through its parent's handle; it has no subscription of its parent's.
// Since 0.1.
int shm_topic_publish(const shm_topic_t *topic,
                      const void *data,
                      size_t len,
                      int64_t timeout_ns);

// Subscribe through this handle, from the next message on. A handle subscribes once; it ends when that is closed.
//
// Returns:
//   0           what is published from now on will be received.
//   EUSERS      all places for subscribers are taken by the living.
//   EBUSY       the handle is a subscriber already.
//   EAGAIN, ETIMEDOUT  somebody was publishing all the time.
//   EACCES      opened with SHM_OBJECT_READ. EINVAL: NULL.
//
// Since 0.1.
int shm_topic_subscribe(const shm_topic_t *topic,
                        int64_t timeout_ns);

// Receive a copy of the next message into `data`, which has room for `room` bytes.
//
// Returns:
//   0           `*out_len` bytes were received. `*out_lost` (which may be NULL) says how many messages before it this
//               subscriber was too slow for, and has lost.
//   EAGAIN      nothing new, and the timeout was 0. ETIMEDOUT: there has been nothing all the time.
//   ENODATA     the topic is finished, and this subscriber has everything.
//   EMSGSIZE    the next message is longer than `room`: it was left there.
//   EPERM       this handle does not subscribe.
//   EINVAL      NULL.
//
// Ownership: borrows `data`.
// Threads:   any thread may call; each message goes to one of them.
// Since 0.1.
int shm_topic_receive(const shm_topic_t *topic,
                      void *data,
                      size_t room,
                      int64_t timeout_ns,
                      size_t *out_len,
                      uint64_t *out_lost);

// A descriptor that becomes readable when there is a message for this handle's subscriber, or the topic is finished: for
// epoll, asyncio, libuv.
//
// Read it (8 bytes) first, then receive with a timeout of 0 until there is nothing. See shm_array_notify_fd().
//
// Returns:
//   EPERM   this handle does not subscribe.
//   EMFILE  each needs two descriptors. EINVAL: NULL.
//
// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
// Fork:      a child has no subscription of its parent's, and asks for descriptors of its own.
// Since 0.1.
int shm_topic_notify_fd(const shm_topic_t *topic,
                        int *out_fd);

// A descriptor that becomes readable when shm_topic_publish() need not wait for a subscriber, or the topic is finished.
//
// Read it (8 bytes) first, then publish with a timeout of 0 until there is no room: another may have been faster.
//
// Returns:
//   EMFILE  each needs two descriptors. EINVAL: NULL.
//
// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
// Since 0.1.
int shm_topic_notify_room_fd(const shm_topic_t *topic,
                             int *out_fd);

// Say that no message is published any more: publishers are told EPIPE, subscribers get what there is, and then ENODATA.
//
// Returns:
//   EACCES  opened with SHM_OBJECT_READ. EINVAL: NULL.
//
// Since 0.1.
int shm_topic_finish(const shm_topic_t *topic);

// How many messages wait for this handle's subscriber, those included that it will have lost; 0 if it is none.
//
// Returns:
//   EINVAL  NULL.
//
// Since 0.1.
int shm_topic_count(const shm_topic_t *topic,
                    uint64_t *out);

// numpy's text for the type of the messages; "" where they are any bytes, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_topic_dtype(const shm_topic_t *topic);

// The name, as shm_topic_open() takes it; "" for anonymous memory, NULL for NULL.
//
// Borrowed from the handle. Since 0.1.
const char *shm_topic_name(const shm_topic_t *topic);

// How much was published, who subscribes, how large it is. For people and monitors.
//
// Returns:
//   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
//
// Since 0.1.
int shm_topic_stat(const shm_topic_t *topic,
                   struct shm_topic_stat_t *out);

// Take a topic's name away. Who has it open keeps it.
//
// Returns:
//   as shm_array_unlink().
//
// Since 0.1.
int shm_topic_unlink(const char *name);

// Close a handle. NULL is fine.
//
// A subscriber goes with its handle. Since 0.1.
void shm_topic_close(shm_topic_t *topic);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SHM_ARRAY_H */
