/* queue.c - Queue: items as pickles, and bytes. */
#include "hot.h"

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

PyObject *queue_put(PyObject *object, PyObject *const *values, Py_ssize_t count, PyObject *names)
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

PyObject *queue_send(PyObject *object, PyObject *const *values, Py_ssize_t count, PyObject *names)
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

PyObject *queue_get(PyObject *object, PyObject *const *values, Py_ssize_t count, PyObject *names)
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

PyObject *queue_receive(PyObject *object, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, BLOCK_AND_TIMEOUT)) {
        PyObject *bytes = queue_received((Quick *)object, is_patient(given, 0));
        if (bytes != NULL || PyErr_Occurred())
            return bytes;
    }
    return slowly(QUEUE_RECEIVE, object, given);
}
