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

// Create with the first axis fastest.
#define SHM_ARRAY_FORTRAN 256

// Create an array that goes when its last user closes it; the default lives until it is unlinked.
#define SHM_ARRAY_LAST_CLOSE 512

// Create, or open (SHM_ARRAY_WRITE) what exists with the same dtype, shape and order.
#define SHM_ARRAY_OR_OPEN 1024

// Lock mode: alone.
#define SHM_ARRAY_EXCLUSIVE 1

// Lock mode: together with others who only read.
#define SHM_ARRAY_SHARED 2

// Conditions of an array, numbered from 0.
#define SHM_ARRAY_CONDITIONS 16

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
#define SHM_OBJECT_WAKES_READERS 2048

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

// A walk through all arrays, as they stood when it began.
typedef struct shm_array_list_t shm_array_list_t;

// What `shm_array_create` may be asked for. Zero all that is not set; NULL options are all defaults.
typedef struct shm_array_options_t {
  // sizeof(shm_array_options_t).
  size_t size;
  // SHM_ARRAY_FORTRAN, _LAST_CLOSE, _OR_OPEN, _UNTRACKED.
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
  // SHM_ARRAY_LAST_CLOSE, _FORTRAN, _ADOPT, as the array was made.
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
  // 0.
  uint32_t reserved;
  // Process ids, as this process sees them.
  uint32_t pids[64];
} shm_array_stat_t;

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
  // 0.
  uint32_t reserved;
} shm_array_entry_t;

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

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Create an array of zeros, and open it for writing.
//
// `name` is a POSIX shared-memory name ("temperature", /dev/shm/temperature), "file:///directory/x.npy", or NULL for
// memory without a name, which travels by descriptor. `dtype` is numpy's type string or descr ("<f8", "float64",
// "[('x', '<f4'), ('y', '<i4', (3,))]"). `shape` has `ndim` lengths in elements (NULL where `ndim` is 0).
//
// Returns:
//   0           `*out` is the array. Its memory is reserved: no later touch is a SIGBUS.
//   EEXIST      the name is taken.
//   ENOSPC      /dev/shm or the disk is full; ENOMEM: the machine's memory; EFBIG: RLIMIT_FSIZE.
//   EINVAL      a bad name, flag, capacity or metadata, or a shape of more than 64 dimensions or 2^63 bytes.
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
// `flags` is one of SHM_ARRAY_READ, SHM_ARRAY_WRITE, SHM_ARRAY_COPY_ON_WRITE, and perhaps SHM_ARRAY_UNTRACKED or
// SHM_ARRAY_ADOPT. An ordinary .npy file opens for reading and copy-on-write as it is.
//
// Returns:
//   0           `*out` is the array.
//   ENOENT      there is none of that name. EACCES, EMFILE, ELOOP (a symbolic link): as said.
//   EOPNOTSUPP  an ordinary .npy file, for writing, without SHM_ARRAY_ADOPT; a network file system.
//   EBUSY       the name is being replaced, for seconds.
//   EINVAL      a bad name or flag.
//   SHM_ARRAY_ERR_FORMAT, _CORRUPT, _VERSION, _DTYPE  what is there cannot be used, and why.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_array_open(const char *name,
                   uint32_t flags,
                   shm_array_t **out);

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

// How many writes (exclusive locks) have been completed.
//
// Returns:
//   EOPNOTSUPP  an ordinary .npy file. EINVAL: NULL.
//
// Since 0.1.
int shm_array_generation(const shm_array_t *array,
                         uint64_t *out);

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

// Begin a walk through all arrays with a shared-memory name that this user may read.
//
// Returns:
//   0       `*out` is the walk: pass it to shm_array_list_next(), and close it.
//   EINVAL  `out` is NULL. EACCES: /dev/shm cannot be listed.
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
//   EACCES  /dev/shm cannot be listed.
//
// Since 0.1.
int shm_array_collect(int64_t minimum_age_ns,
                      uint64_t *out_removed);

// Create an array of zeros, and open it for writing.
//
// `name` is a POSIX shared-memory name ("temperature", /dev/shm/temperature), "file:///directory/x.npy", or NULL for
// memory without a name, which travels by descriptor. `dtype` is numpy's type string or descr ("<f8", "float64",
// "[('x', '<f4'), ('y', '<i4', (3,))]"). `shape` has `ndim` lengths in elements (NULL where `ndim` is 0).
//
// Returns:
//   0           `*out` is the array. Its memory is reserved: no later touch is a SIGBUS.
//   EEXIST      the name is taken.
//   ENOSPC      /dev/shm or the disk is full; ENOMEM: the machine's memory; EFBIG: RLIMIT_FSIZE.
//   EINVAL      a bad name, flag, capacity or metadata, or a shape of more than 64 dimensions or 2^63 bytes.
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
// `flags` is one of SHM_ARRAY_READ, SHM_ARRAY_WRITE, SHM_ARRAY_COPY_ON_WRITE, and perhaps SHM_ARRAY_UNTRACKED or
// SHM_ARRAY_ADOPT. An ordinary .npy file opens for reading and copy-on-write as it is.
//
// Returns:
//   0           `*out` is the array.
//   ENOENT      there is none of that name. EACCES, EMFILE, ELOOP (a symbolic link): as said.
//   EOPNOTSUPP  an ordinary .npy file, for writing, without SHM_ARRAY_ADOPT; a network file system.
//   EBUSY       the name is being replaced, for seconds.
//   EINVAL      a bad name or flag.
//   SHM_ARRAY_ERR_FORMAT, _CORRUPT, _VERSION, _DTYPE  what is there cannot be used, and why.
//
// Ownership: the caller closes `*out`.
// Since 0.1.
int shm_array_open(const char *name,
                   uint32_t flags,
                   shm_array_t **out);

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

// How many writes (exclusive locks) have been completed.
//
// Returns:
//   EOPNOTSUPP  an ordinary .npy file. EINVAL: NULL.
//
// Since 0.1.
int shm_array_generation(const shm_array_t *array,
                         uint64_t *out);

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

// Begin a walk through all arrays with a shared-memory name that this user may read.
//
// Returns:
//   0       `*out` is the walk: pass it to shm_array_list_next(), and close it.
//   EINVAL  `out` is NULL. EACCES: /dev/shm cannot be listed.
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
//   EACCES  /dev/shm cannot be listed.
//
// Since 0.1.
int shm_array_collect(int64_t minimum_age_ns,
                      uint64_t *out_removed);

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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SHM_ARRAY_H */
