/* pickles.c - bytes, and what they stand for. */
#include "hot.h"

static PyObject *dumps, *loads, *protocol;

/* More parts than these are not worth the look at each. It also ends the way into what contains itself. */
enum { MOST_PARTS = 100 };

static bool is_leaf(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    return type == &PyBytes_Type || type == &PyUnicode_Type || type == &PyLong_Type || type == &PyFloat_Type ||
           type == &PyBool_Type || object == Py_None;
}

/* Whether nothing in it can be handed over: it is, all the way down, of Python's own types, and of no class that is made
 * of them. Anything else may be, so that false is never wrong. */
static bool is_simple(PyObject *object, int *parts_left)
{
    if (--*parts_left < 0)
        return false;
    if (is_leaf(object))
        return true;
    PyTypeObject *type = Py_TYPE(object);
    if (type == &PyDict_Type) {
        PyObject *key, *value;
        Py_ssize_t position = 0;
        while (PyDict_Next(object, &position, &key, &value))
            if (!is_simple(key, parts_left) || !is_simple(value, parts_left))
                return false;
        return true;
    }
    if (type != &PyTuple_Type && type != &PyList_Type)
        return false;
    PyObject *(*item)(PyObject *, Py_ssize_t) = type == &PyTuple_Type ? PyTuple_GetItem : PyList_GetItem;
    Py_ssize_t size = type == &PyTuple_Type ? PyTuple_Size(object) : PyList_Size(object);
    for (Py_ssize_t i = 0; i < size; ++i)
        if (!is_simple(item(object, i), parts_left))
            return false;
    return true;
}

PyObject *simple_pickle(PyObject *object)
{
    int parts_left = MOST_PARTS;
    return is_simple(object, &parts_left) ? PyObject_CallFunctionObjArgs(dumps, object, protocol, NULL) : NULL;
}

PyObject *unpickled(PyObject *bytes)
{
    PyObject *result = bytes == NULL ? NULL : PyObject_CallFunctionObjArgs(loads, bytes, NULL);
    Py_XDECREF(bytes);
    return result;
}

static PyObject *taken_from(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *found = module == NULL ? NULL : PyObject_GetAttrString(module, name);
    Py_XDECREF(module);
    return found;
}

bool pickles_begin(void)
{
    return (dumps = taken_from("pickle", "dumps")) != NULL && (loads = taken_from("pickle", "loads")) != NULL &&
           (protocol = PyLong_FromLong(5)) != NULL;
}
