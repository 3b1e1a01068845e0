/* library.c - where the functions of the library are. */
#include "hot.h"

Library library;

static const struct {
    const char *name;
    size_t place;
} bound[] = {
#define PLACED(name) {#name, offsetof(Library, name)},
    FUNCTIONS(PLACED)};
enum { BOUND = sizeof bound / sizeof *bound };

PyObject *bind(PyObject *module, PyObject *args)
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

PyObject *names_of_functions(void)
{
    PyObject *names = PyTuple_New(BOUND);
    for (int i = 0; names != NULL && i < BOUND; i++) {
        PyObject *name = PyUnicode_FromString(bound[i].name);
        if (name == NULL || PyTuple_SetItem(names, i, name) != 0)
            Py_CLEAR(names);
    }
    return names;
}
