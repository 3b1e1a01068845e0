"""What all objects that are no arrays have in common: a handle, a name, and being handed over."""

import ctypes
import errno
import os

from . import _library
from ._arguments import as_name, one_of, whole
from ._errors import ArrivalError
from ._handover import LEASE_SECONDS, NotArrived, boot_id, elsewhere, mount_namespace, not_fetched, teach
from ._library import check, library
from ._opened import Descriptor
from ._quick import Quick

_LIFETIME_FLAGS = {"until-unlinked": 0, "last-close": _library.OBJECT_LAST_CLOSE}


class Object(Quick):
    """The base: not to be made, but by its subclasses.

    All are handed to other processes as arrays are: as arguments of a multiprocessing.Process, through its queues and
    pipes, by loky, by shm_array.by_reference(); by any start method. Those with a name can also be opened by it.
    """

    _kind = None  # as in the names of the library's functions
    _Handle = None
    _which = None  # device and inode, once that is needed
    _open_flags = _library.OBJECT_WRITE

    def __init_subclass__(cls):
        if cls._kind is not None:
            teach(cls, _reduce_for_one, _reduce_for_many)

    @classmethod
    def open(cls, name):
        """The one of that name that exists. Raises FileNotFoundError; FormatError if it is something else."""
        handle = cls._Handle()
        function = getattr(library, f"shm_{cls._kind}_open")
        check(function(as_name(name), cls._open_flags, ctypes.byref(handle)), name)
        return cls._over(handle)

    @classmethod
    def _over(cls, handle, state=None):
        self = cls.__new__(cls)
        self._begin(handle)
        self._set_state(state)
        return self

    def _create(self, name, lifetime, exist_ok, *parameters, permissions=None, slots=None, wakes_readers=False):
        options = _library.ObjectOptions(
            size=ctypes.sizeof(_library.ObjectOptions),
            flags=one_of("lifetime", lifetime, _LIFETIME_FLAGS)
            | (_library.OBJECT_OR_OPEN if exist_ok else 0)
            | (_library.OBJECT_WAKES_READERS if wakes_readers else 0),
            permissions=whole("permissions", permissions or 0, 32),
            slots=whole("slots", slots or 0, 32),
        )
        handle = self._Handle()
        function = getattr(library, f"shm_{self._kind}_create")
        check(function(as_name(name), *parameters, options, ctypes.byref(handle)), name)
        self._begin(handle)

    def _begin(self, handle):
        """Take a handle, and find out what there is to know."""
        self._own_descriptor = None  # goes before the handle: with it the segment would not look unused
        self._handle = handle
        self.name = os.fsdecode(getattr(library, f"shm_{self._kind}_name")(handle))

    def _state(self):
        """What travels beside the handle."""

    def _set_state(self, state):
        pass

    def stat(self):
        """How things stand, as the library's struct, for people and monitors."""
        got = getattr(_library, f"{self._kind.capitalize()}Stat")
        got = got(size=ctypes.sizeof(got))
        self._check(getattr(library, f"shm_{self._kind}_stat")(self._handle, ctypes.byref(got)))
        return got

    def unlink(self):
        """Remove the name: nobody can open it any more; who has it open keeps it.

        OSError with ESTALE if the name is another one's by now.
        """
        self._note_which()
        if self._which is not None and self._which not in (there := _standing(self.name)) and there:
            raise OSError(errno.ESTALE, "the name is another one's by now, and was left to it", self.name)
        check(getattr(library, f"shm_{self._kind}_unlink")(as_name(self.name)), self.name)

    def close(self):
        """Use it no more. What was taken through it is given back when no thread is inside a call any longer."""
        self._own_descriptor = None
        self._note_which()
        self._handle = None

    def _note_which(self):
        if self._handle is not None and self.name:
            try:
                self._which = _which(self)
            except Exception:  # too many descriptors, or the interpreter's end: unlink() then goes by the name alone
                pass

    def _check(self, code):
        if code != 0:
            if self._handle is None:
                raise ValueError(f"the {self._kind} {self.name!r} is closed")
            raise _library.error(code, self.name)

    def _fresh_descriptor(self):
        number = ctypes.c_int()
        self._check(getattr(library, f"shm_{self._kind}_fd")(self._handle, ctypes.byref(number)))
        return Descriptor(number.value)

    def _descriptor(self):
        """What other processes open it by, where it has no name: multiprocessing wants it to stay open."""
        if self._own_descriptor is None:
            self._own_descriptor = self._fresh_descriptor()
        return self._own_descriptor.number

    def __reduce_ex__(self, protocol):
        raise TypeError(
            f"a {type(self).__name__} is handed to other processes of this machine by multiprocessing, loky or "
            "shm_array.by_reference(); in a plain pickle it cannot be"
        )

    def __repr__(self):
        return f"<{type(self).__name__} {self.name or 'without a name'}{', closed' if self._handle is None else ''}>"


# --- leaving


def _find(item):
    """Device and inode, and by which name other processes open it: None where it has none, or has it no more."""
    which = _which(item)
    place = _standing(item.name).get(which)
    if place is None:
        return which, None
    return which, item.name if place.startswith("/dev/shm/") else f"file://{place}"


def _which(item):
    """Device and inode."""
    descriptor = item._fresh_descriptor()
    mine = os.fstat(descriptor.number)
    return mine.st_dev, mine.st_ino


def _standing(name):
    """What has a name now, in each place where a name may stand: paths, by device and inode."""
    places = [name[7:]] if name.startswith("file://") else [f"/dev/shm/{name}"] if name else []
    if name and places[0][:9] == "/dev/shm/" and os.environ.get("SHM_ARRAY_DIR"):
        places.append(os.path.join(os.environ["SHM_ARRAY_DIR"], name))
    standing = {}
    for place in places:
        try:
            found = os.lstat(place)
        except OSError:
            continue
        standing.setdefault((found.st_dev, found.st_ino), place)
    return standing


def _reduce_for_one(item):
    which, address = _find(item)
    if address is not None:
        # The sender may end before the receiver has come: a last-close object is kept for so long.
        leased = _lease(item, LEASE_SECONDS)
        return _arrive_or_excuse, (type(item), boot_id(), mount_namespace(), address, which, item._state(), leased)
    from multiprocessing.reduction import DupFd

    return _arrive_by_descriptor, (type(item), DupFd(item._descriptor()), item._state())


def _reduce_for_many(item, lease):
    which, address = _find(item)
    if address is None:
        raise ValueError(f"a {type(item).__name__} without a name cannot travel by reference: give it one")
    _lease(item, lease)
    return _arrive, (type(item), boot_id(), mount_namespace(), address, which, item._state(), False)


def _lease(item, seconds):
    """Whether it is kept for the receiver; where this process may not write, it is not."""
    descriptor = item._fresh_descriptor()
    return library.shm_object_lease(descriptor.number, int(seconds * 1e9)) == 0


# --- arriving


def _arrive(cls, boot, mounts, name, which, state, leased):
    if boot != boot_id():
        raise ArrivalError(errno.ESTALE, "it was sent on another machine, or before a reboot", name)
    handle = cls._Handle()
    code = getattr(library, f"shm_{cls._kind}_open")(as_name(name), _flags(cls, state), ctypes.byref(handle))
    if code != 0:
        words = str(_library.error(code)) + elsewhere(mounts)
        raise ArrivalError(code if code > 0 else errno.ESTALE, words, name)
    item = cls._over(handle, state)
    if _find(item)[0] != which:
        raise ArrivalError(errno.ESTALE, "the name is another one's by now" + elsewhere(mounts), name)
    if leased:
        descriptor = item._fresh_descriptor()
        library.shm_object_arrived(descriptor.number)
    return item


def _arrive_or_excuse(*ticket):
    try:
        return _arrive(*ticket)
    except ArrivalError as error:
        return NotArrived(error)


def _arrive_by_descriptor(cls, descriptor, state):
    try:
        number = descriptor.detach()
    except Exception as error:
        return NotArrived(not_fetched(error))
    try:
        handle = cls._Handle()
        check(getattr(library, f"shm_{cls._kind}_open_fd")(number, _flags(cls, state), ctypes.byref(handle)))
        return cls._over(handle, state)
    except (OSError, ValueError) as error:
        return NotArrived(ArrivalError(getattr(error, "errno", None) or errno.ESTALE, str(error), None))
    finally:
        os.close(number)


def _flags(cls, state):
    return cls._open_flags if cls._open_flags is not None else state
