"""What names there are: looking round, taking them away, cleaning up."""

import ctypes
import errno
import os

from . import _library
from ._arguments import as_name, nanoseconds
from ._library import check, library
from ._records import Entry, lifetime_of

_KINDS = {
    getattr(_library, f"KIND_{kind.upper()}"): kind
    for kind in ("array", "semaphore", "event", "barrier", "queue", "pipe", "topic", "frames")
}


def unlink(name):
    """Remove a name: no process can open it any more; who has the array open keeps it until it closes it."""
    check(library.shm_array_unlink(as_name(name)), name)


def list():
    """All arrays and other objects with a POSIX shared-memory name that this user can look at, as a list of Entry."""
    walk = _library.ListHandle()
    check(library.shm_array_list(ctypes.byref(walk)))
    entry = _library.Entry(size=ctypes.sizeof(_library.Entry))
    found = []
    while True:
        code = library.shm_array_list_next(walk, ctypes.byref(entry))
        if code == errno.ENODATA:
            return found
        check(code)
        found.append(
            Entry(
                name=os.fsdecode(entry.name),
                shape=tuple(entry.shape[: entry.ndim]),
                dtype=entry.dtype.decode(),
                itemsize=entry.itemsize,
                file_bytes=entry.file_bytes,
                generation=entry.generation,
                created=entry.created_ns / 1e9,
                id=bytes(entry.id),
                lifetime=lifetime_of(entry.flags),
                attached=bool(entry.attached),
                lock_pid=entry.lock_pid,
                kind=_KINDS.get(entry.kind, str(entry.kind)),
            )
        )


def collect(minimum_age=None):
    """Remove what crashed programs left behind, and return how many arrays that were.

    These are the arrays of lifetime "last-close" that no live process uses. With a minimum age, in seconds, those of
    lifetime "until-unlinked" go too, if nobody uses them and they are at least that old.
    """
    if minimum_age is not None and not minimum_age >= 0:
        raise ValueError(f"minimum_age is {minimum_age}, expected seconds from 0 on, or None")
    removed = ctypes.c_uint64()
    age = -1 if minimum_age is None else nanoseconds(minimum_age)
    check(library.shm_array_collect(age, ctypes.byref(removed)))
    return removed.value
