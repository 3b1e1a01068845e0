"""What the library tells about arrays, as Python has it."""

import collections

from . import _library


class Stat(
    collections.namedtuple(
        "Stat",
        "id generation capacity_bytes file_bytes data_offset created creator_pid lifetime slots lock lock_pid "
        "inconsistent attached pids",
    )
):
    """What Array.stat() tells about an array, at one moment.

    id              the segment's identity, 16 bytes; see `id` of open()
    generation      how many exclusive locks have come to their end: writes that are complete
    capacity_bytes  bytes that the elements may take before the array is full
    file_bytes      bytes of the whole file, elements and management
    data_offset     bytes from the file's start to the first element
    created         seconds since 1970, as time.time()
    creator_pid     the process that made the array
    lifetime        "until-unlinked" or "last-close"
    slots           how many processes can lock at the same time
    lock            None, "exclusive" or "shared"
    lock_pid        the process that holds it exclusively, or 0
    inconsistent    True from the death of a writer until somebody recovers the array
    attached        how many processes are known to use the array
    pids            their numbers, 64 at most
    """

    __slots__ = ()


class Published(collections.namedtuple("Published", "generation time age pid alive")):
    """The last write of an array, as Array.published has it.

    generation  how many writes were complete with it
    time        when its lock was given back, in seconds since 1970, as time.time(); to some milliseconds
    age         how long ago that is, in seconds
    pid         the process that wrote
    alive       whether that process still lives
    """

    __slots__ = ()


class Entry(
    collections.namedtuple(
        "Entry", "name shape dtype itemsize file_bytes generation created id lifetime attached lock_pid kind"
    )
):
    """One segment in what list() returns: `attached` is True if a live process uses it, `dtype` numpy's text for it.

    `kind` is "array", "semaphore", "event" (Signals too), "barrier", "queue", "pipe" (Fifo too), "topic" or "frames".
    The rest means what it means in Stat.
    """

    __slots__ = ()


def lifetime_of(flags):
    return "last-close" if flags & _library.LAST_CLOSE else "until-unlinked"
