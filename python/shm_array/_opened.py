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
import weakref

import numpy as np

from . import _library
from ._library import check, library
from ._quick import QuickOpened


class Opened(QuickOpened):
    """One opening of a segment: the handle, and what close() has to end. It is what numpy's arrays are based on."""

    # The base class has besides, None at first: `locks`, for each handle that Helds lock with which rows, as first row
    # and number, or None for all or none; `spare`, a list of those of them that are free; `descriptor`.
    __slots__ = ("__weakref__",)

    _Handle = _library.Handle

    def __init__(self, handle, data, nbytes, flags, untracked):
        super().__init__()
        self.handle = handle
        self.data = data  # the address of the first element
        self.nbytes = nbytes  # bytes of all elements
        self.flags = flags  # of the view
        self.untracked = untracked

    @property
    def is_segment(self):
        return self.flags & _library.VIEW_SHARED != 0

    @property
    def mode(self):
        """That of open()."""
        writable, shared = self.flags & _library.VIEW_WRITABLE, self.flags & _library.VIEW_SHARED
        return "r" if not writable else "r+" if shared else "c"

    def duplicate(self):
        """Another handle over the same mapping, with locks of its own."""
        handle = _library.Handle()
        check(library.shm_array_slice(self.handle, 0, None, None, None, ctypes.byref(handle)), self.name)
        return handle

    def lock_handle(self, rows):
        """A handle to lock these rows with, or all: None. When it is closed, it gives back what it has."""
        if self.locks is None:
            self.locks = {}
        handle = self.spare.pop() if self.spare else self.duplicate()
        self.locks[handle] = rows
        return handle

    def put_aside(self, handle):
        """A handle that lock_handle() gave out, and that holds nothing any more."""
        if self.spare is None:
            self.spare = []
        self.spare.append(handle)

    @property
    def name(self):
        if self._name is None:
            self._name = os.fsdecode(library.shm_array_name(self.handle))
        return self._name

    @property
    def path(self):
        """The file's path, or None for an array without a name."""
        if not self.name:
            return None
        if self.name.startswith("file://"):
            return self.name[7:]
        on_disk = library.shm_array_placement(self.handle) == _library.PLACE_FILE
        return os.path.join(os.environ.get("SHM_ARRAY_DIR", "") if on_disk else "/dev/shm", self.name)

    @property
    def address(self):
        """The name by which other processes open it, whatever their SHM_ARRAY_DIR is."""
        return self.name if not self.name or self.path == "/dev/shm/" + self.name else "file://" + self.path

    def identity(self):
        """What tells the segment from every other, as the library's struct; it never changes."""
        if self._identity is None:
            got = _library.Identity(size=ctypes.sizeof(_library.Identity))
            check(library.shm_array_identity(self.handle, ctypes.byref(got)), self.name)
            self._identity = got
        return self._identity

    def place_of(self, view):
        """Bytes from the first element of all to the first element of a view."""
        return view.__array_interface__["data"][0] - self.data

    def memory(self):
        """All elements, as bytes in an ndarray that keeps this Opened."""
        return np.asarray(self)

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
        for handle, rows in self.locks.copy().items() if self.locks else ():
            if rows is None:
                library.shm_array_unlock(handle)
            else:
                library.shm_array_unlock_range(handle, *rows)


# What this process has open by a plain name: for each mode, and whether it is untracked, a weak reference by name.
_here = {(mode, untracked): {} for mode in ("r", "r+") for untracked in (False, True)}
MANY = 64


def opened_by(name, mode, untracked):
    """What this process has open already by this name, if the name still is that segment's: it needs no new mapping."""
    reference = _here[mode, untracked].get(name)
    known = None if reference is None else reference()
    if known is None:
        return None
    try:
        found = os.lstat("/dev/shm/" + name)
    except OSError:
        return None
    identity = known.identity()
    return known if (found.st_dev, found.st_ino) == (identity.device, identity.inode) else None


def remember(opened, name, mode, untracked):
    """For opened_by(); an ordinary .npy file is none of ours, and may become one at any moment."""
    if opened.is_segment and "/" not in name:
        by_name = _here[mode, untracked]
        before = len(by_name)
        by_name[name] = weakref.ref(opened)
        if len(by_name) > before:
            forget_some(by_name)


def forget_some(by_name):
    """Of names that have just become one more: now and then, drop those of what is gone."""
    if len(by_name) >= MANY and len(by_name) & (len(by_name) - 1) == 0:
        for name, reference in tuple(by_name.items()):
            if reference() is None and by_name.get(name) is reference:
                del by_name[name]


here = _here["r", False], _here["r+", False]


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
