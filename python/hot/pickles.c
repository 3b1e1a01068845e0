/* pickles.c - bytes, and what they stand for. */
#include "hot.h"

static PyObject *dumps, *loads, *protocol;

PyObject *simple_pickle(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type != &PyBytes_Type && type != &PyUnicode_Type && type != &PyLong_Type && type != &PyFloat_Type &&
        type != &PyBool_Type && object != Py_None)
        return NULL;
    return PyObject_CallFunctionObjArgs(dumps, object, protocol, NULL);
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
