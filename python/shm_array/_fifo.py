"""A pipe of bytes with a name, for processes that need not know each other, nor be written in Python."""

import ctypes
import io

from . import _asyncio, _library
from ._arguments import as_bytes, one_of
from ._handover import teach
from ._library import library
from ._pipe import _ENDS, End
from ._waiting import NOT_YET, in_slices


class Fifo(io.RawIOBase):
    """One end of a pipe of bytes, a file as io has them: wrap it by io.BufferedReader, io.TextIOWrapper, what you like.

    name      what others open it by; None: none, see pair()
    mode      "r" for reading, "w" for writing
    capacity  bytes that may wait; at least 4096
    exist_ok  open the one that is there already, if it has the same capacity
    lifetime  as of create()

    Neither end waits for the other to be opened. What is written before the first reader comes waits in the pipe. When
    the last process with a writing end is gone, also by a kill, reads return what is left, and then nothing; when the
    last with a reading end is, writes raise BrokenPipeError. Up to 4,096 bytes are written at once; into longer
    data those of other writers may come.
    """

    _end, name, mode = None, "", "r"  # for __del__, which closes also what could not be opened

    def __init__(self, name=None, mode="r", *, capacity=65536, exist_ok=False, lifetime="until-unlinked"):
        self._take(End.new(name, one_of("mode", mode, _ENDS), capacity, exist_ok, lifetime))

    @classmethod
    def open(cls, name, mode="r"):
        """An end of the one of that name that exists. Raises FileNotFoundError; FormatError if it is something else."""
        return cls._over(End.existing(name, one_of("mode", mode, _ENDS)))

    @classmethod
    def pair(cls, capacity=65536):
        """Both ends of a new one without a name, for reading and for writing: hand one of them to another process."""
        return tuple(map(cls._over, End.pair(capacity)))

    @classmethod
    def _over(cls, end):
        if not isinstance(end, End):  # NotArrived: every use tells why
            return end
        self = cls.__new__(cls)
        self._take(end)
        return self

    def _take(self, end):
        self._end = end
        self.name, self.mode = end.name, "r" if end._ends == _library.PIPE_READER else "w"

    def _pipe_ends(self):
        return [self._end]

    def readable(self):
        """Whether it is for reading."""
        return self.mode == "r"

    def writable(self):
        """Whether it is for writing."""
        return self.mode == "w"

    def readinto(self, buffer):
        """Read what there is into a buffer, waiting for the first byte: how many; 0 at the end."""
        code, count = self._read(buffer, None)
        self._end._check(code)
        return count

    async def read_async(self, size=65536):
        """Read what there is, at most `size` bytes, while the event loop goes on; b"" at the end."""
        self._check_open()
        buffer = bytearray(size)

        def attempt():
            code, count = self._read(buffer, 0)
            if code in NOT_YET:
                return None
            self._end._check(code)
            return bytes(buffer[:count])

        source = _asyncio.Source(self._end, "bytes", self._end.notify_descriptor, True)
        return await _asyncio.until(attempt, source)

    def _read(self, buffer, timeout):
        self._check_open()
        view, count = memoryview(buffer).cast("B"), ctypes.c_size_t()
        room = (ctypes.c_char * len(view)).from_buffer(view)

        def attempt(time):
            return library.shm_pipe_read(self._end._handle, room, len(view), time, ctypes.byref(count))

        return in_slices(attempt, timeout), count.value

    def write(self, data):
        """Write all of these bytes, waiting for room: how many they are. Raises BrokenPipeError."""
        self._check_open()
        data = as_bytes(data)
        self._end.write(data)
        return len(data)

    def waiting(self):
        """How many bytes wait in the pipe."""
        self._check_open()
        count = ctypes.c_uint64()
        self._end._check(library.shm_pipe_count(self._end._handle, ctypes.byref(count)))
        return count.value

    def unlink(self):
        """Remove the name: nobody can open it any more; who has it open keeps it."""
        self._end.unlink()

    def close(self):
        """Close this end."""
        if not self.closed:
            super().close()
            if self._end is not None:
                self._end.close()

    def _check_open(self):
        if self.closed:
            raise ValueError(f"the pipe {self.name!r} is closed")

    def __reduce_ex__(self, protocol):
        raise TypeError("a Fifo is handed to other processes by multiprocessing; in a plain pickle it cannot be")

    def __repr__(self):
        return f"<Fifo {self.name or 'without a name'} {self.mode!r}{', closed' if self.closed else ''}>"


def _reduce(fifo, lease=None):
    return Fifo._over, (fifo._end,)


teach(Fifo, _reduce, _reduce)
