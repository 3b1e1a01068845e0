/* array.c - Array, and Held, its lock that is held. */
#include "hot.h"

PyTypeObject *held_class;
static PyObject *base_word;

/* --- Array */

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

PyObject *array_enter(PyObject *self, PyObject *args)
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

PyObject *array_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return array_closed(self) ? none() : slowly(ARRAY_EXIT, self, (Arguments){values, count, NULL});
}

PyObject *array_close(PyObject *self, PyObject *args)
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

PyObject *array_lock(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    PyObject *held = is_plain(given, 0, ONLY_TIMEOUT) ? array_locked(self, SHM_ARRAY_EXCLUSIVE) : NULL;
    return held != NULL || PyErr_Occurred() ? held : slowly(ARRAY_LOCK, self, given);
}

PyObject *array_shared(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    PyObject *held = is_plain(given, 0, ONLY_TIMEOUT) ? array_locked(self, SHM_ARRAY_SHARED) : NULL;
    return held != NULL || PyErr_Occurred() ? held : slowly(ARRAY_SHARED, self, given);
}

PyObject *array_generation(PyObject *module, PyObject *array)
{
    (void)module;
    QuickOpened *opened = opened_of(array);
    uint64_t number;
    int code = opened == NULL ? -1 : library.shm_array_generation(opened->handle.address, &number);
    Py_XDECREF(opened);
    return code == 0 ? PyLong_FromUnsignedLongLong(number) : slowly(ARRAY_GENERATION, array, no_arguments);
}

/* --- Held */

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

PyObject *held_release(PyObject *self, PyObject *args)
{
    (void)args;
    return held_given_back(self) ? none() : slowly(HELD_RELEASE, self, no_arguments);
}

PyObject *held_enter(PyObject *self, PyObject *args)
{
    (void)args;
    if (((QuickHeld *)self)->handle.object == NULL)
        return slowly(HELD_ENTER, self, no_arguments);
    Py_INCREF(self);
    return self;
}

PyObject *held_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return held_given_back(self) ? none() : slowly(HELD_EXIT, self, (Arguments){values, count, NULL});
}

bool array_begin(void)
{
    return (base_word = PyUnicode_InternFromString("base")) != NULL;
}
