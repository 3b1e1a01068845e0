/* _hot.c - the usual case of the calls that programs make most often, without the toll of ctypes.
 *
 * Everything this package does, it does in Python, over ctypes. This module only goes ahead: put_in_front() makes C
 * functions that stand before some methods. Each tries its call once, without waiting and with the GIL held: a lock
 * that is free, a queue with room, a message that has come. If that fails and the caller has patience, it waits for one
 * slice of time without the GIL. Whatever else there is to do (to wait longer, to raise, to hear of a death, to convert
 * an argument) the Python method does, from the beginning, as if nothing had been tried. So there is one definition of
 * each method, waits are interrupted by signals as ever, and without this module nothing is missing. Only a long
 * message, once it has begun to go through a pipe, goes through it here to its end.
 *
 * It is linked with nothing: bind() gets the addresses of the functions in the library that ctypes has loaded. It uses
 * Python's limited API of 3.9, so that one compiled module serves all versions from then on.
 */
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
#include <sys/stat.h>

#include "shm_array.h"

/* Arguments as an array. Stable since 3.7, though the limited API names it from 3.10 on only. */
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080
#endif

/* --- the library's functions */

#define FUNCTIONS(each)                                                                                                \
    each(shm_array_open_view) each(shm_array_slice) each(shm_array_view) each(shm_array_identity)                     \
    each(shm_array_close) each(shm_array_lock) each(shm_array_unlock) each(shm_array_generation)                      \
    each(shm_semaphore_wait) each(shm_semaphore_post)                                                                 \
    each(shm_queue_send) each(shm_queue_receive)                                                                      \
    each(shm_pipe_write) each(shm_pipe_read) each(shm_pipe_peek) each(shm_pipe_consume)

static struct {
#define DECLARED(name) __typeof__(name) *name;
    FUNCTIONS(DECLARED)
} library;

static const struct {
    const char *name;
    size_t place;
} bound[] = {
#define PLACED(name) {#name, offsetof(__typeof__(library), name)},
    FUNCTIONS(PLACED)};
enum { BOUND = sizeof bound / sizeof *bound };

static PyObject *bind(PyObject *module, PyObject *args)
{
    (void)module;
    if (PyTuple_Size(args) != BOUND)
        return PyErr_Format(PyExc_TypeError, "bind() takes %d addresses, one for each of FUNCTIONS", BOUND);
    for (Py_ssize_t i = 0; i < BOUND; i++) {
        void *address = PyLong_AsVoidPtr(PyTuple_GetItem(args, i));
        if (address == NULL)
            return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "%s is at NULL", bound[i].name);
        memcpy((char *)&library + bound[i].place, &address, sizeof address);
    }
    Py_RETURN_NONE;
}

/* --- what is kept for each object, as attributes that Python code reads and writes like any others */

/* A ctypes object that holds a pointer, and the pointer. Of which kind it is the class says, in its attribute _Handle:
 * a pointer to something else would be a crash. */
typedef struct {
    PyObject *object;
    void *address; /* NULL: nothing is open any more */
} Handle;

static PyObject *handle_get(PyObject *self, void *offset)
{
    PyObject *object = ((Handle *)((char *)self + (size_t)offset))->object;
    object = object != NULL ? object : Py_None;
    Py_INCREF(object);
    return object;
}

static int handle_set(PyObject *self, PyObject *object, void *offset)
{
    Handle *handle = (Handle *)((char *)self + (size_t)offset);
    void *address = NULL;
    if (object == Py_None)
        object = NULL;
    if (object != NULL) {
        PyObject *kind = PyObject_GetAttrString(self, "_Handle");
        int is_one = kind == NULL ? -1 : PyObject_IsInstance(object, kind);
        if (is_one == 0)
            PyErr_Format(PyExc_TypeError, "%R is no %R", object, kind);
        Py_XDECREF(kind);
        PyObject *value = is_one == 1 ? PyObject_GetAttrString(object, "value") : NULL;
        if (value == NULL)
            return -1;
        address = value == Py_None ? NULL : PyLong_AsVoidPtr(value);
        Py_DECREF(value);
        if (PyErr_Occurred())
            return -1;
        Py_INCREF(object);
    }
    PyObject *before = handle->object;
    handle->object = object;
    handle->address = address;
    Py_XDECREF(before); /* which may close it: the library takes care that no thread is inside */
    return 0;
}

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

static PyTypeObject *quick_type, *opened_type;
static PyTypeObject *held_class; /* Held, which is what array.lock() returns */
static PyObject *pipe_handle;    /* PipeHandle, which ends of pipes have */
static PyObject *dumps, *loads, *protocol, *base_word, *value_word;

/* --- their lives: the garbage collector sees through them, for a class of a caller's can close a circle
 *
 * It does not see the handles, which refer to nothing. Of a circle that nobody can reach it calls all finalisers, in any
 * order, before it takes anything away: a handle that it saw would be closed while the finaliser of another object in
 * the circle still takes or gives back a lock with it. So a handle ends when its object does, after all of that. */

static void freed(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static int quick_traverse(PyObject *object, visitproc visit, void *arg)
{
    Quick *self = (Quick *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->dtype);
    return 0;
}

static int quick_clear(PyObject *object)
{
    Quick *self = (Quick *)object;
    self->handle.address = NULL;
    Py_CLEAR(self->handle.object);
    Py_CLEAR(self->dtype);
    return 0;
}

static void quick_dealloc(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    quick_clear(object);
    free(((Quick *)object)->room);
    freed(object);
}

static int connection_traverse(PyObject *object, visitproc visit, void *arg)
{
    QuickConnection *self = (QuickConnection *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->reader);
    Py_VISIT(self->writer);
    Py_VISIT(self->pollable);
    return 0;
}

static int connection_clear(PyObject *object)
{
    QuickConnection *self = (QuickConnection *)object;
    Py_CLEAR(self->reader);
    Py_CLEAR(self->writer);
    Py_CLEAR(self->pollable);
    return 0;
}

static void connection_dealloc(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    connection_clear(object);
    freed(object);
}

static int opened_traverse(PyObject *object, visitproc visit, void *arg)
{
    QuickOpened *self = (QuickOpened *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->identity);
    Py_VISIT(self->name);
    Py_VISIT(self->descriptor);
    Py_VISIT(self->locks);
    Py_VISIT(self->more_spare);
    return 0;
}

static int opened_clear(PyObject *object)
{
    QuickOpened *self = (QuickOpened *)object;
    while (self->spares > 0)
        Py_DECREF(self->spare[--self->spares].object);
    Py_CLEAR(self->identity);
    Py_CLEAR(self->name);
    Py_CLEAR(self->descriptor);
    Py_CLEAR(self->locks);
    Py_CLEAR(self->more_spare);
    self->handle.address = NULL;
    Py_CLEAR(self->handle.object);
    return 0;
}

static void opened_dealloc(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    opened_clear(object);
    freed(object);
}

static int held_traverse(PyObject *object, visitproc visit, void *arg)
{
    QuickHeld *self = (QuickHeld *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->array);
    Py_VISIT(self->opened);
    Py_VISIT(self->range);
    return 0;
}

static int held_clear(PyObject *object)
{
    QuickHeld *self = (QuickHeld *)object;
    self->handle.address = NULL;
    Py_CLEAR(self->handle.object);
    Py_CLEAR(self->array);
    Py_CLEAR(self->opened);
    Py_CLEAR(self->range);
    return 0;
}

/* Nobody gave the lock back: the end of the handle does, and Python code tells. */
static void held_finalize(PyObject *object)
{
    if (((QuickHeld *)object)->handle.object == NULL)
        return;
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *told = PyObject_CallMethod(object, "_forgotten", NULL);
    if (told == NULL)
        PyErr_WriteUnraisable(object);
    Py_XDECREF(told);
    PyErr_Restore(type, value, trace);
}

static void held_dealloc(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    held_clear(object);
    freed(object);
}

/* What numpy asks for: all elements, as bytes. */
static PyObject *opened_bytes(PyObject *object, void *unused)
{
    (void)unused;
    const QuickOpened *self = (const QuickOpened *)object;
    PyObject *read_only = self->flags & SHM_ARRAY_VIEW_WRITABLE ? Py_False : Py_True;
    return Py_BuildValue("{s:i,s:s,s:(K),s:(KO)}", "version", 3, "typestr", "|u1", "shape", self->nbytes, "data",
                         self->data, read_only);
}

#define HANDLE(name, type)                                                                                             \
    {                                                                                                                  \
        name, handle_get, handle_set, NULL, (void *)offsetof(type, handle)                                             \
    }
static PyGetSetDef quick_properties[] = {HANDLE("_handle", Quick), {0}};
static PyGetSetDef opened_properties[] = {
    HANDLE("handle", QuickOpened), {"__array_interface__", opened_bytes, NULL, NULL, NULL}, {0}};
static PyGetSetDef held_properties[] = {HANDLE("_handle", QuickHeld), {0}};

static PyMemberDef quick_members[] = {
    {"_owner", T_ULONG, offsetof(Quick, owner), 0, NULL},
    {"_count", T_PYSSIZET, offsetof(Quick, count), 0, NULL},
    {"owner_died", T_BOOL, offsetof(Quick, owner_died), 0, NULL},
    {"dtype", T_OBJECT, offsetof(Quick, dtype), 0, NULL},
    {"item_bytes", T_PYSSIZET, offsetof(Quick, item_bytes), 0, NULL},
    {0}};
static PyMemberDef connection_members[] = {
    {"_reader", T_OBJECT, offsetof(QuickConnection, reader), 0, NULL},
    {"_writer", T_OBJECT, offsetof(QuickConnection, writer), 0, NULL},
    {"_pollable", T_OBJECT, offsetof(QuickConnection, pollable), 0, NULL},
    {0}};
static PyMemberDef opened_members[] = {
    {"closed", T_BOOL, offsetof(QuickOpened, closed), 0, NULL},
    {"untracked", T_BOOL, offsetof(QuickOpened, untracked), 0, NULL},
    {"data", T_ULONGLONG, offsetof(QuickOpened, data), 0, NULL},
    {"nbytes", T_ULONGLONG, offsetof(QuickOpened, nbytes), 0, NULL},
    {"flags", T_UINT, offsetof(QuickOpened, flags), 0, NULL},
    {"_identity", T_OBJECT, offsetof(QuickOpened, identity), 0, NULL},
    {"_name", T_OBJECT, offsetof(QuickOpened, name), 0, NULL},
    {"descriptor", T_OBJECT, offsetof(QuickOpened, descriptor), 0, NULL},
    {"locks", T_OBJECT, offsetof(QuickOpened, locks), 0, NULL},
    {"spare", T_OBJECT, offsetof(QuickOpened, more_spare), 0, NULL},
    {0}};
static PyMemberDef held_members[] = {
    {"_array", T_OBJECT, offsetof(QuickHeld, array), 0, NULL},
    {"_opened", T_OBJECT, offsetof(QuickHeld, opened), 0, NULL},
    {"_range", T_OBJECT, offsetof(QuickHeld, range), 0, NULL},
    {"owner_died", T_BOOL, offsetof(QuickHeld, owner_died), 0, NULL},
    {0}};

/* --- the Python methods, for all that is not the usual case */

enum {
    LOCK_ACQUIRE,
    LOCK_RELEASE,
    LOCK_ENTER,
    LOCK_EXIT,
    RLOCK_ACQUIRE,
    RLOCK_RELEASE,
    RLOCK_ENTER,
    RLOCK_EXIT,
    SEMAPHORE_ACQUIRE,
    SEMAPHORE_RELEASE,
    SEMAPHORE_ENTER,
    SEMAPHORE_EXIT,
    QUEUE_PUT,
    QUEUE_GET,
    QUEUE_SEND,
    QUEUE_RECEIVE,
    CONNECTION_SEND,
    CONNECTION_RECEIVE,
    CONNECTION_SEND_BYTES,
    CONNECTION_RECEIVE_BYTES,
    OPEN,
    ARRAY_ENTER,
    ARRAY_EXIT,
    ARRAY_CLOSE,
    ARRAY_LOCK,
    ARRAY_SHARED,
    ARRAY_GENERATION,
    HELD_RELEASE,
    HELD_ENTER,
    HELD_EXIT,
    HANDLE_DEL,
    METHODS
};

static PyObject *slow[METHODS]; /* what quicken() found in the class */

/* What a method gets: its arguments, and the names of the last of them, or NULL. */
typedef struct {
    PyObject *const *values;
    Py_ssize_t count; /* without those that have names */
    PyObject *names;
} Arguments;

static const Arguments no_arguments;

static PyObject *slowly(int method, PyObject *self, Arguments given)
{
    Py_ssize_t named = given.names == NULL ? 0 : PyTuple_Size(given.names);
    Py_ssize_t first = self != NULL; /* a function has none */
    PyObject *positional = PyTuple_New(first + given.count), *keywords = PyDict_New(), *result = NULL;
    if (positional == NULL || keywords == NULL)
        goto done;
    for (Py_ssize_t i = 0; i < first + given.count; i++) {
        PyObject *each = i < first ? self : given.values[i - first];
        Py_INCREF(each);
        PyTuple_SetItem(positional, i, each);
    }
    for (Py_ssize_t i = 0; i < named; i++)
        if (PyDict_SetItem(keywords, PyTuple_GetItem(given.names, i), given.values[given.count + i]) != 0)
            goto done;
    result = PyObject_Call(slow[method], positional, keywords);
done:
    Py_XDECREF(positional);
    Py_XDECREF(keywords);
    return result;
}

static PyObject *truth(bool value)
{
    PyObject *result = value ? Py_True : Py_False;
    Py_INCREF(result);
    return result;
}

static PyObject *none(void)
{
    Py_INCREF(Py_None);
    return Py_None;
}

/* Which arguments a call may have besides those that it must have: they tell how long to wait. */
typedef enum { BLOCK_AND_TIMEOUT, ONLY_TIMEOUT, NO_MORE } Waiting;

static const char *const waiting[NO_MORE] = {"block", "timeout"};

/* Whether the argument, `block` or `timeout`, is one that nobody can object to. */
static bool is_good(PyObject *value, int which)
{
    if (which == 0)
        return value == Py_True || value == Py_False;
    if (PyFloat_CheckExact(value))
        return PyFloat_AsDouble(value) >= 0;
    int overflow = 0;
    return value == Py_None ||
           (PyLong_CheckExact(value) && PyLong_AsLongAndOverflow(value, &overflow) >= 0 && overflow == 0);
}

/* Whether a call has the arguments that it must have, and of the others only good ones: what they say does not matter
 * where there is nothing to wait for. All else the Python method looks at, and refuses it or not. */
static bool is_plain(Arguments given, Py_ssize_t must, Waiting first)
{
    Py_ssize_t named = given.names == NULL ? 0 : PyTuple_Size(given.names), others = given.count - must;
    if (others < 0 || others + named > NO_MORE - (int)first)
        return false;
    for (Py_ssize_t i = 0; i < others; i++)
        if (!is_good(given.values[must + i], (int)(first + i)))
            return false;
    for (Py_ssize_t i = 0; i < named; i++) {
        int which = first + (int)others; /* those before it are there without a name */
        PyObject *name = PyTuple_GetItem(given.names, i);
        while (which < NO_MORE && PyUnicode_CompareWithASCIIString(name, waiting[which]) != 0)
            which++;
        if (which == NO_MORE || !is_good(given.values[given.count + i], which))
            return false;
    }
    return true;
}

/* Whether a call says nothing of how long to wait: then it waits for ever. */
static bool is_patient(Arguments given, Py_ssize_t without)
{
    return given.count == without && given.names == NULL;
}

/* --- waiting, for so long that signals get their turn soon enough; see _waiting.py */

static const int64_t SLICE = 100000000;

static bool is_not_yet(int code)
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

/* --- Lock */

static bool takes(Handle handle, uint32_t mode, bool patient)
{
    int code;
    Py_XINCREF(handle.object);
    ATTEMPT(code, handle.object, patient, library.shm_array_lock(handle.address, mode, nanoseconds));
    if (code == EOWNERDEAD) /* the Python method takes it once more, and is told again */
        library.shm_array_unlock(handle.address);
    Py_XDECREF(handle.object);
    return code == 0;
}

static PyObject *lock_acquire(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, BLOCK_AND_TIMEOUT) &&
        takes(((Quick *)self)->handle, SHM_ARRAY_EXCLUSIVE, is_patient(given, 0)))
        return truth(true);
    return slowly(LOCK_ACQUIRE, self, given);
}

static PyObject *lock_enter(PyObject *self, PyObject *args)
{
    (void)args;
    if (takes(((Quick *)self)->handle, SHM_ARRAY_EXCLUSIVE, true))
        return truth(true);
    return slowly(LOCK_ENTER, self, no_arguments);
}

static bool lock_given_back(PyObject *self)
{
    ((Quick *)self)->owner_died = 0;
    return library.shm_array_unlock(((Quick *)self)->handle.address) == 0;
}

static PyObject *lock_release(PyObject *self, PyObject *args)
{
    (void)args;
    return lock_given_back(self) ? none() : slowly(LOCK_RELEASE, self, no_arguments);
}

static PyObject *lock_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return lock_given_back(self) ? none() : slowly(LOCK_EXIT, self, (Arguments){values, count, NULL});
}

/* --- RLock */

static bool rlock_taken(PyObject *object, bool patient)
{
    Quick *self = (Quick *)object;
    unsigned long me = PyThread_get_thread_ident();
    if (self->owner != me) {
        if (!takes(self->handle, SHM_ARRAY_EXCLUSIVE, patient))
            return false;
        self->owner = me;
        self->count = 0;
    }
    self->count++;
    return true;
}

static PyObject *rlock_acquire(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, BLOCK_AND_TIMEOUT) && rlock_taken(self, is_patient(given, 0)))
        return truth(true);
    return slowly(RLOCK_ACQUIRE, self, given);
}

static PyObject *rlock_enter(PyObject *self, PyObject *args)
{
    (void)args;
    return rlock_taken(self, true) ? truth(true) : slowly(RLOCK_ENTER, self, no_arguments);
}

static bool rlock_given_back(PyObject *object)
{
    Quick *self = (Quick *)object;
    if (self->owner != PyThread_get_thread_ident())
        return false;
    if (--self->count == 0) {
        self->owner = 0;
        lock_given_back(object);
    }
    return true;
}

static PyObject *rlock_release(PyObject *self, PyObject *args)
{
    (void)args;
    return rlock_given_back(self) ? none() : slowly(RLOCK_RELEASE, self, no_arguments);
}

static PyObject *rlock_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return rlock_given_back(self) ? none() : slowly(RLOCK_EXIT, self, (Arguments){values, count, NULL});
}

/* --- Semaphore, BoundedSemaphore */

static bool permit_taken(PyObject *self, bool patient)
{
    Handle handle = ((Quick *)self)->handle;
    int code;
    ATTEMPT(code, handle.object, patient, library.shm_semaphore_wait(handle.address, nanoseconds));
    return code == 0;
}

static bool permit_given(PyObject *self)
{
    return library.shm_semaphore_post(((Quick *)self)->handle.address, 1) == 0;
}

static PyObject *semaphore_acquire(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, BLOCK_AND_TIMEOUT) && permit_taken(self, is_patient(given, 0)))
        return truth(true);
    return slowly(SEMAPHORE_ACQUIRE, self, given);
}

static PyObject *semaphore_release(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, NO_MORE) && permit_given(self))
        return none();
    return slowly(SEMAPHORE_RELEASE, self, given);
}

static PyObject *semaphore_enter(PyObject *self, PyObject *args)
{
    (void)args;
    return permit_taken(self, true) ? truth(true) : slowly(SEMAPHORE_ENTER, self, no_arguments);
}

static PyObject *semaphore_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return permit_given(self) ? none() : slowly(SEMAPHORE_EXIT, self, (Arguments){values, count, NULL});
}

/* --- bytes, and their pickles */

/* A pickle, where it takes no more than to write down what the object is: nothing in it is handed over by handle.
 * NULL without an exception for other objects. */
static PyObject *simple_pickle(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type != &PyBytes_Type && type != &PyUnicode_Type && type != &PyLong_Type && type != &PyFloat_Type &&
        type != &PyBool_Type && object != Py_None)
        return NULL;
    return PyObject_CallFunctionObjArgs(dumps, object, protocol, NULL);
}

static PyObject *unpickled(PyObject *bytes)
{
    PyObject *result = bytes == NULL ? NULL : PyObject_CallFunctionObjArgs(loads, bytes, NULL);
    Py_XDECREF(bytes);
    return result;
}

/* --- Queue */

static bool queue_sent(Quick *self, PyObject *bytes, bool patient)
{
    char *data = PyBytes_AsString(bytes);
    Py_ssize_t length = PyBytes_Size(bytes);
    Handle handle = self->handle;
    if (length > self->item_bytes)
        return false;
    int code;
    ATTEMPT(code, handle.object, patient, library.shm_queue_send(handle.address, data, length, 0, nanoseconds));
    return code == 0;
}

static PyObject *queue_put(PyObject *object, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    Quick *self = (Quick *)object;
    if (is_plain(given, 1, BLOCK_AND_TIMEOUT) && self->dtype == Py_None) {
        PyObject *bytes = simple_pickle(given.values[0]);
        bool sent = bytes != NULL && queue_sent(self, bytes, is_patient(given, 1));
        Py_XDECREF(bytes);
        if (PyErr_Occurred())
            return NULL;
        if (sent)
            return none();
    }
    return slowly(QUEUE_PUT, object, given);
}

static PyObject *queue_send(PyObject *object, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 1, BLOCK_AND_TIMEOUT)) {
        PyObject *bytes = given.values[0];
        if (PyBytes_CheckExact(bytes) && queue_sent((Quick *)object, bytes, is_patient(given, 1)))
            return none();
    }
    return slowly(QUEUE_SEND, object, given);
}

/* NULL without an exception: there is none, or it is not an ordinary one. The room is taken along while this thread
 * waits: others make another one. */
static PyObject *queue_received(Quick *self, bool patient)
{
    Handle handle = self->handle;
    Py_ssize_t size = self->item_bytes;
    if (size < 0)
        return NULL;
    char *room = self->room_bytes >= size ? self->room : NULL;
    if (room != NULL)
        self->room = NULL;
    else if ((room = malloc(size + 1)) == NULL)
        return PyErr_NoMemory();
    PyObject *kept = (PyObject *)self, *bytes = NULL;
    Py_INCREF(kept);
    size_t length;
    int code;
    ATTEMPT(code, handle.object, patient,
            library.shm_queue_receive(handle.address, room, size, nanoseconds, &length));
    if (code == 0)
        bytes = PyBytes_FromStringAndSize(room, length);
    free(self->room);
    self->room = room;
    self->room_bytes = size;
    Py_DECREF(kept);
    return bytes;
}

static PyObject *queue_get(PyObject *object, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    Quick *self = (Quick *)object;
    if (is_plain(given, 0, BLOCK_AND_TIMEOUT) && self->dtype == Py_None) {
        PyObject *bytes = queue_received(self, is_patient(given, 0));
        if (bytes != NULL || PyErr_Occurred())
            return unpickled(bytes);
    }
    return slowly(QUEUE_GET, object, given);
}

static PyObject *queue_receive(PyObject *object, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, BLOCK_AND_TIMEOUT)) {
        PyObject *bytes = queue_received((Quick *)object, is_patient(given, 0));
        if (bytes != NULL || PyErr_Occurred())
            return bytes;
    }
    return slowly(QUEUE_RECEIVE, object, given);
}

/* --- Connection: in a pipe each message has its length before it, as 8 bytes in network order */

enum { HEAD = 8 };

/* The handle of an end of a pipe; nothing where it is closed, or not there, or something else. */
static Handle handle_of(PyObject *end)
{
    bool is_quick = end != NULL && PyType_IsSubtype(Py_TYPE(end), quick_type);
    Handle handle = is_quick ? ((Quick *)end)->handle : (Handle){NULL, NULL};
    bool is_end = handle.object != NULL && (PyObject *)Py_TYPE(handle.object) == pipe_handle;
    return is_end ? handle : (Handle){NULL, NULL};
}

typedef enum { NOTHING, DONE, FAILED } Outcome;

/* What an error in the middle of a message is to Python code. */
static Outcome failed(PyObject *end, int code)
{
    PyObject *raised = PyObject_CallMethod(end, "_check", "i", code);
    Py_XDECREF(raised);
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_OSError, "the pipe was closed in the middle of a message");
    return FAILED;
}

/* All of these bytes, however long it takes: NOTHING, if none was written and the first attempt was no use. */
static Outcome written(PyObject *end, Handle pipe, const char *data, size_t length, bool begun)
{
    while (length > 0) {
        size_t some = 0;
        int code;
        ATTEMPT(code, pipe.object, true, library.shm_pipe_write(pipe.address, data, length, nanoseconds, &some));
        if (code != 0 && !begun)
            return NOTHING;
        if (is_not_yet(code) && PyErr_CheckSignals() != 0)
            return FAILED;
        if (code != 0 && !is_not_yet(code))
            return failed(end, code);
        data += some;
        length -= some;
        begun = true;
    }
    return DONE;
}

static Outcome connection_sent(QuickConnection *self, PyObject *bytes)
{
    char piece[SHM_PIPE_ATOMIC]; /* is written at once or not at all: a short message as a whole */
    const char *data = PyBytes_AsString(bytes);
    size_t length = PyBytes_Size(bytes), first = length < sizeof piece - HEAD ? length : sizeof piece - HEAD;
    PyObject *end = self->writer;
    Handle pipe = handle_of(end);
    if (pipe.address == NULL)
        return NOTHING;
    for (int i = 0; i < HEAD; i++)
        piece[i] = (char)((uint64_t)length >> (8 * (HEAD - 1 - i)));
    memcpy(piece + HEAD, data, first);
    Py_INCREF(end);
    Py_INCREF(pipe.object);
    Outcome outcome = written(end, pipe, piece, HEAD + first, false);
    if (outcome == DONE)
        outcome = written(end, pipe, data + first, length - first, true);
    Py_DECREF(pipe.object);
    Py_DECREF(end);
    return outcome;
}

static PyObject *connection_send(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 1, NO_MORE)) {
        PyObject *bytes = simple_pickle(given.values[0]);
        Outcome outcome = bytes == NULL ? NOTHING : connection_sent((QuickConnection *)self, bytes);
        Py_XDECREF(bytes);
        if (PyErr_Occurred())
            return NULL;
        if (outcome == DONE)
            return none();
    }
    return slowly(CONNECTION_SEND, self, given);
}

static PyObject *connection_send_bytes(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 1, NO_MORE) && PyBytes_CheckExact(given.values[0])) {
        Outcome outcome = connection_sent((QuickConnection *)self, given.values[0]);
        if (outcome != NOTHING)
            return outcome == DONE ? none() : NULL;
    }
    return slowly(CONNECTION_SEND_BYTES, self, given);
}

/* So many bytes, to memory of our own. */
static Outcome filled(PyObject *end, Handle pipe, char *data, size_t length)
{
    while (length > 0) {
        size_t some = 0;
        int code;
        ATTEMPT(code, pipe.object, true, library.shm_pipe_read(pipe.address, data, length, nanoseconds, &some));
        if (is_not_yet(code) && PyErr_CheckSignals() != 0)
            return FAILED;
        if (is_not_yet(code))
            continue;
        if (code != 0 || some == 0)
            return failed(end, code != 0 ? code : EPIPE);
        data += some;
        length -= some;
    }
    return DONE;
}

/* NULL without an exception: there is no message yet, or nothing but the end, or its length lies in two pieces. */
static PyObject *connection_received(QuickConnection *self)
{
    PyObject *end = self->reader, *bytes = NULL;
    Handle pipe = handle_of(end);
    if (pipe.address == NULL || (self->pollable != NULL && self->pollable != Py_None)) /* a descriptor to look after */
        return NULL;
    Py_INCREF(end);
    Py_INCREF(pipe.object);
    const void *data;
    size_t there;
    int code;
    ATTEMPT(code, pipe.object, true, library.shm_pipe_peek(pipe.address, nanoseconds, &data, &there));
    if (code == 0 && there > 0) {
        uint64_t length = UINT64_MAX;
        if (there >= HEAD) {
            length = 0;
            for (int i = 0; i < HEAD; i++)
                length = length << 8 | ((const unsigned char *)data)[i];
        }
        bool whole = length <= there - HEAD && there >= HEAD;
        if (length <= PY_SSIZE_T_MAX)
            bytes = PyBytes_FromStringAndSize(whole ? (const char *)data + HEAD : NULL, length);
        library.shm_pipe_consume(pipe.address, bytes == NULL ? 0 : whole ? HEAD + length : HEAD);
        if (bytes != NULL && !whole && filled(end, pipe, PyBytes_AsString(bytes), length) != DONE)
            Py_CLEAR(bytes);
    }
    Py_DECREF(pipe.object);
    Py_DECREF(end);
    return bytes;
}

static PyObject *connection_receive(PyObject *self, PyObject *args)
{
    (void)args;
    PyObject *bytes = connection_received((QuickConnection *)self);
    if (bytes != NULL || PyErr_Occurred())
        return unpickled(bytes);
    return slowly(CONNECTION_RECEIVE, self, no_arguments);
}

static PyObject *connection_receive_bytes(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, NO_MORE)) {
        PyObject *bytes = connection_received((QuickConnection *)self);
        if (bytes != NULL || PyErr_Occurred())
            return bytes;
    }
    return slowly(CONNECTION_RECEIVE_BYTES, self, given);
}

/* --- Array, and its Held */

/* What an array is based on, through however many views; NULL without an exception where it is closed, or a copy. */
static QuickOpened *opened_of(PyObject *array)
{
    PyObject *base = array;
    Py_INCREF(base);
    while (base != Py_None && !PyType_IsSubtype(Py_TYPE(base), opened_type)) {
        PyObject *next = PyObject_GetAttr(base, base_word);
        Py_DECREF(base);
        if (next == NULL) {
            PyErr_Clear();
            return NULL;
        }
        base = next;
    }
    if (base != Py_None && !((QuickOpened *)base)->closed)
        return (QuickOpened *)base;
    Py_DECREF(base);
    return NULL;
}

/* What arrays are made of, from Python: the classes and functions, and what is open here, by name, in either mode. */
static struct {
    PyObject *array, *opened, *handle, *simple, *of_texts, *asarray, *new, *here[2], *forget_some;
} parts;

static PyObject *give_parts(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject **all = (PyObject **)&parts, *given[sizeof parts / sizeof(PyObject *)];
    if (!PyArg_ParseTuple(args, "O!OOO!OOO(O!O!)O", &PyType_Type, &given[0], &given[1], &given[2], &PyDict_Type,
                          &given[3], &given[4], &given[5], &given[6], &PyDict_Type, &given[7], &PyDict_Type, &given[8],
                          &given[9]))
        return NULL;
    if (!PyType_Check(given[1]) || !PyType_IsSubtype((PyTypeObject *)given[1], opened_type))
        return PyErr_Format(PyExc_TypeError, "%R is no kind of QuickOpened", given[1]);
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        PyObject *before = all[i]; /* of a package that was imported before, and has been removed from sys.modules */
        Py_INCREF(given[i]);
        all[i] = given[i];
        Py_XDECREF(before);
    }
    Py_RETURN_NONE;
}

static PyObject *numbers(const void *values, uint32_t count, bool are_signed)
{
    PyObject *tuple = PyTuple_New(count);
    for (uint32_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *number = are_signed ? PyLong_FromLongLong(((const int64_t *)values)[i])
                                      : PyLong_FromUnsignedLongLong(((const uint64_t *)values)[i]);
        if (number == NULL || PyTuple_SetItem(tuple, i, number) != 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

/* The Opened of a handle, which it closes in the end, whatever happens. */
static PyObject *opened_over(shm_array_t *address, const shm_array_view_t *view)
{
    PyObject *number = PyLong_FromVoidPtr(address);
    PyObject *handle = number == NULL ? NULL : PyObject_CallFunctionObjArgs(parts.handle, number, NULL);
    Py_XDECREF(number);
    if (handle == NULL) {
        library.shm_array_close(address);
        return NULL;
    }
    QuickOpened *opened = (QuickOpened *)PyType_GenericAlloc((PyTypeObject *)parts.opened, 0);
    if (opened == NULL) {
        Py_DECREF(handle);
        return NULL;
    }
    opened->handle = (Handle){handle, address};
    opened->data = (uintptr_t)view->data;
    opened->nbytes = view->nbytes;
    opened->flags = view->flags;
    return (PyObject *)opened;
}

static PyObject *dtype_of(const shm_array_view_t *view)
{
    PyObject *text = PyBytes_FromString(view->dtype);
    PyObject *found = text == NULL || *view->dtype_tag != 0 ? NULL : PyDict_GetItemWithError(parts.simple, text);
    if (found != NULL)
        Py_INCREF(found);
    else if (!PyErr_Occurred())
        found = PyObject_CallFunction(parts.of_texts, "Oy", text, view->dtype_tag);
    Py_XDECREF(text);
    return found;
}

/* The Array over an Opened, as Array._of() makes it. */
static PyObject *array_over(PyObject *opened, const shm_array_view_t *view)
{
    PyObject *dtype = dtype_of(view), *memory = NULL, *shape = NULL, *strides = NULL, *array = NULL;
    if (dtype != NULL && (memory = PyObject_CallFunctionObjArgs(parts.asarray, opened, NULL)) != NULL &&
        (shape = numbers(view->shape, view->ndim, false)) != NULL &&
        (strides = numbers(view->strides, view->ndim, true)) != NULL)
        array = PyObject_CallFunction(parts.new, "OOOOiO", parts.array, shape, dtype, memory, 0, strides);
    Py_XDECREF(dtype);
    Py_XDECREF(memory);
    Py_XDECREF(shape);
    Py_XDECREF(strides);
    return array;
}

/* What this process has open by this name, with a reference, if the name still is its; NULL, without an exception, if
 * there is none. */
static PyObject *known_by(PyObject *here, PyObject *name, const char *path)
{
    PyObject *reference = PyDict_GetItemWithError(here, name);
    PyObject *known = reference == NULL ? NULL : PyObject_CallFunctionObjArgs(reference, NULL);
    struct stat found;
    shm_array_identity_t identity = {.size = sizeof identity};
    if (known != NULL && PyType_IsSubtype(Py_TYPE(known), opened_type) && lstat(path, &found) == 0 &&
        library.shm_array_identity(((QuickOpened *)known)->handle.address, &identity) == 0 &&
        identity.device == found.st_dev && identity.inode == found.st_ino)
        return known;
    PyErr_Clear();
    Py_XDECREF(known);
    return NULL;
}

static void remember(PyObject *here, PyObject *name, PyObject *opened)
{
    enum { MANY = 64 }; /* forget_some() knows it better */
    Py_ssize_t before = PyDict_Size(here);
    PyObject *reference = PyWeakref_NewRef(opened, NULL);
    if (reference == NULL || PyDict_SetItem(here, name, reference) != 0)
        PyErr_Clear(); /* it is open all the same */
    Py_XDECREF(reference);
    if (PyDict_Size(here) > before && before + 1 >= MANY) {
        PyObject *done = PyObject_CallFunctionObjArgs(parts.forget_some, here, NULL);
        if (done == NULL)
            PyErr_Clear();
        Py_XDECREF(done);
    }
}

/* open(name, mode) of what exists and can be opened; NULL, and perhaps no exception, where it is another case. */
static PyObject *opened_array(PyObject *name, PyObject *mode)
{
    if (parts.array == NULL || !PyUnicode_CheckExact(name) || (mode != NULL && !PyUnicode_CheckExact(mode)))
        return NULL;
    bool writes = mode != NULL && PyUnicode_CompareWithASCIIString(mode, "r+") == 0;
    if (mode != NULL && !writes && PyUnicode_CompareWithASCIIString(mode, "r") != 0)
        return NULL;
    PyObject *bytes = PyUnicode_EncodeFSDefault(name), *result = NULL;
    char *text, path[300] = "/dev/shm/";
    if (bytes == NULL || PyBytes_AsStringAndSize(bytes, &text, NULL) != 0) {
        PyErr_Clear();
        Py_XDECREF(bytes);
        return NULL;
    }
    bool is_plain = strchr(text, '/') == NULL && strlen(text) < sizeof path - strlen(path);
    PyObject *here = parts.here[writes], *known = NULL;
    shm_array_view_t view = {.size = sizeof view};
    shm_array_t *handle = NULL;
    if (is_plain && (known = known_by(here, name, strcat(path, text))) != NULL) {
        if (library.shm_array_slice(((QuickOpened *)known)->handle.address, 0, NULL, NULL, NULL, &handle) == 0 &&
            library.shm_array_view(handle, &view) != 0) {
            library.shm_array_close(handle);
            handle = NULL;
        }
    } else {
        int code;
        Py_BEGIN_ALLOW_THREADS
        code = library.shm_array_open_view(text, writes ? SHM_ARRAY_WRITE : SHM_ARRAY_READ, &handle, &view);
        Py_END_ALLOW_THREADS
        if (code != 0)
            handle = NULL;
    }
    PyObject *opened = handle == NULL ? NULL : opened_over(handle, &view);
    if (opened != NULL) {
        result = array_over(opened, &view);
        if (result != NULL && is_plain && known == NULL && (view.flags & SHM_ARRAY_VIEW_SHARED))
            remember(here, name, opened);
        Py_DECREF(opened);
    }
    Py_XDECREF(known);
    Py_DECREF(bytes);
    return result;
}

static PyObject *open_(PyObject *module, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    (void)module;
    Arguments given = {values, count, names};
    Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);
    bool has_mode = count == 2;
    if (named == 1)
        has_mode = PyUnicode_CompareWithASCIIString(PyTuple_GetItem(names, 0), "mode") == 0;
    PyObject *array = NULL;
    if (count >= 1 && count + named == 1 + has_mode)
        array = opened_array(values[0], has_mode ? values[1] : NULL);
    return array != NULL || PyErr_Occurred() ? array : slowly(OPEN, NULL, given);
}

/* Nobody uses the handle any more; to a finaliser that does all the same it is NULL. */
static PyObject *handle_del(PyObject *self, PyObject *args)
{
    (void)args;
    PyObject *value = PyObject_GetAttr(self, value_word);
    void *address = value == NULL || value == Py_None ? NULL : PyLong_AsVoidPtr(value);
    Py_XDECREF(value);
    if (PyErr_Occurred())
        return NULL;
    if (address != NULL) {
        if (PyObject_SetAttr(self, value_word, Py_None) != 0)
            return NULL;
        Py_BEGIN_ALLOW_THREADS
        library.shm_array_close(address);
        Py_END_ALLOW_THREADS
    }
    return none();
}

static PyObject *array_enter(PyObject *self, PyObject *args)
{
    (void)args;
    QuickOpened *opened = opened_of(self);
    if (opened == NULL)
        return slowly(ARRAY_ENTER, self, no_arguments);
    Py_DECREF(opened);
    Py_INCREF(self);
    return self;
}

/* True where no lock has to be given back. */
static bool array_closed(PyObject *self)
{
    QuickOpened *opened = opened_of(self);
    bool is_plain = opened != NULL && (opened->locks == NULL || opened->locks == Py_None);
    if (is_plain) {
        opened->closed = 1;
        Py_CLEAR(opened->descriptor);
    }
    Py_XDECREF(opened);
    return is_plain;
}

static PyObject *array_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return array_closed(self) ? none() : slowly(ARRAY_EXIT, self, (Arguments){values, count, NULL});
}

static PyObject *array_close(PyObject *self, PyObject *args)
{
    (void)args;
    return array_closed(self) ? none() : slowly(ARRAY_CLOSE, self, no_arguments);
}

static PyObject *array_locked(PyObject *array, uint32_t mode)
{
    QuickOpened *opened = opened_of(array);
    if (opened == NULL)
        return NULL;
    PyObject *object = NULL;
    if (opened->spares > 0 && (object = PyType_GenericAlloc(held_class, 0)) != NULL) {
        /* Memory is where the garbage collector comes by, and a finaliser may have taken the last spare. */
        Handle *spare = opened->spares > 0 ? &opened->spare[opened->spares - 1] : NULL;
        if (spare != NULL && takes(*spare, mode, false)) {
            QuickHeld *held = (QuickHeld *)object;
            opened->spares--;
            held->handle = *spare;
            held->opened = (PyObject *)opened;
            held->array = array;
            Py_INCREF(array);
            return object;
        }
        Py_DECREF(object);
    }
    Py_DECREF(opened);
    return NULL;
}

static PyObject *array_lock(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    PyObject *held = is_plain(given, 0, ONLY_TIMEOUT) ? array_locked(self, SHM_ARRAY_EXCLUSIVE) : NULL;
    return held != NULL || PyErr_Occurred() ? held : slowly(ARRAY_LOCK, self, given);
}

static PyObject *array_shared(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    PyObject *held = is_plain(given, 0, ONLY_TIMEOUT) ? array_locked(self, SHM_ARRAY_SHARED) : NULL;
    return held != NULL || PyErr_Occurred() ? held : slowly(ARRAY_SHARED, self, given);
}

static bool held_given_back(PyObject *object)
{
    QuickHeld *self = (QuickHeld *)object;
    QuickOpened *opened = (QuickOpened *)self->opened;
    enum { ROOM = sizeof opened->spare / sizeof *opened->spare };
    if (self->handle.object == NULL)
        return true;
    if (opened == NULL || !PyType_IsSubtype(Py_TYPE(opened), opened_type) || opened->spares == ROOM ||
        (self->range != NULL && self->range != Py_None))
        return false;
    library.shm_array_unlock(self->handle.address); /* EPERM, where close() or a fork left nothing, is as good */
    opened->spare[opened->spares++] = self->handle;
    self->handle = (Handle){NULL, NULL};
    return true;
}

static PyObject *held_release(PyObject *self, PyObject *args)
{
    (void)args;
    return held_given_back(self) ? none() : slowly(HELD_RELEASE, self, no_arguments);
}

static PyObject *held_enter(PyObject *self, PyObject *args)
{
    (void)args;
    Py_INCREF(self);
    return self;
}

static PyObject *held_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return held_given_back(self) ? none() : slowly(HELD_EXIT, self, (Arguments){values, count, NULL});
}

static PyObject *array_generation(PyObject *module, PyObject *array)
{
    (void)module;
    QuickOpened *opened = opened_of(array);
    uint64_t number;
    int code = opened == NULL ? -1 : library.shm_array_generation(opened->handle.address, &number);
    Py_XDECREF(opened);
    return code == 0 ? PyLong_FromUnsignedLongLong(number) : slowly(ARRAY_GENERATION, array, no_arguments);
}

/* --- putting them in front */

enum { WITH_ARGUMENTS = METH_FASTCALL | METH_KEYWORDS };

static struct {
    const char *class_name, *name;
    void *function;
    int flags;
    PyMethodDef definition;
} methods[METHODS] = {
    [LOCK_ACQUIRE] = {"Lock", "acquire", lock_acquire, WITH_ARGUMENTS, {0}},
    [LOCK_RELEASE] = {"Lock", "release", lock_release, METH_NOARGS, {0}},
    [LOCK_ENTER] = {"Lock", "__enter__", lock_enter, METH_NOARGS, {0}},
    [LOCK_EXIT] = {"Lock", "__exit__", lock_exit, METH_FASTCALL, {0}},
    [RLOCK_ACQUIRE] = {"RLock", "acquire", rlock_acquire, WITH_ARGUMENTS, {0}},
    [RLOCK_RELEASE] = {"RLock", "release", rlock_release, METH_NOARGS, {0}},
    [RLOCK_ENTER] = {"RLock", "__enter__", rlock_enter, METH_NOARGS, {0}},
    [RLOCK_EXIT] = {"RLock", "__exit__", rlock_exit, METH_FASTCALL, {0}},
    [SEMAPHORE_ACQUIRE] = {"Semaphore", "acquire", semaphore_acquire, WITH_ARGUMENTS, {0}},
    [SEMAPHORE_RELEASE] = {"Semaphore", "release", semaphore_release, WITH_ARGUMENTS, {0}},
    [SEMAPHORE_ENTER] = {"Semaphore", "__enter__", semaphore_enter, METH_NOARGS, {0}},
    [SEMAPHORE_EXIT] = {"Semaphore", "__exit__", semaphore_exit, METH_FASTCALL, {0}},
    [QUEUE_PUT] = {"Queue", "put", queue_put, WITH_ARGUMENTS, {0}},
    [QUEUE_GET] = {"Queue", "get", queue_get, WITH_ARGUMENTS, {0}},
    [QUEUE_SEND] = {"Queue", "send_bytes", queue_send, WITH_ARGUMENTS, {0}},
    [QUEUE_RECEIVE] = {"Queue", "recv_bytes", queue_receive, WITH_ARGUMENTS, {0}},
    [CONNECTION_SEND] = {"Connection", "send", connection_send, WITH_ARGUMENTS, {0}},
    [CONNECTION_RECEIVE] = {"Connection", "recv", connection_receive, METH_NOARGS, {0}},
    [CONNECTION_SEND_BYTES] = {"Connection", "send_bytes", connection_send_bytes, WITH_ARGUMENTS, {0}},
    [CONNECTION_RECEIVE_BYTES] = {"Connection", "recv_bytes", connection_receive_bytes, WITH_ARGUMENTS, {0}},
    [OPEN] = {"", "open", open_, WITH_ARGUMENTS, {0}},
    [ARRAY_ENTER] = {"Array", "__enter__", array_enter, METH_NOARGS, {0}},
    [ARRAY_EXIT] = {"Array", "__exit__", array_exit, METH_FASTCALL, {0}},
    [ARRAY_CLOSE] = {"Array", "close", array_close, METH_NOARGS, {0}},
    [ARRAY_LOCK] = {"Array", "lock", array_lock, WITH_ARGUMENTS, {0}},
    [ARRAY_SHARED] = {"Array", "shared", array_shared, WITH_ARGUMENTS, {0}},
    [ARRAY_GENERATION] = {"Array", "generation", array_generation, METH_O, {0}}, /* a property's function */
    [HELD_RELEASE] = {"Held", "release", held_release, METH_NOARGS, {0}},
    [HELD_ENTER] = {"Held", "__enter__", held_enter, METH_NOARGS, {0}},
    [HELD_EXIT] = {"Held", "__exit__", held_exit, METH_FASTCALL, {0}},
    [HANDLE_DEL] = {"Handle", "__del__", handle_del, METH_NOARGS, {0}},
};

/* put_in_front(i, cls, function, documentation): method i of METHODS in C, which calls `function` if it must; `cls` is
 * None for a function that is no method. */
static PyObject *put_in_front(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *cls, *function;
    const char *documentation;
    int i;
    if (!PyArg_ParseTuple(args, "iOOs", &i, &cls, &function, &documentation))
        return NULL;
    if (i < 0 || i >= METHODS)
        return PyErr_Format(PyExc_ValueError, "there is no method %d of METHODS", i);
    if (!PyType_Check(cls) && *methods[i].class_name != 0)
        return PyErr_Format(PyExc_TypeError, "%R is no class", cls);
    char *words = strdup(documentation);
    if (words == NULL)
        return PyErr_NoMemory();
    Py_INCREF(function);
    Py_XDECREF(slow[i]); /* of a package that was imported before, and has been removed from sys.modules */
    slow[i] = function;
    if (strcmp(methods[i].class_name, "Held") == 0) {
        PyTypeObject *before = held_class;
        Py_INCREF(cls);
        held_class = (PyTypeObject *)cls;
        Py_XDECREF(before);
    }
    if (strcmp(methods[i].class_name, "Connection") == 0) {
        PyObject *before = pipe_handle;
        if ((pipe_handle = PyObject_GetAttrString((PyObject *)cls, "_Handle")) == NULL)
            return NULL;
        Py_XDECREF(before);
    }
    PyMethodDef *made = &methods[i].definition; /* it and its words stay for ever, as the class does */
    *made = (PyMethodDef){methods[i].name, (PyCFunction)methods[i].function, methods[i].flags, words};
    if (made->ml_flags != METH_O && *methods[i].class_name != 0)
        return PyDescr_NewMethod((PyTypeObject *)cls, made);
    PyObject *module_name = PyObject_GetAttrString(function, "__module__"); /* pickle looks there for the function */
    PyObject *result = module_name == NULL ? NULL : PyCFunction_NewEx(made, NULL, module_name);
    Py_XDECREF(module_name);
    return result;
}

/* --- the module */

static PyTypeObject *type_of(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    if (type != NULL && PyObject_SetAttrString(module, strrchr(spec->name, '.') + 1, type) != 0)
        Py_CLEAR(type);
    return (PyTypeObject *)type;
}

static PyObject *taken_from(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *found = module == NULL ? NULL : PyObject_GetAttrString(module, name);
    Py_XDECREF(module);
    return found;
}

static bool fill(PyObject *module)
{
    enum { FLAGS = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC };
#define LIFE(name) {Py_tp_dealloc, name##_dealloc}, {Py_tp_traverse, name##_traverse}, {Py_tp_clear, name##_clear}
    PyType_Slot quick_slots[] = {
        LIFE(quick), {Py_tp_getset, quick_properties}, {Py_tp_members, quick_members}, {0, NULL}};
    PyType_Slot connection_slots[] = {LIFE(connection), {Py_tp_members, connection_members}, {0, NULL}};
    PyType_Slot opened_slots[] = {
        LIFE(opened), {Py_tp_getset, opened_properties}, {Py_tp_members, opened_members}, {0, NULL}};
    PyType_Slot held_slots[] = {
        LIFE(held), {Py_tp_finalize, held_finalize}, {Py_tp_getset, held_properties}, {Py_tp_members, held_members},
        {0, NULL}};
    PyType_Spec quick = {"shm_array._hot.Quick", sizeof(Quick), 0, FLAGS, quick_slots};
    PyType_Spec connection = {"shm_array._hot.QuickConnection", sizeof(QuickConnection), 0, FLAGS, connection_slots};
    PyType_Spec opened = {"shm_array._hot.QuickOpened", sizeof(QuickOpened), 0, FLAGS, opened_slots};
    PyType_Spec held = {"shm_array._hot.QuickHeld", sizeof(QuickHeld), 0, FLAGS, held_slots};
    if ((quick_type = type_of(module, &quick)) == NULL || type_of(module, &connection) == NULL ||
        (opened_type = type_of(module, &opened)) == NULL || type_of(module, &held) == NULL ||
        (dumps = taken_from("pickle", "dumps")) == NULL || (loads = taken_from("pickle", "loads")) == NULL ||
        (protocol = PyLong_FromLong(5)) == NULL || (base_word = PyUnicode_InternFromString("base")) == NULL ||
        (value_word = PyUnicode_InternFromString("value")) == NULL)
        return false;

    PyObject *functions = PyTuple_New(BOUND), *names = PyTuple_New(METHODS);
    for (int i = 0; functions != NULL && i < BOUND; i++)
        PyTuple_SetItem(functions, i, PyUnicode_FromString(bound[i].name));
    for (int i = 0; names != NULL && i < METHODS; i++)
        PyTuple_SetItem(names, i, Py_BuildValue("ss", methods[i].class_name, methods[i].name));
    bool good = !PyErr_Occurred() && PyObject_SetAttrString(module, "FUNCTIONS", functions) == 0 &&
                PyObject_SetAttrString(module, "METHODS", names) == 0;
    Py_XDECREF(functions);
    Py_XDECREF(names);
    return good;
}

static PyMethodDef module_methods[] = {
    {"bind", bind, METH_VARARGS, "bind(*addresses): where each of FUNCTIONS lies"},
    {"give_parts", give_parts, METH_VARARGS,
     "give_parts(Array, Opened, Handle, simple, of_texts, asarray, new, here, forget_some): what open() is made of"},
    {"put_in_front", put_in_front, METH_VARARGS,
     "put_in_front(i, cls, function, documentation): method i of METHODS, which calls `function` if it must"},
    {0}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_hot", "The usual case of the calls that are made most often.", -1, module_methods,
    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__hot(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && !fill(module))
        Py_CLEAR(module);
    return module;
}
