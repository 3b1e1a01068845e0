"""Arrays in shared memory: making them, opening them, locking them.

What a caller gets is an Array, a numpy array whose elements lie in the library's own mapping; _opened.py tells how the
two live and end together.
"""

import ctypes
import io
import json
import os

import numpy as np

from . import _atomic, _dtype, _interchange, _library, _written
from ._acquiring import Acquiring
from ._arguments import as_name, as_shape, one_of, whole
from ._library import check, library
from ._lock import acquire
from ._opened import Opened, forget_some, here, opened_by, opened_of, remember, still_open
from ._plain import Plain
from ._quick import give_parts, quicken
from ._records import Stat, lifetime_of

_OPEN_FLAGS = {"r": _library.READ, "r+": _library.WRITE, "c": _library.COPY_ON_WRITE}
_ORDER_FLAGS = {"C": 0, "F": _library.FORTRAN}
_LIFETIME_FLAGS = {"until-unlinked": 0, "last-close": _library.LAST_CLOSE}
_MEMORY_FLAGS = {"ready": 0, "reserve": _library.RESERVE, "lazy": _library.LAZY}
_PLACEMENTS = {
    "auto": _library.PLACE_AUTO,
    "shm": _library.PLACE_SHM,
    "file": _library.PLACE_FILE,
    "memfd": _library.PLACE_MEMFD,
}
_NUMA = {None: 0, "bind": _library.NUMA_BIND, "interleave": _library.NUMA_INTERLEAVE, "local": _library.NUMA_LOCAL}
_ADVICE = {
    "normal": _library.ADVICE_NORMAL,
    "sequential": _library.ADVICE_SEQUENTIAL,
    "random": _library.ADVICE_RANDOM,
    "will-need": _library.ADVICE_WILL_NEED,
    "done-with": _library.ADVICE_DONE_WITH,
}
_PLACEMENT_NAMES = {number: name for name, number in _PLACEMENTS.items()}
_LOCK_NAMES = {0: None, _library.EXCLUSIVE: "exclusive", _library.SHARED: "shared"}


def create(
    name,
    shape,
    dtype=float,
    order="C",
    *,
    fill=None,
    lifetime="until-unlinked",
    capacity=None,
    metadata=None,
    permissions=0o600,
    slots=None,
    untracked=False,
    exist_ok=False,
    placement="auto",
    directory=None,
    unnamed=False,
    memory="ready",
    populate=False,
    mlock=False,
    wakes_readers=False,
    numa=None,
    numa_nodes=(),
):
    """Make a shared array, and return it, writable.

    name         "temperature" or "shm://temperature": letters, digits, . _ -, for /dev/shm/temperature;
                 "file:///data/x.npy" or a pathlib.Path: an ordinary file; None: no name, see Array.fileno()
    shape        a number, or a sequence of up to 64 numbers (numpy 1: 32), in elements
    dtype        anything that numpy takes for one, but for objects and StringDType
    order        "C", last axis fastest, or "F", first axis fastest
    fill         what every element starts as, as in numpy.full; None: all bytes zero. It is filled in while the array
                 is locked; a process that opens it in that moment without locking sees zeros
    lifetime     "until-unlinked", or "last-close": removed when the last user, in whatever process, has gone
    capacity     room for growth: the length that the first axis (order "F": the last one) may grow to
    metadata     whatever JSON can hold: units, axis names. Fixed from now on
    permissions  mode bits of the file
    slots        how many processes can lock at the same time (None: 256; at most 1023)
    untracked    keep no file descriptor and allow no lock, for users with tens of thousands of arrays
    placement    "shm", "file" or "memfd", or "auto": /dev/shm if it fits there; else, with unnamed=True, memory without
                 the name; else a file in `directory`, if there is one. Array.placement tells which it became
    directory    where files go, an absolute path; None: what the environment variable SHM_ARRAY_DIR says
    memory       "ready": there at once, in huge pages where the kernel can; "reserve": there, but cleared when it is
                 touched; "lazy": not reserved, for sparse data: a touch when memory has run out ends the process
    populate, mlock  as of open()
    wakes_readers    wake those at once who opened it with mode "r" and wait for a write, which costs each writer
                     0.25 us; else they look every 20 ms
    numa         on machines with several memory nodes: "bind": memory from `numa_nodes` only; "interleave": in turn
                 from each of them; "local": from the node of the processor that touches it first
    numa_nodes   their numbers, below 64
    exist_ok     open the array that is there already, if it has the same dtype, shape and order

    Raises FileExistsError, DtypeError, ArgumentError or OSError (ENOSPC, ENOMEM and the like, with the figures).
    Nothing is left behind then.
    """
    # numpy's own reading of shape and dtype: "S" has one byte, and the axes of a subarray dtype go to the shape.
    shape, model = as_shape(shape), np.empty(0, dtype)
    dtype, shape = model.dtype, shape + model.shape[1:]
    text, tag = _dtype.to_text(dtype)
    if fill is not None:
        if exist_ok:
            raise ValueError("fill and exist_ok together would overwrite the elements of an array that is in use")
        fill = np.asarray(fill, dtype)
        np.broadcast_to(fill, shape)  # refuses what does not fit, before anything is made
    options = _library.Options(
        size=ctypes.sizeof(_library.Options),
        flags=one_of("order", order, _ORDER_FLAGS)
        | one_of("lifetime", lifetime, _LIFETIME_FLAGS)
        | one_of("memory", memory, _MEMORY_FLAGS)
        | (_library.UNTRACKED if untracked else 0)
        | (_library.UNNAMED if unnamed else 0)
        | (_library.WAKES_READERS if wakes_readers else 0)
        | _at_once(populate, mlock)
        | (_library.OR_OPEN if exist_ok else 0),
        permissions=whole("permissions", permissions, 32),
        capacity=whole("capacity", capacity or 0),
        slots=whole("slots", slots or 0, 32),
        metadata=None if metadata is None else json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode(),
        dtype_tag=tag.encode() or None,
        directory=None if directory is None else os.fsencode(directory),
        placement=one_of("placement", placement, _PLACEMENTS),
        numa=one_of("numa", numa, _NUMA),
        numa_nodes=whole("numa_nodes", sum({1 << whole("a node in numa_nodes", node, 6) for node in numa_nodes})),
    )
    lengths = (ctypes.c_uint64 * len(shape))(*shape)
    handle = _library.Handle()
    check(
        library.shm_array_create(as_name(name), text.encode(), len(shape), lengths, options, ctypes.byref(handle)),
        name,
    )
    array = Array._over(handle, untracked)
    if type(name) is str:
        remember(opened_of(array), name, "r+", untracked)
    if fill is not None:
        try:
            if untracked:  # without a lock
                _fill(array, fill)
            else:
                with array.lock():
                    _fill(array, fill)
        except BaseException:
            if name is not None:
                array.unlink()
            raise
    return array


@quicken
def open(name, mode="r", *, untracked=False, adopt=False, id=None, populate=False, mlock=False):
    """Open the array of that name, or an ordinary .npy file, and return it.

    name       as for create(); "file:///data/x.npy" or a pathlib.Path may be any .npy file
    mode       "r": read only, and nothing can make the elements writable; "r+": read and write, every process sees it;
               "c": copy on write, what this process writes stays its own
    untracked  as for create()
    adopt      make an ordinary .npy file a shared and lockable array, still a valid .npy (mode "r+" only)
    id         Stat.id of the array that is meant: OSError with ESTALE if the name belongs to another one by now
    populate   map every page now, so that no touch is a page fault later
    mlock      keep every page in memory, as far as RLIMIT_MEMLOCK allows

    What this process has open already, by the same name and in the same mode, shares its mapping: permissions that were
    taken away meanwhile are not looked at again.

    Raises FileNotFoundError, PermissionError, FormatError, CorruptError, VersionError, DtypeError or OSError.
    """
    plain = id is None and not (adopt or populate or mlock) and mode in ("r", "r+") and type(name) is str
    known = opened_by(name, mode, untracked) if plain else None
    if known is not None:
        return Array._over(known.duplicate(), untracked)
    flags = _open_flags(mode, untracked, adopt) | _at_once(populate, mlock)
    if id is None:
        array = Array._named(name, flags, untracked)
        if plain:
            remember(opened_of(array), name, mode, untracked)
        return array
    if len(id) != 16:
        raise ValueError(f"id has {len(id)} bytes, expected the 16 of Stat.id")
    segment, handle = (ctypes.c_uint8 * 16)(*id), _library.Handle()
    check(library.shm_array_open_id(as_name(name), flags, segment, ctypes.byref(handle)), name)
    return Array._over(handle, untracked)


def open_fd(fd, mode="r", *, untracked=False, adopt=False):
    """Open the array behind a file descriptor, which stays the caller's: one inherited, or received over a socket."""
    handle = _library.Handle()
    number = whole("fd", fd, 31)
    check(library.shm_array_open_fd(number, _open_flags(mode, untracked, adopt), ctypes.byref(handle)))
    return Array._over(handle, untracked)


@quicken
class Array(Plain):
    """A numpy array whose elements lie in shared memory; made by create(), open() and open_fd().

    It is an ndarray in every respect. Slices and other views of it are Arrays over the same memory; results of
    arithmetic, of reductions, sorting and copying, and of methods such as take() and dot() are plain ndarrays in
    private memory. The methods below work on every view, and always mean the whole shared array: there is one lock, one
    name, one close().

    What numpy makes like its argument is an Array in private memory, on which the methods below raise ValueError: what
    an index of several elements copies (array[[0, 2]], array[array > 0]), byteswap() and, where it must copy, ravel()
    or reshape(); and of numpy's functions dot and inner, zeros_like and the others in _like, roll, tile, correlate,
    extract, take_along_axis, nan_to_num, gradient, piecewise. np.asarray(array) makes all of them plain ndarrays.
    """

    __slots__ = ()

    def __new__(cls, *args, **kwargs):
        raise TypeError("an Array is made by shm_array.create(), or opened by shm_array.open()")

    @classmethod
    def _over(cls, handle, untracked=False):
        """The Array of what a handle has open."""
        view = _library.View(size=ctypes.sizeof(_library.View))
        check(library.shm_array_view(handle, ctypes.byref(view)))
        return cls._of(handle, view, untracked)

    @staticmethod
    def _named(name, flags, untracked):
        """The Array of that name, opened as the flags say."""
        handle, view = _library.Handle(), _library.View(size=ctypes.sizeof(_library.View))
        code = library.shm_array_open_view(as_name(name), flags, ctypes.byref(handle), ctypes.byref(view))
        check(code, name)
        return Array._of(handle, view, untracked)

    @classmethod
    def _of(cls, handle, view, untracked):
        memory = Opened(handle, view.data, view.nbytes, view.flags, untracked).memory()
        shape, strides = view.shape[: view.ndim], view.strides[: view.ndim]
        return np.ndarray.__new__(cls, shape, _dtype.of_view(view), memory, 0, strides)

    # --- who it is

    @property
    def name(self):
        """The name it was made or opened by, "" for one that has none."""
        return opened_of(self).name

    @property
    def placement(self):
        """Where the elements live: "shm", "file" or "memfd"."""
        return _PLACEMENT_NAMES[library.shm_array_placement(still_open(self).handle)]

    @property
    def metadata(self):
        """What was given as metadata when the array was made, or None."""
        text = library.shm_array_metadata(still_open(self).handle)
        return None if text is None else json.loads(text)

    @property
    def generation(self):
        """How many exclusive locks have come to their end: it changes when somebody has written under the lock."""
        value = ctypes.c_uint64()
        check(library.shm_array_generation(still_open(self).handle, ctypes.byref(value)))
        return value.value

    def stat(self):
        """Who uses the array, who holds its lock, how large it is: see Stat."""
        got = still_open(self).stat()
        return Stat(
            id=bytes(got.id),
            generation=got.generation,
            capacity_bytes=got.capacity_bytes,
            file_bytes=got.file_bytes,
            data_offset=got.data_offset,
            created=got.created_ns / 1e9,
            creator_pid=got.creator_pid,
            lifetime=lifetime_of(got.flags),
            slots=got.slots,
            lock=_LOCK_NAMES[got.lock],
            lock_pid=got.lock_pid,
            inconsistent=bool(got.inconsistent),
            attached=got.attached,
            pids=tuple(got.pids[: min(got.attached, 64)]),
        )

    def fileno(self):
        """A file descriptor of the array, for subprocess's pass_fds or for a socket; valid until close()."""
        return still_open(self).fileno()

    def flush(self):
        """Write all elements to the disk, for an array in a file; memory needs none. Returns when they are there."""
        opened = still_open(self)
        check(library.shm_array_sync(opened.handle, _library.SYNC_WAIT, 0, 2**64 - 1), opened.name)

    def advise(self, advice):
        """Tell the kernel how this process will use these elements, for arrays that are larger than memory.

        advice  "sequential", "random", "will-need", "done-with" (they may leave memory: a pass through a large file
                says so of each part behind it) or "normal"

        Of a view, such as `array[:1000]`, it concerns what lies between its first and last byte.
        """
        opened = still_open(self)
        number = one_of("advice", advice, _ADVICE)
        first, end = np.lib.array_utils.byte_bounds(self) if hasattr(np.lib, "array_utils") else np.byte_bounds(self)
        offset = first - opened.data
        check(library.shm_array_advise(opened.handle, number, offset, end - first), opened.name)

    # --- for others

    def memmap(self):
        """The same elements as a numpy.memmap, in a mapping of its own, for code that insists on that type.

        Raises ValueError for an array of mode "c", whose private changes no other mapping has.
        """
        opened = still_open(self)
        if opened.mode == "c":
            raise ValueError("an array of mode 'c' has private elements: no memmap can show them")
        # Through the array's own descriptor: as long as the memmap lives, the array counts as used.
        path = opened.path or f"/proc/self/fd/{opened.fileno()}"
        access = "rb" if opened.mode == "r" else "r+b"
        with io.open(path, access, opener=lambda *_: os.dup(opened.fileno())) as file:
            # From the header on, so that there is something to map where there are no elements.
            start = opened.identity().data_offset
            whole = np.memmap(file, np.uint8, opened.mode, 0, (start + opened.nbytes,))
        place = start + opened.place_of(self)
        result = np.ndarray.__new__(np.memmap, self.shape, self.dtype, whole, place, self.strides)
        result._mmap, result.filename, result.mode = whole._mmap, whole.filename, whole.mode
        result.offset = whole.offset + place
        return result

    def __arrow_c_array__(self, requested_schema=None):
        return _interchange.arrow_c_array(self, requested_schema)

    # --- the lock

    def lock(self, timeout=None, *, repair=None, rows=None):
        """Take the lock for writing, and return the Held that gives it back: `with array.lock(): ...`.

        timeout  seconds, or None to wait for ever; 0 only tries
        repair   what to do if a process died while it was writing: a function that gets this array, with the lock
                 held. When it returns, the elements count as whole again. If it raises, the lock is given back, the
                 array stays marked, and the exception goes on. Held.owner_died tells later that it was called
        rows     (start, stop) or a slice: only these rows, while others lock rows that do not overlap them. A row is
                 an index of the first axis (order "F": the last) of the whole array, whatever part of it this is, and
                 may lie behind the end, within the capacity. None: all there is, and the right to resize

        Raises TimeoutError; OwnerDied, with the lock given back, if a process died while it was writing and there is
        no `repair`; PermissionError if the array is not open for writing: even a reader's lock is written down in it.
        A death with rows locked concerns only who locks them, or all.

        The lock belongs to the process, not to the thread: any thread may give it back, a second lock() in the same
        process waits like any other, and a forked child holds none of its parent's locks.
        """
        return acquire(self, _library.EXCLUSIVE, timeout, repair, rows)

    exclusive = lock

    def shared(self, timeout=None, *, rows=None):
        """Take the lock for reading, together with other readers: `with array.shared(): ...`.

        Takes and raises what lock() does; only a writer can repair an array, so that OwnerDied is always raised here.
        """
        return acquire(self, _library.SHARED, timeout, None, rows)

    def exclusive_async(self, *, repair=None, rows=None):
        """What exclusive() does, for asyncio: `async with array.exclusive_async() as held: ...`, or await it.

        No thread waits, however many tasks do; to give up, cancel, with asyncio.timeout() for instance.
        """
        return Acquiring(self, _library.EXCLUSIVE, repair, rows)

    def shared_async(self, *, rows=None):
        """What shared() does, for asyncio: `async with array.shared_async(): ...`."""
        return Acquiring(self, _library.SHARED, None, rows)

    def recover(self, repair=None, timeout=None, *, rows=None):
        """After OwnerDied: take the lock for writing, call `repair` with this array, and declare the elements whole.

        Without a `repair`, they are declared whole as they are. Where nobody has died, nothing happens. With `rows`, as
        in lock(), only they are declared whole, also where somebody died who was writing more than them.
        """
        self.lock(timeout, repair=repair or (lambda array: None), rows=rows).release()

    # --- what others write

    def wait(self, since=None, timeout=None):
        """Sleep until somebody has written, and return the generation: until it is another than `since`.

        since    a generation, from here or from `generation`; None: the present one, so that the next write counts
        timeout  seconds, or None to wait for ever; 0 only looks

        A write is complete when its lock is given back. It may be overwritten at any moment: lock to read. Raises
        TimeoutError.
        """
        return _written.wait(self, since, timeout)

    async def changed(self, since=None):
        """What wait() does, for asyncio: `generation = await array.changed()`. No thread waits, however many tasks do.

        It counts from where it is awaited: to miss nothing, pass the generation that was seen last as `since`.
        """
        return await _written.changed(self, since)

    def snapshot(self, rows=None, timeout=None, *, may_lock=False):
        """A copy of one moment, without a lock: a plain ndarray of the whole array or of some rows, and its generation.

        rows      (start, stop) or a slice of the first axis of the whole array; None: all
        timeout   seconds in which writers must leave a moment for it, or None to wait for ever; 0 tries once
        may_lock  take the lock for reading where they leave none. Needs an array that is open for writing

        Who writes without locking tears the copy. Raises TimeoutError, and OwnerDied if a process died while it was
        writing and nobody has recovered the array.
        """
        return _written.snapshot(self, rows, timeout, may_lock)

    @property
    def published(self):
        """Who completed the last write, and when: see Published. None if nobody has written yet."""
        return _written.published(self)

    # --- one element, without a lock; generation, wait() and snapshot() do not know of it

    def atomic_load(self, index):
        """One element: `array.atomic_load(3)`, `array.atomic_load((0, -1))`; what atomic operations wrote is whole.

        All atomic_*() work on integers of 1 to 8 bytes and floats of 4 or 8, and are ordered among all processes.
        Raises IndexError; TypeError for a view of another dtype; OSError with EOPNOTSUPP for elements of other types.
        """
        return _atomic.load(self, index)

    def atomic_store(self, index, value):
        """Write one element. Raises as atomic_load() does, OverflowError or TypeError for a value that does not fit."""
        _atomic.store(self, index, value)

    def atomic_exchange(self, index, value):
        """Write one element, and return what it was."""
        return _atomic.fetch(library.shm_array_atomic_exchange, self, index, value)

    def atomic_compare_exchange(self, index, expected, desired):
        """Write `desired` if the element has the bits of `expected`: (whether it was written, what the element was)."""
        return _atomic.compare_exchange(self, index, expected, desired)

    def atomic_add(self, index, value):
        """Add to one element, and return what it was; integers wrap round. With 1 it hands out numbers."""
        return _atomic.fetch(library.shm_array_atomic_fetch_add, self, index, value)

    def atomic_min(self, index, value):
        """Make one element the smaller one of itself and the value, and return what it was; a NaN never counts."""
        return _atomic.fetch(library.shm_array_atomic_fetch_min, self, index, value)

    def atomic_max(self, index, value):
        """Make one element the larger one of itself and the value, and return what it was; a NaN never counts."""
        return _atomic.fetch(library.shm_array_atomic_fetch_max, self, index, value)

    def atomic_and(self, index, value):
        """Keep the bits of one integer that the value has too, and return what it was."""
        return _atomic.fetch(library.shm_array_atomic_fetch_and, self, index, value)

    def atomic_or(self, index, value):
        """Set those bits of one integer that the value has, and return what it was."""
        return _atomic.fetch(library.shm_array_atomic_fetch_or, self, index, value)

    def atomic_xor(self, index, value):
        """Turn those bits of one integer over that the value has, and return what it was."""
        return _atomic.fetch(library.shm_array_atomic_fetch_xor, self, index, value)

    def resize(self, *new_shape, **options):
        """Not here: one process alone cannot, nor in place: see Held.resize()."""
        raise ValueError("an Array is resized under its lock: `with array.lock() as held: array = held.resize(9)`")

    # --- its end

    def unlink(self):
        """Remove the array's name, also after close(); OSError with ESTALE if the name is another array's by now."""
        opened = opened_of(self)
        check(library.shm_array_funlink(opened.handle), opened.name)

    def close(self):
        """Give back every lock that was taken through this array, and be done with other processes.

        The elements stay where they are for as long as this array or a view of it exists, so that nothing can crash;
        a last-close array is removed when they have gone too. Of what the class adds to ndarray, only `name`,
        unlink() and close() itself work from now on; the rest raises ValueError.
        """
        opened_of(self).close()

    @property
    def closed(self):
        """True after close(), on this array and on all views of it."""
        return opened_of(self).closed

    def __enter__(self):
        still_open(self)
        return self

    def __exit__(self, *exception):
        self.close()


give_parts(
    Array, Opened, _library.Handle, _dtype.simple, _dtype.of_texts, np.asarray, np.ndarray.__new__, here, forget_some
)


def _fill(array, values):
    """array[...] = values, by several threads where the elements lie in memory as the array's do."""
    alike = values.shape == array.shape and values.dtype == array.dtype and values.strides == array.strides
    if alike and (values.flags.c_contiguous or values.flags.f_contiguous):
        handle = still_open(array).handle
        check(library.shm_array_copy_in(handle, 0, values.ctypes.data, values.nbytes), array.name)
    else:
        array[...] = values


def _open_flags(mode, untracked, adopt):
    return (
        one_of("mode", mode, _OPEN_FLAGS) | (_library.UNTRACKED if untracked else 0) | (_library.ADOPT if adopt else 0)
    )


def _at_once(populate, mlock):
    return (_library.POPULATE if populate else 0) | (_library.MLOCK if mlock else 0)
