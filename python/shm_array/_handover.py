"""Handing an array to another process: a few hundred bytes that say where its elements are, not the elements.

What travels is a Ticket. It names the segment by its path, and says which one is meant: the boot of the machine, the
segment's random id, the file's device and inode. So a receiver gets that very segment, or is told in words why it is
not to be had: it runs on another machine, its container has another /dev/shm, the name is another array's by now.
An array without a name, or whose name was taken away, travels as a descriptor over multiprocessing's own connections.

Where a ticket goes instead of the elements:

    multiprocessing, concurrent.futures, torch   ForkingPickler: each message is received once
    loky, and joblib with it                     its own table of reducers: each message is received once
    dask                                         its serializers, if the peer is on this machine
    any other pickle                             by_reference(x)

A plain pickle.dump carries the elements: it may go to a disk, or to another machine.

Who sends an array may end before the receiver has opened it. A lease in the segment keeps a last-close array for so
long (LEASE_SECONDS at most). A message that is received once ends its lease when it arrives; one that may be read
many times, or never, does not, and the lease runs to its end.
"""

import collections
import copyreg
import errno
import functools
import io
import os
import pickle
import weakref

import numpy as np

from ._errors import ArrivalError
from ._imports import when_imported
from ._library import library
from ._opened import opened_of
from .array import Array, open, open_fd

LEASE_SECONDS = 600

Ticket = collections.namedtuple(
    "Ticket", "boot mounts name id device inode mode untracked leased offset shape strides dtype writeable"
)

# What this process has open of what it has sent or received: a ticket for it needs no second mapping.
_open_here = weakref.WeakValueDictionary()


def by_reference(x, *, lease=LEASE_SECONDS):
    """Something to pickle in x's place: what comes out is x again, and the arrays in it are handed over by ticket.

    x      an array, or whatever can be pickled and holds arrays: a list, a dict, a dataclass
    lease  seconds for which a last-close array is kept for a receiver even if nobody else uses it. An array that is
           closed within that time goes with the next collect()

    For pickles that another process on this machine reads while the array exists. Raises ValueError when it is pickled
    and holds an array without a name: that travels only as a descriptor, see Array.fileno().
    """
    return _ByReference(x, lease)


class _ByReference:
    __slots__ = ("lease", "x")

    def __init__(self, x, lease):
        self.x = x
        self.lease = lease

    def __reduce__(self):
        buffer = io.BytesIO()
        pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = collections.ChainMap(
            {cls: functools.partial(reduce, lease=self.lease) for cls, (_, reduce) in _taught.items()},
            copyreg.dispatch_table,
        )
        pickler.dump(self.x)
        return pickle.loads, (buffer.getvalue(),)


# --- leaving


def _reduce_for_one(array):
    """For a message that exactly one process of this machine reads."""
    opened = _handed_over(array)
    if opened is None:
        return _as_it_is, (np.asarray(array),)
    if not _name_stands(opened):
        from multiprocessing.reduction import DupFd

        return _arrive_by_descriptor, (DupFd(opened.fileno()), _ticket(array, opened, leased=False))
    return _arrive_or_excuse, (_ticket(array, opened, leased=_lease(opened, LEASE_SECONDS)),)


def _reduce_for_many(array, lease):
    """For a message that any number of processes of this machine read, or none."""
    opened = _handed_over(array)
    if opened is None:
        return _as_it_is, (np.asarray(array),)
    if not _name_stands(opened):
        raise ValueError(
            "an array without a name cannot travel by reference: make it with a name, or send its descriptor, fileno()"
        )
    _lease(opened, lease)
    return arrive, (_ticket(array, opened, leased=False),)


def _as_it_is(plain):
    return plain


def _handed_over(array):
    """The Opened, or None for an array whose elements nobody else can see: they have to travel themselves."""
    try:
        opened = opened_of(array)
    except ValueError:
        return None
    return None if opened.mode == "c" else opened


def _name_stands(opened):
    identity = opened.identity()
    try:
        found = os.lstat(opened.path)
    except (OSError, TypeError):
        return False
    return (found.st_dev, found.st_ino) == (identity.device, identity.inode)


def _lease(opened, seconds):
    """Whether the array is kept for the receiver; a reader without permission for it, or a plain .npy, is not."""
    return library.shm_array_lease(opened.handle, int(seconds * 1e9)) == 0


def _ticket(array, opened, leased):
    identity = opened.identity()
    _open_here[_key(identity, opened.mode, opened.untracked)] = opened
    return Ticket(
        boot=boot_id(),
        mounts=mount_namespace(),
        name=opened.address,
        id=bytes(identity.id),
        device=identity.device,
        inode=identity.inode,
        mode=opened.mode,
        untracked=opened.untracked,
        leased=leased,
        offset=opened.place_of(array),
        shape=array.shape,
        strides=array.strides,
        dtype=array.dtype,
        writeable=array.flags.writeable,
    )


# --- arriving


def arrive(ticket):
    """The array that a ticket stands for; ArrivalError if it cannot be opened here."""
    if ticket.boot != boot_id():
        raise ArrivalError(errno.ESTALE, "it was sent on another machine, or before a reboot", ticket.name)
    known = _open_here.get((ticket.device, ticket.inode, ticket.id, ticket.mode, ticket.untracked))
    try:
        if known is not None:
            whole = Array._over(known.duplicate(), known.untracked)
        elif any(ticket.id):
            whole = open(ticket.name, ticket.mode, untracked=ticket.untracked, id=ticket.id)
        else:
            whole = open(ticket.name, ticket.mode)
    except Exception as error:
        words = getattr(error, "strerror", None) or str(error)
        code = getattr(error, "errno", None) or errno.ESTALE
        raise ArrivalError(code, words + elsewhere(ticket.mounts), ticket.name) from None
    return _view(whole, ticket)


def _arrive_or_excuse(ticket):
    try:
        return arrive(ticket)
    except ArrivalError as error:
        return NotArrived(error)


def _arrive_by_descriptor(descriptor, ticket):
    try:
        number = descriptor.detach()
    except Exception as error:
        return NotArrived(not_fetched(error))
    try:
        return _view(open_fd(number, ticket.mode, untracked=ticket.untracked), ticket)
    except ArrivalError as error:
        return NotArrived(error)
    except (OSError, ValueError) as error:
        return NotArrived(ArrivalError(getattr(error, "errno", None) or errno.ESTALE, str(error), None))
    finally:
        os.close(number)


def not_fetched(error):
    """Why the descriptor of what has no name could not be had, in words."""
    from multiprocessing import AuthenticationError

    if isinstance(error, AuthenticationError):
        words = (
            "what has no name travels only between a process and those that multiprocessing started from it, which "
            f"have the same authkey: give it a name ({error!r})"
        )
    else:
        words = (
            f"its sender ended before the descriptor was fetched ({error!r}): give it a name, or let the sender wait"
        )
    return ArrivalError(errno.ESTALE, words, None)


def _view(whole, ticket):
    opened = opened_of(whole)
    identity = opened.identity()
    if (identity.device, identity.inode, bytes(identity.id)) != (ticket.device, ticket.inode, ticket.id):
        words = "the name is another file's by now, a copy of it perhaps" + elsewhere(ticket.mounts)
        raise ArrivalError(errno.ESTALE, words, ticket.name)
    _open_here.setdefault(_key(identity, opened.mode, opened.untracked), opened)
    if ticket.leased:
        library.shm_array_arrived(opened.handle)
    try:
        memory = opened.memory()
        array = np.ndarray.__new__(Array, ticket.shape, ticket.dtype, memory, ticket.offset, ticket.strides)
    except ValueError:
        words = (
            f"it has been made smaller, and the elements that were sent, of shape {ticket.shape}, are no longer in it"
        )
        raise ArrivalError(errno.ESTALE, words, ticket.name) from None
    if not ticket.writeable:
        array.flags.writeable = False
    return array


def elsewhere(mounts):
    """Words for an error, if what could not be opened was sent from where other files are seen."""
    if mounts == mount_namespace():
        return ""
    return "; it was sent in another container, whose files, /dev/shm among them, need not be seen here"


class NotArrived:
    """Stands for an array that could not be opened where it was received: every use raises the ArrivalError.

    An exception while a message is received would end a worker of a pool, and leave its caller waiting for ever. So it
    is raised by the function that the array was meant for, and comes back as its result.
    """

    def __init__(self, error):
        self._not_arrived = error

    def _raise(self, *_, **__):
        raise self._not_arrived

    def __getattr__(self, name):
        raise self._not_arrived

    def __reduce__(self):
        return NotArrived, (self._not_arrived,)

    def __repr__(self):
        return f"<array that has not arrived: {self._not_arrived}>"


for _name in (
    "array getitem setitem delitem len iter contains bool float int index complex enter call eq ne lt le gt ge neg pos "
    "abs invert add radd iadd sub rsub isub mul rmul imul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul "
    "rmatmul and rand or ror xor rxor lshift rlshift rshift rrshift array_ufunc array_function dlpack"
).split():
    setattr(NotArrived, f"__{_name}__", NotArrived._raise)
NotArrived.__hash__ = object.__hash__


# --- where we are


@functools.lru_cache(maxsize=None)
def boot_id():
    try:
        with io.open("/proc/sys/kernel/random/boot_id") as file:
            return bytes.fromhex(file.read().strip().replace("-", ""))
    except OSError:
        return b""


def mount_namespace():
    try:
        return os.stat("/proc/self/ns/mnt").st_ino
    except OSError:
        return 0


def _key(identity, mode, untracked):
    return identity.device, identity.inode, bytes(identity.id), mode, untracked


# --- who sends tickets


_taught = {}  # class: its reducers, for a message that is read once, and for one that may be read many times
_registers = []  # functions that take a class and a reducer


def teach(cls, for_one, for_many):
    """Have the objects of a class handed over by ticket, wherever the peer is on this machine."""
    _taught[cls] = for_one, for_many
    for register in _registers:
        register(cls, for_one)


def _registered_by(register):
    _registers.append(register)
    for cls, (for_one, _) in _taught.items():
        register(cls, for_one)


def _teach_multiprocessing(module):
    _registered_by(module.ForkingPickler.register)


def _teach_loky(module):
    _registered_by(module.register)


def _teach_dask(module):
    from distributed.protocol.numpy import deserialize_numpy_ndarray, serialize_numpy_ndarray

    @module.dask_serialize.register(Array)
    def serialize(array, context=None):
        opened = _handed_over(array)
        if opened is None or not _is_neighbour(context) or not _name_stands(opened):
            header, frames = serialize_numpy_ndarray(np.asarray(array), context)
            return {"elements": header}, frames
        _lease(opened, LEASE_SECONDS)
        return {"ticket": pickle.dumps(_ticket(array, opened, leased=False))}, []

    @module.dask_deserialize.register(Array)
    def deserialize(header, frames):
        if "ticket" in header:
            return arrive(pickle.loads(header["ticket"]))
        return deserialize_numpy_ndarray(header["elements"], frames)


def _is_neighbour(context):
    """Whether dask's context says that the peer runs on this machine; to a disk, say, there is no context."""
    ends = [(context or {}).get(end, {}).get("address", "") for end in ("sender", "recipient")]
    sender, recipient = (end.rpartition("://")[2].rpartition(":")[0].strip("[]") for end in ends)
    return bool(recipient) and (recipient == sender or recipient == "::1" or recipient.startswith("127."))


teach(Array, _reduce_for_one, _reduce_for_many)
when_imported("multiprocessing.reduction", _teach_multiprocessing)
when_imported("loky.backend.reduction", _teach_loky)
when_imported("joblib.externals.loky.backend.reduction", _teach_loky)
when_imported("distributed.protocol.serialize", _teach_dask)
