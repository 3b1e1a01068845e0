/* module.c - the module itself. */
#include "hot.h"

static bool fill(PyObject *module)
{
    if (!objects_begin(module) || !pickles_begin() || !opening_begin() || !array_begin())
        return false;
    PyObject *functions = names_of_functions(), *methods = functions == NULL ? NULL : names_of_methods();
    bool good = methods != NULL && PyObject_SetAttrString(module, "FUNCTIONS", functions) == 0 &&
                PyObject_SetAttrString(module, "METHODS", methods) == 0;
    Py_XDECREF(functions);
    Py_XDECREF(methods);
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
