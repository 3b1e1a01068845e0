"""multiprocessing's Pipe over pipes in shared memory: messages, each with its length before it."""

import contextlib
import ctypes
import errno
import os
import pickle
import struct

from . import _asyncio, _library, _on_the_way
from ._arguments import as_name, one_of, whole
from ._handover import teach
from ._library import check, library
from ._object import Object, _reduce_for_many, _reduce_for_one
from ._queue import dumps
from ._quick import QuickConnection, quicken
from ._waiting import NOT_YET, in_slices

_LENGTH = struct.Struct("!Q")
_ENDS = {"r": _library.PIPE_READER, "w": _library.PIPE_WRITER}


class End(Object):
    """One end of a one-way pipe: for reading, or for writing."""

    _kind = "pipe"
    _Handle = _library.PipeHandle
    _open_flags = None  # they are what travels beside the handle

    @classmethod
    def pair(cls, capacity):
        """Both ends of a new pipe: for reading, for writing."""
        reader = cls.new(None, _library.PIPE_READER, capacity, False, "until-unlinked")
        handle = cls._Handle()
        check(library.shm_pipe_open_fd(reader._descriptor(), _library.PIPE_WRITER, ctypes.byref(handle)))
        return reader, cls._over(handle, _library.PIPE_WRITER)

    @classmethod
    def new(cls, name, ends, capacity, exist_ok, lifetime):
        """One end, or both, of a new pipe; with `exist_ok` of one that is there."""
        self = cls.__new__(cls)
        self._ends = ends
        self._create(name, lifetime, exist_ok, whole("capacity", capacity), ends)
        return self

    @classmethod
    def existing(cls, name, ends):
        """One end, or both, of the pipe of that name."""
        handle = cls._Handle()
        check(library.shm_pipe_open(as_name(name), ends, ctypes.byref(handle)), name)
        return cls._over(handle, ends)

    def _begin(self, handle):
        super()._begin(handle)
        _on_the_way.begin(self)

    def _pipe_ends(self):
        return [self]

    def _take_part(self):
        """Count as a reader or writer: a forked child does from its first call on."""
        with contextlib.suppress(OSError):  # it will be told when it reads or writes
            if self._ends == _library.PIPE_READER:
                self.ready(0)
            else:
                self.write(b"")

    def close(self):
        """Close it; where it is on its way to another process, as soon as it has arrived there."""
        self._own_descriptor = None
        _on_the_way.close(self)

    def __del__(self):
        if getattr(self, "_handle", None) is not None:
            self.close()

    def _state(self):
        return self._ends

    def _set_state(self, state):
        self._ends = state

    def write(self, data):
        """All of these bytes. Raises BrokenPipeError when no process has the reading end any more."""
        written = ctypes.c_size_t()
        code = library.shm_pipe_write(self._handle, data, len(data), 0, ctypes.byref(written))
        sent = written.value
        if code == 0 and sent == len(data):
            return
        buffer = ctypes.c_char_p(data)  # keeps the bytes where they are
        place = ctypes.cast(buffer, ctypes.c_void_p).value
        while sent < len(data):

            def attempt(time, sent=sent):
                length = len(data) - sent
                return library.shm_pipe_write(self._handle, place + sent, length, time, ctypes.byref(written))

            self._check(in_slices(attempt, None))
            sent += written.value

    def read(self, count):
        """So many bytes, as a memoryview; fewer of them only at the end of the pipe."""
        buffer, length, got = bytearray(count), ctypes.c_size_t(), 0
        place = ctypes.addressof((ctypes.c_char * count).from_buffer(buffer)) if count else None
        while got < count:

            def attempt(time, got=got):
                return library.shm_pipe_read(self._handle, place + got, count - got, time, ctypes.byref(length))

            code = attempt(0)
            self._check(in_slices(attempt, None) if code in NOT_YET else code)
            if length.value == 0:
                break
            got += length.value
        return memoryview(buffer)[:got]

    def ready(self, timeout):
        """Whether there is something to read, or the end, within so many seconds."""
        data, length = ctypes.c_void_p(), ctypes.c_size_t()

        def attempt(time):
            return library.shm_pipe_peek(self._handle, time, ctypes.byref(data), ctypes.byref(length))

        code = in_slices(attempt, timeout)
        if code in NOT_YET:
            return False
        self._check(code)
        if length.value:
            check(library.shm_pipe_consume(self._handle, 0))
        return True

    def notify_descriptor(self):
        number = ctypes.c_int()
        self._check(library.shm_pipe_notify_fd(self._handle, ctypes.byref(number)))
        return number.value


def _reduce_end(end):
    return _arrived, (_on_the_way.sent(end), *_reduce_for_one(end))


def _arrived(token, arrive, ticket):
    end = arrive(*ticket)
    try:
        os.close(token.detach())
    except Exception:  # its sender has ended, and waits for nothing any more
        pass
    return end


teach(End, _reduce_end, _reduce_for_many)


@quicken
class Connection(QuickConnection):
    """One end of what Pipe() makes, with the methods of multiprocessing.connection.Connection.

    One thread at a time should send, and one receive: messages beyond 4 KiB go in pieces, and would be mixed up.
    """

    _Handle = _library.PipeHandle

    def __init__(self, reader, writer):
        for end in (reader, writer):
            if not isinstance(end, (End, type(None))):
                raise TypeError(f"{end!r} is no end of a pipe: Pipe() and Connection.open() make Connections")
        self._reader, self._writer = reader, writer
        self._pollable = None
        self._pollable_of = None  # the process whose descriptor it is

    def _pipe_ends(self):
        return [end for end in (self._reader, self._writer) if end is not None]

    @classmethod
    def open(cls, name, mode, *, capacity=65536):
        """One end of a pipe with a name, for processes that do not know each other; who comes first makes it.

        mode      "r" receives, "w" sends
        capacity  as of Pipe(); both sides say the same

        Fifo.unlink() or shm_array.unlink() removes the name.
        """
        end = End.new(name, one_of("mode", mode, _ENDS), capacity, True, "until-unlinked")
        return cls(end, None) if mode == "r" else cls(None, end)

    @property
    def readable(self):
        """Whether it can receive."""
        return self._reader is not None

    @property
    def writable(self):
        """Whether it can send."""
        return self._writer is not None

    @property
    def closed(self):
        """True after close()."""
        return self._reader is None and self._writer is None

    def send(self, obj):
        """Send anything that can be pickled; shared arrays go by their handle. Raises BrokenPipeError."""
        self.send_bytes(dumps(obj))

    def recv(self):
        """Receive what send() sent. Raises EOFError when nothing is left, and no process has the other end."""
        return pickle.loads(self._message())

    def send_bytes(self, buf, offset=0, size=None):
        """Send bytes, or a part of them, as one message. Raises BrokenPipeError."""
        view = memoryview(buf).cast("B")
        if not 0 <= offset <= len(view) or not 0 <= (size or 0) <= len(view) - offset:
            raise ValueError(f"offset {offset} and size {size} are not within the {len(view)} bytes")
        view = view[offset:] if size is None else view[offset : offset + size]
        self._need(self._writer, "sending").write(_LENGTH.pack(len(view)) + bytes(view))

    def recv_bytes(self, maxlength=None):
        """Receive one message as bytes. Raises EOFError as recv() does.

        One that is longer than `maxlength` is lost as a whole, and OSError raised.
        """
        if maxlength is not None and maxlength < 0:
            raise ValueError(f"maxlength is {maxlength}, expected 0 or more")
        return bytes(self._message(maxlength))

    def recv_bytes_into(self, buf, offset=0):
        """Receive one message into a buffer, from `offset` on, and return its length.

        Raises multiprocessing.BufferTooShort, with the message as its argument, where that does not fit.
        """
        with memoryview(buf) as view, view.cast("B") as room:
            if not 0 <= offset <= len(room):
                raise ValueError(f"offset {offset} is not within the {len(room)} bytes of the buffer")
            message = self.recv_bytes()
            if len(message) > len(room) - offset:
                from multiprocessing import BufferTooShort

                raise BufferTooShort(message)
            room[offset : offset + len(message)] = message
            return len(message)

    def _message(self, most=None):
        reader = self._need(self._reader, "receiving")
        try:
            head = reader.read(_LENGTH.size)
            if not len(head):
                raise EOFError
            length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else None
            if most is not None and length is not None and length > most:
                left = length
                while left > 0 and (piece := reader.read(min(left, 1 << 16))):
                    left -= len(piece)
                raise OSError(errno.EMSGSIZE, f"a message of {length} bytes is longer than maxlength, {most}")
            body = reader.read(length) if length is not None else b""
            if length is None or len(body) < length:
                raise OSError(errno.EPIPE, "the sender ended in the middle of a message")
            return body
        finally:
            self._rearm()

    def poll(self, timeout=0.0):
        """Whether there is something to receive, or the end, within `timeout` seconds; None: wait for ever."""
        return self._need(self._reader, "receiving").ready(None if timeout is None else max(0, timeout))

    async def recv_async(self):
        """What recv() does, while the event loop goes on; a message that has begun to arrive is waited for."""
        reader = self._need(self._reader, "receiving")

        def attempt():
            return True if self._need(self._reader, "receiving").ready(0) else None

        await _asyncio.until(attempt, _asyncio.Source(reader, "bytes", reader.notify_descriptor, True))
        return self.recv()

    def fileno(self):
        """A descriptor, readable while there is something to receive: for select and multiprocessing's wait()."""
        self._forget_parents_descriptor()
        if self._pollable is None:
            self._pollable, self._pollable_of = self._need(self._reader, "receiving").notify_descriptor(), os.getpid()
            self._rearm()
        return self._pollable

    def _forget_parents_descriptor(self):
        # A forked child shares it with its parent: it is readable for the parent's sake, who would miss what is read.
        if self._pollable is not None and self._pollable_of != os.getpid():
            pollable, self._pollable = self._pollable, None
            os.close(pollable)

    def _rearm(self):
        # It becomes readable with what comes. Programs expect it to be readable as long as something is there.
        self._forget_parents_descriptor()
        if self._pollable is not None:
            with contextlib.suppress(BlockingIOError):
                os.read(self._pollable, 8)
            if self._reader.ready(0):
                os.write(self._pollable, (1).to_bytes(8, "little"))

    def _need(self, end, what):
        if end is None:
            raise OSError(errno.EBADF, f"the connection is {'closed' if self.closed else f'not for {what}'}")
        return end

    def close(self):
        """Close this end. Others in this process, and copies that a fork inherited and uses, stay open."""
        self._forget_parents_descriptor()
        if self._pollable is not None and library.shm_notify_close(self._pollable) != 0:
            os.close(self._pollable)
        for end in (self._reader, self._writer):
            if end is not None:
                end.close()
        self._reader = self._writer = self._pollable = None

    def __del__(self):
        if getattr(self, "_pollable", None) is not None:
            self.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce_ex__(self, protocol):
        raise TypeError("a Connection is handed to other processes by multiprocessing; in a plain pickle it cannot be")

    def __repr__(self):
        return f"<Connection{', readable' * self.readable}{', writable' * self.writable}>"


def Pipe(duplex=True, *, capacity=65536):
    """Two Connections, each for sending to the other; without `duplex` the first only receives, the second sends.

    capacity  bytes that may wait, in each direction; at least 4096
    """
    reader, writer = End.pair(capacity)
    if not duplex:
        return Connection(reader, None), Connection(None, writer)
    back_reader, back_writer = End.pair(capacity)
    return Connection(reader, back_writer), Connection(back_reader, writer)


def _reduce_connection(connection, lease=None):
    return _connection, (connection._reader, connection._writer)


def _connection(*ends):
    for end in ends:
        if not isinstance(end, (End, type(None))):  # NotArrived: every use tells why
            return end
    return Connection(*ends)


teach(Connection, _reduce_connection, _reduce_connection)
