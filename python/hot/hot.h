/* hot.h - what the files of the module shm_array._hot share: the usual case of the calls that programs make most often,
 * without the toll of ctypes.
 *
 * Everything the package does, it does in Python, over ctypes. This module only goes ahead: put_in_front() makes C
 * functions that stand before some methods. Each tries its call once, without waiting and with the GIL held: a lock
 * that is free, a queue with room, a message that has come. If that fails and the caller has patience, it waits for one
 * slice of time without the GIL. Whatever else there is to do (to wait longer, to raise, to hear of a death, to convert
 * an argument) the Python method does, from the beginning, as if nothing had been tried. So there is one definition of
 * each method, waits are interrupted by signals as ever, and without this module nothing is missing. Only a long
 * message, once it has begun to go through a pipe, goes through it here to its end.
 *
 * It is linked with nothing: bind() gets the addresses of the functions in the library that ctypes has loaded. It uses
 * Python's limited API of 3.9, so that one compiled module serves all versions from then on.
 *
 * The files, from the ground up; each uses only those before it:
 *
 *     library.c      where the functions of the library are
 *     objects.c      what is kept for each object, as attributes, and how objects end
 *     arguments.c    which arguments are so usual that they need not be looked at; the way to the Python method
 *     pickles.c      bytes, and what they stand for
 *     locks.c        Lock, RLock, Semaphore
 *     queue.c        Queue
 *     connection.c   Connection, the two ends of pipes
 *     opening.c      open(), and the end of a handle
 *     array.c        Array, and Held, its lock that is held
 *     in_front.c     putting the functions in front of the methods
 *     module.c       the module itself
 */
#pragma once

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x03090000
#include <Python.h>
#include <structmember.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm_array.h"

/* Arguments as an array. Stable since 3.7, though the limited API names it from 3.10 on only. */
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080
#endif

/* --- library.c */

#define FUNCTIONS(each)                                                                                                \
    each(shm_array_open_view) each(shm_array_slice) each(shm_array_view) each(shm_array_identity)                     \
    each(shm_array_close) each(shm_array_lock) each(shm_array_unlock) each(shm_array_generation)                      \
    each(shm_semaphore_wait) each(shm_semaphore_post)                                                                 \
    each(shm_queue_send) each(shm_queue_receive)                                                                      \
    each(shm_pipe_write) each(shm_pipe_read) each(shm_pipe_peek) each(shm_pipe_consume)

typedef struct {
#define DECLARED(name) __typeof__(name) *name;
    FUNCTIONS(DECLARED)
} Library;

extern Library library;

PyObject *bind(PyObject *module, PyObject *args);
PyObject *names_of_functions(void);

/* --- objects.c */

/* A ctypes object that holds a pointer, and the pointer. Of which kind it is the class says, in its attribute _Handle:
 * a pointer to something else would be a crash. */
typedef struct {
    PyObject *object;
    void *address; /* NULL: nothing is open any more */
} Handle;

/* A Lock, RLock, Semaphore, Queue, or the end of a pipe. */
typedef struct {
    PyObject_HEAD
    Handle handle;
    unsigned long owner; /* of an RLock: the thread that has it, or 0, and how often */
    Py_ssize_t count;
    char owner_died;
    PyObject *dtype; /* of a Queue, and memory to receive into */
    Py_ssize_t item_bytes, room_bytes;
    char *room;
} Quick;

typedef struct {
    PyObject_HEAD
    PyObject *reader, *writer, *pollable;
} QuickConnection;

/* What arrays are based on; see _opened.py. It keeps a few handles for locks to come. */
typedef struct {
    PyObject_HEAD
    Handle handle;
    Handle spare[4];
    int spares;
    char closed, untracked;
    unsigned long long data, nbytes;
    unsigned int flags;
    PyObject *identity, *name, *descriptor, *locks, *more_spare;
} QuickOpened;

/* An array's lock that is held; see _lock.py. */
typedef struct {
    PyObject_HEAD
    Handle handle;
    PyObject *array, *opened, *range;
    char owner_died;
} QuickHeld;

extern PyTypeObject *quick_type, *opened_type;

bool objects_begin(PyObject *module);

/* --- the methods: a number, the class or nothing for a function, the name, the function in C, and what it gets */

#define METHODS(each)                                                                                                  \
    each(LOCK_ACQUIRE, "Lock", "acquire", lock_acquire, Named)                                                         \
    each(LOCK_RELEASE, "Lock", "release", lock_release, Bare)                                                          \
    each(LOCK_ENTER, "Lock", "__enter__", lock_enter, Bare)                                                            \
    each(LOCK_EXIT, "Lock", "__exit__", lock_exit, Several)                                                            \
    each(RLOCK_ACQUIRE, "RLock", "acquire", rlock_acquire, Named)                                                      \
    each(RLOCK_RELEASE, "RLock", "release", rlock_release, Bare)                                                       \
    each(RLOCK_ENTER, "RLock", "__enter__", rlock_enter, Bare)                                                         \
    each(RLOCK_EXIT, "RLock", "__exit__", rlock_exit, Several)                                                         \
    each(SEMAPHORE_ACQUIRE, "Semaphore", "acquire", semaphore_acquire, Named)                                          \
    each(SEMAPHORE_RELEASE, "Semaphore", "release", semaphore_release, Named)                                          \
    each(SEMAPHORE_ENTER, "Semaphore", "__enter__", semaphore_enter, Bare)                                             \
    each(SEMAPHORE_EXIT, "Semaphore", "__exit__", semaphore_exit, Several)                                             \
    each(QUEUE_PUT, "Queue", "put", queue_put, Named)                                                                  \
    each(QUEUE_GET, "Queue", "get", queue_get, Named)                                                                  \
    each(QUEUE_SEND, "Queue", "send_bytes", queue_send, Named)                                                         \
    each(QUEUE_RECEIVE, "Queue", "recv_bytes", queue_receive, Named)                                                   \
    each(CONNECTION_SEND, "Connection", "send", connection_send, Named)                                                \
    each(CONNECTION_RECEIVE, "Connection", "recv", connection_receive, Bare)                                           \
    each(CONNECTION_SEND_BYTES, "Connection", "send_bytes", connection_send_bytes, Named)                              \
    each(CONNECTION_RECEIVE_BYTES, "Connection", "recv_bytes", connection_receive_bytes, Named)                        \
    each(OPEN, "", "open", open_, Named)                                                                               \
    each(ARRAY_ENTER, "Array", "__enter__", array_enter, Bare)                                                         \
    each(ARRAY_EXIT, "Array", "__exit__", array_exit, Several)                                                         \
    each(ARRAY_CLOSE, "Array", "close", array_close, Bare)                                                             \
    each(ARRAY_LOCK, "Array", "lock", array_lock, Named)                                                               \
    each(ARRAY_SHARED, "Array", "shared", array_shared, Named)                                                         \
    each(ARRAY_GENERATION, "Array", "generation", array_generation, Single)                                            \
    each(HELD_RELEASE, "Held", "release", held_release, Bare)                                                          \
    each(HELD_ENTER, "Held", "__enter__", held_enter, Bare)                                                            \
    each(HELD_EXIT, "Held", "__exit__", held_exit, Several)                                                            \
    each(HANDLE_DEL, "Handle", "__del__", handle_del, Bare)

typedef PyObject *Bare(PyObject *self, PyObject *nothing);
typedef PyObject *Single(PyObject *module, PyObject *argument);
typedef PyObject *Several(PyObject *self, PyObject *const *values, Py_ssize_t count);
typedef PyObject *Named(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names);

#define DECLARED_METHOD(number, class_name, name, function, Kind) Kind function;
METHODS(DECLARED_METHOD)

enum {
#define NUMBERED(number, class_name, name, function, Kind) number,
    METHODS(NUMBERED) METHOD_COUNT
};

/* --- arguments.c */

extern PyObject *slow[METHOD_COUNT]; /* what quicken() found in the class */

/* What a method gets: its arguments, and the names of the last of them, or NULL. */
typedef struct {
    PyObject *const *values;
    Py_ssize_t count; /* without those that have names */
    PyObject *names;
} Arguments;

static const Arguments no_arguments;

/* Calls the Python method. */
PyObject *slowly(int method, PyObject *self, Arguments given);

/* Which arguments a call may have besides those that it must have: they tell how long to wait. */
typedef enum { BLOCK_AND_TIMEOUT, ONLY_TIMEOUT, NO_MORE } Waiting;

/* Whether a call has the arguments that it must have, and of the others only good ones: what they say does not matter
 * where there is nothing to wait for. All else the Python method looks at, and refuses it or not. */
bool is_plain(Arguments given, Py_ssize_t must, Waiting first);

/* Whether a call says nothing of how long to wait: then it waits for ever. */
static inline bool is_patient(Arguments given, Py_ssize_t without)
{
    return given.count == without && given.names == NULL;
}

static inline PyObject *truth(bool value)
{
    PyObject *result = value ? Py_True : Py_False;
    Py_INCREF(result);
    return result;
}

static inline PyObject *none(void)
{
    Py_INCREF(Py_None);
    return Py_None;
}

/* --- waiting, for so long that signals get their turn soon enough; see _waiting.py */

static const int64_t SLICE = 100000000;

static inline bool is_not_yet(int code)
{
    return code == EAGAIN || code == EBUSY || code == ETIMEDOUT;
}

/* The code of `call`, which uses `nanoseconds`: made without waiting, and then, if `patient`, for a slice without the
 * GIL. `object`, what the call works on, lives until it is over. */
#define ATTEMPT(code, object, patient, call)                                                                          \
    do {                                                                                                               \
        int64_t nanoseconds = 0;                                                                                       \
        code = call;                                                                                                   \
        if (is_not_yet(code) && (patient)) {                                                                           \
            PyObject *kept = object;                                                                                   \
            Py_XINCREF(kept);                                                                                          \
            nanoseconds = SLICE;                                                                                       \
            Py_BEGIN_ALLOW_THREADS code = call;                                                                        \
            Py_END_ALLOW_THREADS Py_XDECREF(kept);                                                                     \
        }                                                                                                              \
    } while (0)

/* --- pickles.c */

bool pickles_begin(void);

/* A pickle, where it takes no more than to write down what the object is: nothing in it is handed over by handle.
 * NULL without an exception for other objects. */
PyObject *simple_pickle(PyObject *object);

/* The object that these bytes, which it takes, stand for. */
PyObject *unpickled(PyObject *bytes);

/* --- locks.c */

/* Whether the lock of an array or of a Lock is this handle's now, whole. */
bool takes(Handle handle, uint32_t mode, bool patient);

/* --- connection.c */

extern PyObject *pipe_handle; /* PipeHandle, which ends of pipes have */

/* --- opening.c */

bool opening_begin(void);
PyObject *give_parts(PyObject *module, PyObject *args);

/* --- array.c */

extern PyTypeObject *held_class; /* Held, which is what array.lock() returns */

bool array_begin(void);

/* --- in_front.c */

PyObject *put_in_front(PyObject *module, PyObject *args);
PyObject *names_of_methods(void);
