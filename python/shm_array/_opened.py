"""What an open array has besides its elements: the handle, the locks that were taken, and the end of both.

The chain of what keeps what alive is short, and held together by nothing but Python's own references:

    Array, views of it, np.asarray of it, memoryviews ...      as many as there are
      base: one hidden ndarray of bytes over the whole mapping
        base: the Opened, which has the handle; the mapping lives as long as the handle does

So the memory goes when nothing can look at it any more, and not before: close() gives back the locks and everything
else that has to do with other processes, and leaves the elements in place for whoever still holds an array over them.
"""

import ctypes
import os

import numpy as np

from . import _library
from ._library import check, library


class Opened:
    """One opening of a segment: the handle, and what close() has to end. It is what numpy's arrays are based on."""

    __slots__ = ("__array_interface__", "closed", "descriptor", "handle", "locks", "name")

    def __init__(self, handle, view):
        self.handle = handle
        self.name = os.fsdecode(library.shm_array_name(handle))
        self.locks = set()  # the handles of the Helds
        self.descriptor = None
        self.closed = False
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": (view.nbytes,),
            "data": (view.data, not view.flags & _library.VIEW_WRITABLE),
        }

    def duplicate(self):
        """Another handle over the same mapping, with locks of its own."""
        handle = _library.Handle()
        check(library.shm_array_slice(self.handle, 0, None, None, None, ctypes.byref(handle)), self.name)
        return handle

    def stat(self):
        """What the library tells, as its struct."""
        got = _library.Stat(size=ctypes.sizeof(_library.Stat))
        check(library.shm_array_stat(self.handle, ctypes.byref(got)), self.name)
        return got

    def fileno(self):
        if self.descriptor is None:
            duplicate = ctypes.c_int()
            check(library.shm_array_fd(self.handle, ctypes.byref(duplicate)), self.name)
            self.descriptor = Descriptor(duplicate.value)
        return self.descriptor.number

    def close(self):
        self.closed = True
        self.descriptor = None
        for handle in tuple(self.locks):
            library.shm_array_unlock(handle)


class Descriptor:
    """A file descriptor that closes itself."""

    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number

    def __del__(self, close=os.close):
        close(self.number)


def opened_of(array):
    """What a view is based on, through however many views."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    if not isinstance(base, Opened):
        raise ValueError("this array is a copy in private memory: it has no lock, no name, and nothing to close")
    return base


def still_open(array):
    """The same, if close() has not been called."""
    opened = opened_of(array)
    if opened.closed:
        raise ValueError(f"the array {opened.name!r} is closed; its elements can still be read, but no more than that")
    return opened
