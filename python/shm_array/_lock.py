"""The lock of an array: waiting for it, holding it, hearing that somebody died with it, and giving it back."""

import errno
import time
import warnings

import numpy as np

from . import _library
from ._arguments import nanoseconds, whole
from ._errors import OwnerDied
from ._library import check, library
from ._opened import still_open

# A wait in C cannot be interrupted by a signal handler that is written in Python, so a wait is cut into slices.
_SLICE = 0.1  # seconds


class Held:
    """A lock that is held: until release(), or the end of its `with` block.

    owner_died  True if a process had died while it was writing, and `repair` has put things right
    """

    # Each Held locks through a handle of its own. So it is known whose lock it is, and if an exception strikes at the
    # worst moment, just when the C function has returned, the end of the handle gives the lock back. A handle whose lock
    # has been given back serves the next Held.

    __slots__ = ("_array", "_handle", "_opened", "owner_died")

    def __init__(self, array):
        self.owner_died = False
        self._handle = None
        self._array = array
        self._opened = opened = still_open(array)
        try:
            self._handle = opened.spare.pop()
        except IndexError:
            self._handle = opened.duplicate()
        opened.locks.add(self._handle)

    def resize(self, length):
        """Change the length of the growing axis, within the capacity, and return the array in its new shape.

        Arrays that exist already, here and in other processes, keep the shape that they have.
        """
        if self._handle is None:
            raise ValueError("the lock has been given back: resize() works only while it is held")
        check(library.shm_array_resize(self._handle, whole("length", length)), self._opened.name)
        return self._array._over(self._opened.duplicate())

    def append(self, rows):
        """Add rows behind the last one (order "F": columns), within the capacity, and return the array in its new shape.

        rows  an array of the same dtype, and of the same shape but for its growing axis
        """
        if self._handle is None:
            raise ValueError("the lock has been given back: append() works only while it is held")
        whole_array = self._array._over(self._opened.duplicate())
        axis = -1 if whole_array.flags.fnc else 0
        rows = np.asarray(rows, whole_array.dtype, order="F" if axis else "C")
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
            library.shm_array_unlock(handle)  # EPERM, where close() or a fork has left nothing, is as good
            self._opened.locks.discard(handle)
            self._handle = None
            self._opened.spare.append(handle)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.release()

    def __del__(self, warn=warnings.warn):
        if self._handle is not None:
            self._opened.locks.discard(self._handle)
            warn("a lock was given back because nothing held on to it: use `with array.lock():`", ResourceWarning)


def acquire(array, mode, timeout, repair):
    """Lock the whole of what an array is a view of; see Array.lock()."""
    held = Held(array)
    opened = held._opened
    try:
        code = _wait(opened, held._handle, mode, timeout)
        if code == errno.EOWNERDEAD and repair is not None:
            held.owner_died = True
            repair(array)
            code = library.shm_array_recover(held._handle)
        if code == errno.EOWNERDEAD:
            words = "a process died while it was writing: elements may be half written. Put them right in "
            words += "array.recover(repair), or lock with `repair`; until then everybody who locks is told"
            raise OwnerDied(errno.EOWNERDEAD, words, opened.name)
        if code in (errno.ETIMEDOUT, errno.EBUSY):
            raise TimeoutError(errno.ETIMEDOUT, f"not locked within {timeout} s: {_who_holds(opened)}", opened.name)
        check(code, opened.name)
    except BaseException:
        held.release()
        raise
    return held


def _wait(opened, handle, mode, timeout):
    """Lock, in slices of time, so that Ctrl-C and other signals get their turn."""
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"timeout is {timeout}, expected seconds from 0 on, or None to wait for ever")
    code = library.shm_array_lock(handle, mode, 0)
    start = time.monotonic()
    left = timeout
    while True:
        if opened.closed:
            raise ValueError(f"the array {opened.name!r} was closed while its lock was waited for")
        if code not in (errno.ETIMEDOUT, errno.EBUSY) or left == 0:
            return code
        if timeout is not None:
            left = max(0, start + timeout - time.monotonic())
        code = library.shm_array_lock(handle, mode, nanoseconds(_SLICE if left is None else min(left, _SLICE)))


def _who_holds(opened):
    got = opened.stat()
    if got.lock_pid:
        return f"process {got.lock_pid} holds the lock for writing"
    return "readers hold the lock" if got.lock == _library.SHARED else "others were always faster"
