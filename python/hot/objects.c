/* objects.c - what is kept for each object, as attributes that Python code reads and writes, and its end. */
#include "hot.h"

PyTypeObject *quick_type, *opened_type;

/* --- handles */

static PyObject *handle_get(PyObject *self, void *offset)
{
    PyObject *object = ((Handle *)((char *)self + (size_t)offset))->object;
    object = object != NULL ? object : Py_None;
    Py_INCREF(object);
    return object;
}

static int handle_set(PyObject *self, PyObject *object, void *offset)
{
    Handle *handle = (Handle *)((char *)self + (size_t)offset);
    void *address = NULL;
    if (object == Py_None)
        object = NULL;
    if (object != NULL) {
        PyObject *kind = PyObject_GetAttrString(self, "_Handle");
        int is_one = kind == NULL ? -1 : PyObject_IsInstance(object, kind);
        if (is_one == 0)
            PyErr_Format(PyExc_TypeError, "%R is no %R", object, kind);
        Py_XDECREF(kind);
        PyObject *value = is_one == 1 ? PyObject_GetAttrString(object, "value") : NULL;
        if (value == NULL)
            return -1;
        address = value == Py_None ? NULL : PyLong_AsVoidPtr(value);
        Py_DECREF(value);
        if (PyErr_Occurred())
            return -1;
        Py_INCREF(object);
    }
    PyObject *before = handle->object;
    handle->object = object;
    handle->address = address;
    Py_XDECREF(before); /* which closes it; a call that is under way has a reference of its own */
    return 0;
}

/* --- their lives: the garbage collector sees through them, for a class of a caller's can close a circle
 *
 * It does not see the handles, which refer to nothing. Of a circle that nobody can reach it calls all finalisers, in
 * any order, before it takes anything away: a handle that it saw would be closed while the finaliser of another object
 * in the circle still takes or gives back a lock with it. So a handle ends when its object does, after all of that. */

static void freed(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static int quick_traverse(PyObject *object, visitproc visit, void *arg)
{
    Quick *self = (Quick *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->dtype);
    return 0;
}

static int quick_clear(PyObject *object)
{
    Quick *self = (Quick *)object;
    self->handle.address = NULL;
    Py_CLEAR(self->handle.object);
    Py_CLEAR(self->dtype);
    return 0;
}

static void quick_dealloc(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    quick_clear(object);
    free(((Quick *)object)->room);
    freed(object);
}

static int connection_traverse(PyObject *object, visitproc visit, void *arg)
{
    QuickConnection *self = (QuickConnection *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->reader);
    Py_VISIT(self->writer);
    Py_VISIT(self->pollable);
    return 0;
}

static int connection_clear(PyObject *object)
{
    QuickConnection *self = (QuickConnection *)object;
    Py_CLEAR(self->reader);
    Py_CLEAR(self->writer);
    Py_CLEAR(self->pollable);
    return 0;
}

static void connection_dealloc(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    connection_clear(object);
    freed(object);
}

static int opened_traverse(PyObject *object, visitproc visit, void *arg)
{
    QuickOpened *self = (QuickOpened *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->identity);
    Py_VISIT(self->name);
    Py_VISIT(self->descriptor);
    Py_VISIT(self->locks);
    Py_VISIT(self->more_spare);
    return 0;
}

static int opened_clear(PyObject *object)
{
    QuickOpened *self = (QuickOpened *)object;
    while (self->spares > 0)
        Py_DECREF(self->spare[--self->spares].object);
    Py_CLEAR(self->identity);
    Py_CLEAR(self->name);
    Py_CLEAR(self->descriptor);
    Py_CLEAR(self->locks);
    Py_CLEAR(self->more_spare);
    self->handle.address = NULL;
    Py_CLEAR(self->handle.object);
    return 0;
}

static void opened_dealloc(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    opened_clear(object);
    freed(object);
}

static int held_traverse(PyObject *object, visitproc visit, void *arg)
{
    QuickHeld *self = (QuickHeld *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->array);
    Py_VISIT(self->opened);
    Py_VISIT(self->range);
    return 0;
}

static int held_clear(PyObject *object)
{
    QuickHeld *self = (QuickHeld *)object;
    self->handle.address = NULL;
    Py_CLEAR(self->handle.object);
    Py_CLEAR(self->array);
    Py_CLEAR(self->opened);
    Py_CLEAR(self->range);
    return 0;
}

/* Nobody gave the lock back: the end of the handle does, and Python code tells. */
static void held_finalize(PyObject *object)
{
    if (((QuickHeld *)object)->handle.object == NULL)
        return;
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *told = PyObject_CallMethod(object, "_forgotten", NULL);
    if (told == NULL)
        PyErr_WriteUnraisable(object);
    Py_XDECREF(told);
    PyErr_Restore(type, value, trace);
}

static void held_dealloc(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    held_clear(object);
    freed(object);
}

/* --- attributes */

/* What numpy asks for: all elements, as bytes. */
static PyObject *opened_bytes(PyObject *object, void *unused)
{
    (void)unused;
    const QuickOpened *self = (const QuickOpened *)object;
    PyObject *read_only = self->flags & SHM_ARRAY_VIEW_WRITABLE ? Py_False : Py_True;
    return Py_BuildValue("{s:i,s:s,s:(K),s:(KO)}", "version", 3, "typestr", "|u1", "shape", self->nbytes, "data",
                         self->data, read_only);
}

#define HANDLE(name, type)                                                                                             \
    {                                                                                                                  \
        name, handle_get, handle_set, NULL, (void *)offsetof(type, handle)                                             \
    }
static PyGetSetDef quick_properties[] = {HANDLE("_handle", Quick), {0}};
static PyGetSetDef opened_properties[] = {
    HANDLE("handle", QuickOpened), {"__array_interface__", opened_bytes, NULL, NULL, NULL}, {0}};
static PyGetSetDef held_properties[] = {HANDLE("_handle", QuickHeld), {0}};

static PyMemberDef quick_members[] = {
    {"_owner", T_ULONG, offsetof(Quick, owner), 0, NULL},
    {"_count", T_PYSSIZET, offsetof(Quick, count), 0, NULL},
    {"owner_died", T_BOOL, offsetof(Quick, owner_died), 0, NULL},
    {"dtype", T_OBJECT, offsetof(Quick, dtype), 0, NULL},
    {"item_bytes", T_PYSSIZET, offsetof(Quick, item_bytes), 0, NULL},
    {0}};
static PyMemberDef connection_members[] = {
    {"_reader", T_OBJECT, offsetof(QuickConnection, reader), 0, NULL},
    {"_writer", T_OBJECT, offsetof(QuickConnection, writer), 0, NULL},
    {"_pollable", T_OBJECT, offsetof(QuickConnection, pollable), 0, NULL},
    {0}};
static PyMemberDef opened_members[] = {
    {"closed", T_BOOL, offsetof(QuickOpened, closed), 0, NULL},
    {"untracked", T_BOOL, offsetof(QuickOpened, untracked), 0, NULL},
    {"data", T_ULONGLONG, offsetof(QuickOpened, data), 0, NULL},
    {"nbytes", T_ULONGLONG, offsetof(QuickOpened, nbytes), 0, NULL},
    {"flags", T_UINT, offsetof(QuickOpened, flags), 0, NULL},
    {"_identity", T_OBJECT, offsetof(QuickOpened, identity), 0, NULL},
    {"_name", T_OBJECT, offsetof(QuickOpened, name), 0, NULL},
    {"descriptor", T_OBJECT, offsetof(QuickOpened, descriptor), 0, NULL},
    {"locks", T_OBJECT, offsetof(QuickOpened, locks), 0, NULL},
    {"spare", T_OBJECT, offsetof(QuickOpened, more_spare), 0, NULL},
    {0}};
static PyMemberDef held_members[] = {
    {"_array", T_OBJECT, offsetof(QuickHeld, array), 0, NULL},
    {"_opened", T_OBJECT, offsetof(QuickHeld, opened), 0, NULL},
    {"_range", T_OBJECT, offsetof(QuickHeld, range), 0, NULL},
    {"owner_died", T_BOOL, offsetof(QuickHeld, owner_died), 0, NULL},
    {0}};

/* --- the classes */

static PyTypeObject *type_of(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    if (type != NULL && PyObject_SetAttrString(module, strrchr(spec->name, '.') + 1, type) != 0)
        Py_CLEAR(type);
    return (PyTypeObject *)type;
}

bool objects_begin(PyObject *module)
{
    enum { FLAGS = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC };
#define LIFE(name) {Py_tp_dealloc, name##_dealloc}, {Py_tp_traverse, name##_traverse}, {Py_tp_clear, name##_clear}
    PyType_Slot quick_slots[] = {
        LIFE(quick), {Py_tp_getset, quick_properties}, {Py_tp_members, quick_members}, {0, NULL}};
    PyType_Slot connection_slots[] = {LIFE(connection), {Py_tp_members, connection_members}, {0, NULL}};
    PyType_Slot opened_slots[] = {
        LIFE(opened), {Py_tp_getset, opened_properties}, {Py_tp_members, opened_members}, {0, NULL}};
    PyType_Slot held_slots[] = {
        LIFE(held), {Py_tp_finalize, held_finalize}, {Py_tp_getset, held_properties}, {Py_tp_members, held_members},
        {0, NULL}};
    PyType_Spec quick = {"shm_array._hot.Quick", sizeof(Quick), 0, FLAGS, quick_slots};
    PyType_Spec connection = {"shm_array._hot.QuickConnection", sizeof(QuickConnection), 0, FLAGS, connection_slots};
    PyType_Spec opened = {"shm_array._hot.QuickOpened", sizeof(QuickOpened), 0, FLAGS, opened_slots};
    PyType_Spec held = {"shm_array._hot.QuickHeld", sizeof(QuickHeld), 0, FLAGS, held_slots};
    return (quick_type = type_of(module, &quick)) != NULL && type_of(module, &connection) != NULL &&
           (opened_type = type_of(module, &opened)) != NULL && type_of(module, &held) != NULL;
}
