"""The lock of an array: waiting for it, holding it, hearing that somebody died with it, and giving it back."""

import ctypes
import errno
import operator
import warnings

import numpy as np

from . import _library
from ._arguments import whole
from ._errors import OwnerDied
from ._library import check, library
from ._opened import still_open
from ._quick import QuickHeld, quicken
from ._waiting import checked, in_slices


@quicken
class Held(QuickHeld):
    """A lock that is held, of the whole array or of some rows: until release(), or the end of its `with` block.

    owner_died  True if a process had died while it was writing, and `repair` has put things right
    """

    # Each Held locks through a handle of its own. So it is known whose lock it is, and if an exception strikes at the
    # worst moment, just when the C function has returned, the end of the handle gives the lock back. A handle whose
    # lock has been given back serves the next Held. Until the Held is gone, Opened.locks keeps the handle too: no
    # thread can come upon one that is being closed.

    __slots__ = ()
    _Handle = _library.Handle

    def __init__(self, array, rows=None):
        self.owner_died = False
        self._handle = None
        self._array = array
        self._opened = opened = still_open(array)
        self._range = None if rows is None else _range(opened, rows)  # first row, and how many
        self._handle = opened.lock_handle(self._range)

    def __reduce_ex__(self, protocol):
        raise TypeError("a lock that is held is this object's alone: it can neither be copied nor pickled")

    def resize(self, length):
        """Change the length of the growing axis, within the capacity, and return the array in its new shape.

        Arrays that exist already, here and in other processes, keep the shape that they have.
        """
        if self._handle is None:
            raise ValueError("the lock has been given back: resize() works only while it is held")
        check(library.shm_array_resize(self._handle, whole("length", length)), self._opened.name)
        return self._array._over(self._opened.duplicate())

    def append(self, rows):
        """Add rows behind the last one (order "F": columns), within the capacity; returns the array in its new shape.

        rows  an array of the same shape but for its growing axis, with values that the dtype can hold
        """
        if self._handle is None:
            raise ValueError("the lock has been given back: append() works only while it is held")
        whole_array = self._array._over(self._opened.duplicate())
        axis = -1 if whole_array.flags.fnc else 0
        rows = _held_by(whole_array.dtype, rows, "F" if axis else "C")
        if rows.ndim != whole_array.ndim or rows[(..., slice(0)) if axis else slice(0)].shape != (
            whole_array[(..., slice(0)) if axis else slice(0)].shape
        ):
            raise ValueError(f"rows of shape {rows.shape} cannot be appended to an array of shape {whole_array.shape}")
        start = rows.__array_interface__["data"][0]
        check(library.shm_array_append(self._handle, rows.shape[axis], start, rows.nbytes), self._opened.name)
        return self._array._over(self._opened.duplicate())

    def trim(self):
        """Give back the memory that is kept for growth; growing reserves it again, or fails with ENOSPC."""
        if self._handle is None:
            raise ValueError("the lock has been given back: trim() works only while it is held")
        check(library.shm_array_trim(self._handle), self._opened.name)

    def release(self):
        """Give the lock back; doing it twice is fine."""
        handle = self._handle
        if handle is not None:
            unlock(handle, self._range)
            self._opened.locks[handle] = None
            self._handle = None
            self._opened.put_aside(handle)

    def __enter__(self):
        if self._handle is None:
            raise ValueError("the lock has been given back: call lock() again")
        return self

    def __exit__(self, *exception):
        self.release()

    def _forgotten(self, warn=warnings.warn):
        handle, self._handle = self._handle, None
        self._opened.locks.pop(handle, None)  # with the last reference the handle goes, and with it the lock
        del handle
        warn("a lock was given back because nothing held on to it: use `with array.lock():`", ResourceWarning)


def acquire(array, mode, timeout, repair, rows=None):
    """Lock the whole of what an array is a view of, or some rows of it; see Array.lock()."""
    checked(timeout)
    held = Held(array, rows)
    try:
        settle(held, in_slices(lambda time: attempt(held, mode, time), timeout), timeout, repair)
    except BaseException:
        held.release()
        raise
    return held


def attempt(held, mode, nanoseconds):
    """Try for so long: the library's answer."""
    opened = held._opened
    if opened.closed:
        raise ValueError(f"the array {opened.name!r} was closed while its lock was waited for")
    if held._range is None:
        return library.shm_array_lock(held._handle, mode, nanoseconds)
    return library.shm_array_lock_range(held._handle, *held._range, mode, nanoseconds)


def settle(held, code, timeout, repair):
    """Make of the library's answer a lock that is held and whole, or raise what it stands for."""
    opened = held._opened
    if code == errno.EOWNERDEAD and repair is not None:
        held.owner_died = True
        repair(held._array)
        if held._range is None:
            code = library.shm_array_recover(held._handle)
        else:
            code = library.shm_array_recover_range(held._handle, *held._range)
    if code == errno.EOWNERDEAD:
        words = "a process died while it was writing: elements may be half written. Put them right in "
        words += "array.recover(repair), or lock with `repair`; until then everybody who locks is told"
        raise OwnerDied(errno.EOWNERDEAD, words, opened.name)
    if code in (errno.ETIMEDOUT, errno.EBUSY):
        raise TimeoutError(errno.ETIMEDOUT, f"not locked within {timeout} s: {_who_holds(opened)}", opened.name)
    check(code, opened.name)


def unlock(handle, rows):
    """Give back what a handle holds. EPERM, where close() or a fork has left nothing, is as good."""
    if rows is None:
        library.shm_array_unlock(handle)
    else:
        library.shm_array_unlock_range(handle, *rows)


def _held_by(dtype, rows, order):
    """Rows as elements of that dtype; TypeError where it cannot hold them."""
    rows = np.asarray(rows)
    with np.errstate(invalid="ignore", over="ignore"):  # what is wrong is looked at
        converted = np.asarray(rows, dtype, order=order)
    casting = "safe" if dtype.kind in "biu" else "same_kind"
    if not np.can_cast(rows.dtype, dtype, casting) and not np.array_equal(converted, rows):
        raise TypeError(f"rows of {rows.dtype} have values that {dtype} cannot hold: convert them with astype() first")
    return converted


def _range(opened, rows):
    """First row and number of rows, of (start, stop) or a slice."""
    if isinstance(rows, slice):
        if rows.step not in (None, 1):
            raise ValueError(f"rows is {rows}, expected a slice without a step")
        start, stop = rows.start, rows.stop
    else:
        start, stop = rows
    start = 0 if start is None else operator.index(start)
    if stop is None or start < 0 or operator.index(stop) < 0:
        length = _length(opened)
        start = start + length if start < 0 else start
        stop = length if stop is None else stop + length if stop < 0 else stop
    stop = operator.index(stop)
    if not 0 <= start < stop:
        raise ValueError(f"rows is {rows}, expected a start below the stop, both of rows that the array has")
    return start, stop - start


def _length(opened):
    """Rows of the array as it is now."""
    view = _library.View(size=ctypes.sizeof(_library.View))
    check(library.shm_array_view(opened.handle, ctypes.byref(view)), opened.name)
    if view.ndim == 0:
        return 1
    return view.shape[view.ndim - 1 if opened.stat().flags & _library.FORTRAN else 0]


def _who_holds(opened):
    got = opened.stat()
    if got.lock_pid:
        return f"process {got.lock_pid} holds the lock for writing"
    return "readers hold the lock" if got.lock == _library.SHARED else "others were always faster"
