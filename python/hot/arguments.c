/* arguments.c - which arguments are so usual that they need not be looked at, and the way to the Python method. */
#include "hot.h"

PyObject *slow[METHOD_COUNT];

PyObject *slowly(int method, PyObject *self, Arguments given)
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

bool is_plain(Arguments given, Py_ssize_t must, Waiting first)
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
