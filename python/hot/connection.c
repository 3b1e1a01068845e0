/* connection.c - Connection, the two ends of pipes: each message has its length before it, 8 bytes in network order. */
#include "hot.h"

PyObject *pipe_handle;

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

PyObject *connection_send(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
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

PyObject *connection_send_bytes(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
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

PyObject *connection_receive(PyObject *self, PyObject *args)
{
    (void)args;
    PyObject *bytes = connection_received((QuickConnection *)self);
    if (bytes != NULL || PyErr_Occurred())
        return unpickled(bytes);
    return slowly(CONNECTION_RECEIVE, self, no_arguments);
}

PyObject *connection_receive_bytes(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, NO_MORE)) {
        PyObject *bytes = connection_received((QuickConnection *)self);
        if (bytes != NULL || PyErr_Occurred())
            return bytes;
    }
    return slowly(CONNECTION_RECEIVE_BYTES, self, given);
}
