"""Big n-dimensional arrays that several processes share, without copying.

    import shm_array

    a = shm_array.create("temperature", (1000, 1000), float, fill=20.0)   # one process
    b = shm_array.open("temperature", "r+")                               # another one, in any language

    with b.lock():
        b[500:] += 1.5

What create() and open() return is a numpy array whose elements lie in shared memory; hand it to whatever takes an
ndarray. It keeps its memory for as long as anything looks at it: close(), del and the interpreter's end are safe in
any order. An array lives until it is unlinked, or until its last user closes it, and no process that merely looks at
it ever removes it. Each array is a valid .npy file as well: ``np.load("/dev/shm/temperature", mmap_mode="r")``.

Lock, RLock, Condition, Semaphore, BoundedSemaphore, Event, Barrier, Queue, JoinableQueue and Pipe stand beside the
arrays, with the names and methods of multiprocessing's: take them from here in the place of there (processes and pools
still come from there), and a killed process hangs nobody. Frames (the latest of many whole arrays), Topic (one to
many), Signals (named bits) and Fifo (bytes) have no counterpart there.

Everything here is ctypes over libshm_array.so; the calls that programs make most often also go through a small compiled
module, where it is there. Where to look:

    array.py, _creation.py          arrays: making and opening them, and all their methods
    _names.py                       what names there are: list(), unlink(), collect()
    _plain.py, _written.py          which results are plain ndarrays; what is known of writes: wait(), snapshot()
    _opened.py                      what an open array has besides its elements, and the end of it
    _lock.py, _acquiring.py         the lock of an array, also for asyncio
    _sync.py, _primitives.py        the classes with multiprocessing's names: locks; semaphores, events, barriers
    _frames.py, _topic.py, _signals.py, _fifo.py   what has no counterpart there
    _queue.py, _joinable.py, _pipe.py   queues and pipes; _object.py: what all objects but arrays have in common
    _in_place.py, _leftovers.py     items of a queue where they lie; what is left in one that nobody uses any more
    _waiting.py, _asyncio.py        how to wait: so that Ctrl-C ends it, and so that an event loop goes on
    _handover.py, _interchange.py   arrays for other processes, and for other libraries
    _library.py, _structs.py        the C library's functions, structs and constants, and where it is looked for
    _quick.py                       the compiled module, which is made of the C files in python/hot
"""

from ._creation import adopt, asarray, copy, empty, empty_like, exists, from_file, full, zeros
from ._errors import (
    ArgumentError,
    ArrivalError,
    CorruptError,
    DtypeError,
    Error,
    FormatError,
    InternalError,
    OwnerDied,
    VersionError,
)
from ._fifo import Fifo
from ._frames import Frame, Frames, Writing
from ._handover import by_reference
from ._interchange import to_arrow, to_pandas, to_polars
from ._joinable import JoinableQueue
from ._library import version
from ._lock import Held
from ._names import collect, list, unlink
from ._parallel import parallel_for
from ._pipe import Connection, Pipe
from ._primitives import Barrier, BoundedSemaphore, Event, Semaphore
from ._queue import Queue, Reserved, ShutDown, Taken
from ._records import Entry, Published, Stat
from ._signals import Signals
from ._sync import Condition, Lock, RLock
from ._topic import Subscription, Topic
from .array import Array, create, open, open_fd

__version__ = "0.1.0"

__all__ = [
    "ArgumentError", "Array", "ArrivalError", "Barrier", "BoundedSemaphore", "Condition", "Connection",
    "CorruptError", "DtypeError", "Entry", "Error", "Event", "Fifo", "FormatError", "Frame", "Frames", "Held",
    "InternalError", "JoinableQueue", "Lock", "OwnerDied", "Pipe", "Published", "Queue", "RLock", "Reserved",
    "Semaphore", "ShutDown", "Signals", "Stat", "Subscription", "Taken", "Topic", "VersionError", "Writing",
    "adopt", "asarray", "by_reference", "collect", "copy", "create", "empty", "empty_like", "exists", "from_file",
    "full", "list", "open", "open_fd", "parallel_for", "to_arrow", "to_pandas", "to_polars", "unlink", "version",
    "zeros",
]  # fmt: skip
