/* in_front.c - putting the functions of METHODS in front of Python methods. */
#include "hot.h"

enum {
    Bare_flags = METH_NOARGS,
    Single_flags = METH_O,
    Several_flags = METH_FASTCALL,
    Named_flags = METH_FASTCALL | METH_KEYWORDS,
};

static struct {
    const char *class_name, *name;
    void *function;
    int flags;
    PyMethodDef definition;
} methods[METHOD_COUNT] = {
#define LISTED(number, class_name, name, function, Kind) {class_name, name, function, Kind##_flags, {0}},
    METHODS(LISTED)};

PyObject *names_of_methods(void)
{
    PyObject *names = PyTuple_New(METHOD_COUNT);
    for (int i = 0; names != NULL && i < METHOD_COUNT; i++) {
        PyObject *pair = Py_BuildValue("ss", methods[i].class_name, methods[i].name);
        if (pair == NULL || PyTuple_SetItem(names, i, pair) != 0)
            Py_CLEAR(names);
    }
    return names;
}

/* put_in_front(i, cls, function, documentation): method i of METHODS in C, which calls `function` if it must; `cls` is
 * None for a function that is no method. */
PyObject *put_in_front(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *cls, *function;
    const char *documentation;
    int i;
    if (!PyArg_ParseTuple(args, "iOOs", &i, &cls, &function, &documentation))
        return NULL;
    if (i < 0 || i >= METHOD_COUNT)
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
