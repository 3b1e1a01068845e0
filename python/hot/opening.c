/* opening.c - open() of what exists and can be opened, and the end of a handle. */
#include "hot.h"

#include <sys/stat.h>

static PyObject *value_word;

/* What arrays are made of, from Python: the classes and functions, and what is open here, by name, in either mode. */
static struct {
    PyObject *array, *opened, *handle, *simple, *of_texts, *asarray, *new, *here[2], *forget_some;
} parts;

PyObject *give_parts(PyObject *module, PyObject *args)
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

PyObject *open_(PyObject *module, PyObject *const *values, Py_ssize_t count, PyObject *names)
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
PyObject *handle_del(PyObject *self, PyObject *args)
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

bool opening_begin(void)
{
    return (value_word = PyUnicode_InternFromString("value")) != NULL;
}
