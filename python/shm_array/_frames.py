"""Whole arrays of one shape, published one after the other; whoever looks gets the latest, complete and in place.

frames = shm_array.Frames((1080, 1920, 3), "u1", name="camera")   # one process
with frames.write() as frame:
    camera.read_into(frame)

for frame in shm_array.Frames.open("camera"):                     # any number of others
    show(frame.array)
"""

import ctypes
import errno

import numpy as np

from . import _asyncio, _dtype, _library
from ._arguments import as_name, as_shape, one_of, whole
from ._errors import DtypeError
from ._library import check, library
from ._object import Object
from ._waiting import NOT_YET, checked, in_slices

_OPEN_FLAGS = {"r": _library.OBJECT_READ, "r+": _library.OBJECT_WRITE}


class Frames(Object):
    """Buffers for whole arrays: a writer fills one that nobody looks at; readers pin the latest, and read it in place.

    shape       of one frame, in elements
    dtype       of its elements
    buffers     how many frames there is room for, 3 to 1,024. With as many as are pinned at once, and one for each
                writer, and one, a writer always finds one: nobody waits for anybody
    name, exist_ok, lifetime, permissions   as of create()
    slots       how many processes can take part at the same time (None: 256)
    wakes_readers  wake those at once who opened it with mode "r", which costs writers 0.25 us; else they look every
                20 ms

    Frames have numbers, from 1 on, in the order in which they were published. Who is killed leaves nothing behind:
    a half-filled frame was never visible, and what a dead reader had pinned is free. The file is a valid .npy file, an
    array of all buffers.
    """

    _kind = "frames"
    _Handle = _library.FramesHandle
    _open_flags = None  # they are what travels beside the handle

    def __init__(
        self,
        shape,
        dtype=float,
        buffers=4,
        *,
        name=None,
        exist_ok=False,
        lifetime="until-unlinked",
        permissions=None,
        slots=None,
        wakes_readers=False,
    ):
        model = np.empty(0, dtype)
        shape = as_shape(shape) + model.shape[1:]
        text, tag = _dtype.to_text(model.dtype)
        if tag:
            raise DtypeError(
                f"frames cannot have elements of dtype {tag}: make them of 'u{model.itemsize}', and view them"
            )
        self._mode = "r+"
        lengths = (ctypes.c_uint64 * len(shape))(*shape)
        buffers = whole("buffers", buffers, 32)
        options = {"permissions": permissions, "slots": slots, "wakes_readers": wakes_readers}
        self._create(name, lifetime, exist_ok, text.encode(), len(shape), lengths, buffers, **options)

    @classmethod
    def open(cls, name, mode="r+"):
        """The frames of that name. Mode "r+": to write and to pin; "r": to copy, for who may not write the file."""
        handle = cls._Handle()
        flags = one_of("mode", mode, _OPEN_FLAGS)
        check(library.shm_frames_open(as_name(name), flags, ctypes.byref(handle)), name)
        return cls._over(handle, flags)

    def _begin(self, handle):
        super()._begin(handle)
        got = self.stat()
        self.shape = tuple(got.shape[: got.ndim])
        self.dtype = _dtype.from_text(got.dtype.decode(), "")
        self.buffers = got.buffers

    def _state(self):
        return _OPEN_FLAGS[self._mode]

    def _set_state(self, state):
        self._mode = "r" if state == _library.OBJECT_READ else "r+"

    # --- writing

    def write(self):
        """A frame to fill: `with frames.write() as frame: frame[...] = ...`; it is published at the end of the block.

        It is an ndarray, and has what an older frame left in it. If the block raises, nobody ever sees it. Raises
        BlockingIOError if all buffers are taken, and PermissionError with mode "r". It does not wait.
        """
        return Writing(self)

    def publish(self, array):
        """Publish a copy of an array, or of what broadcasts to `shape`: the number of the frame. Raises as write()."""
        writing = self.write()
        with writing as frame:
            frame[...] = array
        return writing.number

    # --- reading

    @property
    def number(self):
        """Number of the latest frame; 0: there is none yet."""
        return self.stat().latest

    def latest(self, newer_than=0, timeout=None):
        """The latest frame, pinned: a Frame. Waits until there is one with a higher number than `newer_than`.

        timeout  seconds, or None to wait for ever; 0 only looks

        Raises TimeoutError; PermissionError with mode "r", which can only copy().
        """
        newer_than = whole("newer_than", newer_than)
        frame = _frame()

        def attempt(time):
            return library.shm_frames_acquire(self._handle, newer_than, time, ctypes.byref(frame))

        self._settle(in_slices(attempt, checked(timeout)), newer_than, timeout)
        return Frame(self, frame)

    async def latest_async(self, newer_than=0):
        """What latest() does, for asyncio: no thread waits, however many tasks do."""
        newer_than = whole("newer_than", newer_than)
        frame = _frame()

        def attempt():
            code = library.shm_frames_acquire(self._handle, newer_than, 0, ctypes.byref(frame))
            if code in NOT_YET:
                return None
            self._check(code)
            return Frame(self, frame)

        return await _asyncio.until(attempt, _asyncio.Source(self, "frames", self._notify_descriptor, False))

    def copy(self, newer_than=0, timeout=None, out=None):
        """A copy of the latest frame, and its number. For mode "r" too. Waits, and raises, as latest() does.

        out  the array to copy into, of this dtype and shape, C order; None: a new one
        """
        newer_than = whole("newer_than", newer_than)
        if out is None:
            out = np.empty(self.shape, self.dtype)
        elif (out.shape, out.dtype) != (self.shape, self.dtype) or not (out.flags.c_contiguous and out.flags.writeable):
            raise ValueError(
                f"out has shape {out.shape} and dtype {out.dtype}, expected a writable array of shape {self.shape} and "
                f"dtype {self.dtype} in C order"
            )
        frame = _frame()
        place = out.__array_interface__["data"][0]

        def attempt(time):
            return library.shm_frames_copy_latest(
                self._handle, newer_than, place, out.nbytes, time, ctypes.byref(frame)
            )

        self._settle(in_slices(attempt, checked(timeout)), newer_than, timeout)
        return out, frame.number

    def __iter__(self):
        """Each frame, or the latest where some were missed, pinned until the loop goes on; for ever."""
        number = 0
        while True:
            with self.latest(number) as frame:
                yield frame
                number = frame.number

    def _settle(self, code, newer_than, timeout):
        if code in NOT_YET:
            raise TimeoutError(
                errno.ETIMEDOUT, f"no frame newer than number {newer_than} came within {timeout} s", self.name
            )
        self._check(code)

    def _notify_descriptor(self):
        number = ctypes.c_int()
        self._check(library.shm_frames_notify_fd(self._handle, self.number, ctypes.byref(number)))
        return number.value


class _Buffer:
    """The memory of one buffer, as long as it is this process's: numpy's arrays over it are based on it."""

    __slots__ = ("__array_interface__", "frame", "handle", "release")

    def __init__(self, frames, frame, release, writable):
        self.handle, self.frame, self.release = frames._handle, frame, release
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": (frame.bytes,),
            "data": (frame.data, not writable),
        }

    def array(self, frames):
        return np.ndarray(frames.shape, frames.dtype, np.asarray(self))

    def end(self, function=None):
        """Give the buffer back, once."""
        release, self.release = self.release, None
        if release is None:
            return 0
        return (function or release)(self.handle, ctypes.byref(self.frame))

    def __del__(self):
        self.end()


class Frame:
    """A frame that is pinned: it stays as it is until release(), or the end of its `with` block.

    array   its elements where they lie, read-only. Without a release() they stay pinned as long as a view of them lives
    number  the first one that was published is 1
    missed  how many were published since the last one that was had through these Frames
    """

    def __init__(self, frames, frame):
        self._buffer = _Buffer(frames, frame, library.shm_frames_release, False)
        self._name = frames.name
        self.array = self._buffer.array(frames)
        self.number, self.missed = frame.number, frame.missed

    def release(self):
        """Let writers have the buffer: what `array` shows from now on may be anything. Doing it twice is fine."""
        check(self._buffer.end(), self._name)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.release()


class Writing:
    """A frame that is being filled: see Frames.write().

    number  of the frame, when the block has ended
    """

    def __init__(self, frames):
        self._frames = frames
        self._buffer = self._array = None
        self.number = None

    def __enter__(self):
        frame = _frame()
        self._frames._check(library.shm_frames_begin_write(self._frames._handle, ctypes.byref(frame)))
        self._buffer = _Buffer(self._frames, frame, library.shm_frames_cancel, True)
        self._array = self._buffer.array(self._frames)
        return self._array

    def __exit__(self, kind, *exception):
        buffer, self._buffer = self._buffer, None
        array, self._array = self._array, None
        array.flags.writeable = False  # it is the readers' now; views of it should not be kept
        if kind is not None:
            check(buffer.end(), self._frames.name)
            return
        number = ctypes.c_uint64()
        check(
            buffer.end(lambda handle, frame: library.shm_frames_publish(handle, frame, ctypes.byref(number))),
            self._frames.name,
        )
        self.number = number.value


def _frame():
    return _library.Frame(size=ctypes.sizeof(_library.Frame))
