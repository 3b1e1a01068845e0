/* locks.c - Lock, RLock, Semaphore and BoundedSemaphore. */
#include "hot.h"

/* --- Lock */

bool takes(Handle handle, uint32_t mode, bool patient)
{
    int code;
    Py_XINCREF(handle.object);
    ATTEMPT(code, handle.object, patient, library.shm_array_lock(handle.address, mode, nanoseconds));
    if (code == EOWNERDEAD) /* the Python method takes it once more, and is told again */
        library.shm_array_unlock(handle.address);
    Py_XDECREF(handle.object);
    return code == 0;
}

PyObject *lock_acquire(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, BLOCK_AND_TIMEOUT) &&
        takes(((Quick *)self)->handle, SHM_ARRAY_EXCLUSIVE, is_patient(given, 0)))
        return truth(true);
    return slowly(LOCK_ACQUIRE, self, given);
}

PyObject *lock_enter(PyObject *self, PyObject *args)
{
    (void)args;
    if (takes(((Quick *)self)->handle, SHM_ARRAY_EXCLUSIVE, true))
        return truth(true);
    return slowly(LOCK_ENTER, self, no_arguments);
}

static bool lock_given_back(PyObject *self)
{
    ((Quick *)self)->owner_died = 0;
    return library.shm_array_unlock(((Quick *)self)->handle.address) == 0;
}

PyObject *lock_release(PyObject *self, PyObject *args)
{
    (void)args;
    return lock_given_back(self) ? none() : slowly(LOCK_RELEASE, self, no_arguments);
}

PyObject *lock_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return lock_given_back(self) ? none() : slowly(LOCK_EXIT, self, (Arguments){values, count, NULL});
}

/* --- RLock */

static bool rlock_taken(PyObject *object, bool patient)
{
    Quick *self = (Quick *)object;
    unsigned long me = PyThread_get_thread_ident();
    if (self->owner != me) {
        if (!takes(self->handle, SHM_ARRAY_EXCLUSIVE, patient))
            return false;
        self->owner = me;
        self->count = 0;
    }
    self->count++;
    return true;
}

PyObject *rlock_acquire(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, BLOCK_AND_TIMEOUT) && rlock_taken(self, is_patient(given, 0)))
        return truth(true);
    return slowly(RLOCK_ACQUIRE, self, given);
}

PyObject *rlock_enter(PyObject *self, PyObject *args)
{
    (void)args;
    return rlock_taken(self, true) ? truth(true) : slowly(RLOCK_ENTER, self, no_arguments);
}

static bool rlock_given_back(PyObject *object)
{
    Quick *self = (Quick *)object;
    if (self->owner != PyThread_get_thread_ident())
        return false;
    if (--self->count == 0) {
        self->owner = 0;
        lock_given_back(object);
    }
    return true;
}

PyObject *rlock_release(PyObject *self, PyObject *args)
{
    (void)args;
    return rlock_given_back(self) ? none() : slowly(RLOCK_RELEASE, self, no_arguments);
}

PyObject *rlock_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return rlock_given_back(self) ? none() : slowly(RLOCK_EXIT, self, (Arguments){values, count, NULL});
}

/* --- Semaphore, BoundedSemaphore */

static bool permit_taken(PyObject *self, bool patient)
{
    Handle handle = ((Quick *)self)->handle;
    int code;
    ATTEMPT(code, handle.object, patient, library.shm_semaphore_wait(handle.address, nanoseconds));
    return code == 0;
}

static bool permit_given(PyObject *self)
{
    return library.shm_semaphore_post(((Quick *)self)->handle.address, 1) == 0;
}

PyObject *semaphore_acquire(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, BLOCK_AND_TIMEOUT) && permit_taken(self, is_patient(given, 0)))
        return truth(true);
    return slowly(SEMAPHORE_ACQUIRE, self, given);
}

PyObject *semaphore_release(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    Arguments given = {values, count, names};
    if (is_plain(given, 0, NO_MORE) && permit_given(self))
        return none();
    return slowly(SEMAPHORE_RELEASE, self, given);
}

PyObject *semaphore_enter(PyObject *self, PyObject *args)
{
    (void)args;
    return permit_taken(self, true) ? truth(true) : slowly(SEMAPHORE_ENTER, self, no_arguments);
}

PyObject *semaphore_exit(PyObject *self, PyObject *const *values, Py_ssize_t count)
{
    return permit_given(self) ? none() : slowly(SEMAPHORE_EXIT, self, (Arguments){values, count, NULL});
}
