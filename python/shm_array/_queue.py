"""multiprocessing's Queue over a queue in shared memory: no feeder thread, no pipe, and a kill loses no message.

put() has sent when it returns. A consumer that is killed with a message it had taken (see Queue.take()) has not
acknowledged it: somebody else gets it.
"""

import collections
import ctypes
import errno
import io
import pickle
import queue
import secrets

import numpy as np

from . import _asyncio, _dtype, _library
from ._arguments import as_bytes, whole
from ._handover import LEASE_SECONDS
from ._leftovers import LONG, leave
from ._library import library
from ._in_place import Reserved, Taken
from ._object import Object
from ._opened import opened_of
from ._quick import quicken
from ._waiting import NOT_YET, in_slices, patience
from .array import Array, _open_flags, create

Empty, Full = queue.Empty, queue.Full
_PLAIN = frozenset((bytes, str, int, float, bool, type(None)))  # nothing in them can be handed over
_KEPT_NS = 24 * 3600 * 10**9  # how long a long item can wait to be received: the most that there is
_ROOM = 1 << 20  # bytes for what get_many() receives, or one item
_LEAST = 128  # bytes that hold the handle of such an array


class ShutDown(getattr(queue, "ShutDown", Exception)):
    """The queue is finished: nothing can be put, or nothing is left to get. From Python 3.13 on a queue.ShutDown."""


def dumps(obj):
    """A pickle in which what can be handed over by handle is."""
    if type(obj) in _PLAIN:
        return pickle.dumps(obj, 5)
    from multiprocessing.reduction import ForkingPickler

    buffer = io.BytesIO()
    ForkingPickler(buffer, 5).dump(obj)
    return buffer.getvalue()


@quicken
class Queue(Object):
    """multiprocessing.Queue: what any process puts, one of them gets, in order.

    maxsize     how many items there may be; 0: 4096. Memory for all of them is reserved
    item_bytes  bytes of one item in its place; without a dtype at least 128. A longer one goes through shared memory of
                its own, which takes some 0.4 ms more: where most items are of a few KiB, ask for as many
    dtype       None: anything that can be pickled; else each item is one or more elements of it, and get() returns a
                one-dimensional ndarray of them
    priorities  how many there are, at most 8: put(x, priority=1) goes before all of priority 0
    spsc        one producer and one consumer at a time, which is faster
    name, exist_ok, lifetime   as of Lock

    Shared arrays among the items are handed over by their handle. close() and join_thread() are there for programs that
    call them; there is nothing to wait for.
    """

    _kind = "queue"
    _Handle = _library.QueueHandle
    _dumps = staticmethod(dumps)

    def __init__(
        self,
        maxsize=0,
        *,
        item_bytes=1024,
        dtype=None,
        priorities=1,
        spsc=False,
        name=None,
        exist_ok=False,
        lifetime="until-unlinked",
    ):
        text = None if dtype is None else _dtype.to_text(np.dtype(dtype))[0].encode()
        flags = _library.QUEUE_SPSC if spsc else 0
        size, item_bytes = whole("maxsize", max(maxsize, 0)) or 4096, whole("item_bytes", item_bytes)
        if dtype is None:
            item_bytes = max(item_bytes, _LEAST)
        self._create(name, lifetime, exist_ok, size, item_bytes, text, whole("priorities", priorities, 32), flags)

    def _begin(self, handle):
        super()._begin(handle)
        got = self.stat()
        self.maxsize, self.item_bytes = got.capacity, got.message_bytes
        text = library.shm_queue_dtype(handle).decode()
        self.dtype = _dtype.from_text(text, "") if text else None
        self._rooms = []  # memory to receive into, for as many threads as receive at once
        self._failures = collections.deque()  # exceptions that get_many() has yet to raise

    # --- sending

    def put(self, obj, block=True, timeout=None, *, priority=0):
        """Send an item, waiting at most `timeout` seconds for room. Raises queue.Full, ShutDown."""
        timeout, priority = patience(block, timeout), whole("priority", priority, 32)
        if self.dtype is not None:
            elements = np.ascontiguousarray(obj, self.dtype)
            return self._send(elements.__array_interface__["data"][0], elements.nbytes, timeout, priority)
        self._send_bytes(self._dumps(obj), timeout, priority)

    def put_nowait(self, obj):
        """put(obj, False)."""
        return self.put(obj, False)

    def send_bytes(self, data, block=True, timeout=None, *, priority=0):
        """Send bytes as they are, for recv_bytes(); raises as put() does."""
        timeout, priority = patience(block, timeout), whole("priority", priority, 32)
        self._send_bytes(as_bytes(data), timeout, priority)

    def _send_bytes(self, data, timeout, priority):
        if len(data) <= self.item_bytes or self.dtype is not None:
            return self._send(data, len(data), timeout, priority)
        send, array = self._parcel(data, priority)
        try:
            code = in_slices(send, timeout)
            if code != 0:
                self._refuse(code, Full)
        except BaseException:
            array.unlink()
            raise

    def _send(self, data, length, timeout, priority):
        code = library.shm_queue_send(self._handle, data, length, priority, 0)
        if code == errno.EAGAIN and timeout != 0:
            code = in_slices(lambda time: library.shm_queue_send(self._handle, data, length, priority, time), timeout)
        if code != 0:
            self._refuse(code, Full)

    async def put_async(self, obj, *, priority=0):
        """Send an item, while the event loop goes on; it waits for room. Raises ShutDown."""
        priority = whole("priority", priority, 32)
        data = self._dumps(obj) if self.dtype is None else np.ascontiguousarray(obj, self.dtype).tobytes()
        send, array = self._parcel(data, priority)

        def attempt():
            code = send(0)
            if code in NOT_YET:
                return None
            if code != 0:
                self._refuse(code, Full)
            return True

        try:
            await _asyncio.until(attempt, _asyncio.Source(self, "room", self._room_descriptor, True))
        except BaseException:
            if array is not None:
                array.unlink()
            raise

    def _parcel(self, data, priority):
        """A function that tries to send bytes for so many nanoseconds, and the array that a long one travels in."""
        if self.dtype is None and len(data) > self.item_bytes:
            if self.item_bytes < _LEAST:
                raise ValueError(
                    f"an item of {len(data)} bytes is longer than item_bytes, {self.item_bytes}, and the handle by "
                    f"which longer ones travel does not fit either: make the queue with item_bytes of {_LEAST} or more"
                )
            array = _in_shared_memory(data)
            return self._long_attempt(array, priority), array
        return lambda time: library.shm_queue_send(self._handle, data, len(data), priority, time), None

    def _long_attempt(self, array, priority):
        """It goes as a message that stands for an array of bytes, which is kept until it is received."""
        return self._array_attempt(array, _KEPT_NS, priority)

    def _array_attempt(self, array, kept_ns, priority):
        handle = opened_of(array).handle
        return lambda time: library.shm_queue_send_array(self._handle, handle, kept_ns, priority, time)

    def _room_descriptor(self):
        number = ctypes.c_int()
        self._check(library.shm_queue_notify_room_fd(self._handle, ctypes.byref(number)))
        return number.value

    def put_array(self, array, block=True, timeout=None, *, priority=0, keep=LEASE_SECONDS):
        """Send a whole shared array by its handle, for receivers in any language; get() and get_array() receive it.

        keep  seconds for which it waits to be received even if everybody has closed it, at most a day

        put() hands over views and anonymous arrays as well, to Python. Raises what put() raises; ValueError for a view.
        """
        opened = opened_of(array)
        if (array.size and opened.place_of(array)) or array.nbytes != opened.nbytes or not array.flags.forc:
            raise ValueError("this is a view of a part of a shared array: put() sends it, or send the whole")
        timeout, kept_ns = patience(block, timeout), whole("keep", int(keep * 1e9))
        code = in_slices(self._array_attempt(array, kept_ns, whole("priority", priority, 32)), timeout)
        if code != 0:
            self._refuse(code, Full)

    def put_many(self, items, block=True, timeout=None, *, priority=0):
        """Send the first of several items, waiting for room as put() does, and as many others as there is room for.

        Returns how many that were. Costs less than so many put(). Raises what put() raises, and ValueError if an item
        is longer than `item_bytes`: then none is sent.
        """
        priority = whole("priority", priority, 32)
        if self.dtype is not None:
            data = [np.ascontiguousarray(item, self.dtype).tobytes() for item in items]
        else:
            data = [self._dumps(item) for item in items]
        longest = max(map(len, data), default=0)
        if longest > self.item_bytes:
            raise ValueError(f"an item has {longest} bytes, more than item_bytes, {self.item_bytes}: put() sends it")
        places = (ctypes.c_void_p * len(data))(*(ctypes.cast(item, ctypes.c_void_p) for item in data))
        lengths, sent = (ctypes.c_size_t * len(data))(*map(len, data)), ctypes.c_size_t()

        def attempt(time):
            return library.shm_queue_send_many(
                self._handle, places, lengths, len(data), priority, time, ctypes.byref(sent)
            )

        code = in_slices(attempt, patience(block, timeout))
        if code != 0:
            self._refuse(code, Full)
        return sent.value

    def reserve(self, count, block=True, timeout=None, *, priority=0):
        """Room for an item to fill in place: `with queue.reserve(10) as elements: elements[:] = ...`.

        It is an ndarray of `count` elements of the queue's dtype, or of `count` bytes for recv_bytes() where it has
        none; sent at the end of the block, and given back if the block raises. Takes and raises what put() does.
        """
        return Reserved(self, count, patience(block, timeout), priority)

    def _refuse(self, code, not_yet):
        if code in NOT_YET:
            raise not_yet
        if code in (errno.EPIPE, errno.ENODATA):
            raise ShutDown(f"the queue {self.name!r} is finished")
        self._check(code)

    # --- receiving

    def get(self, block=True, timeout=None):
        """Receive an item, waiting at most `timeout` seconds for one. Raises queue.Empty, ShutDown."""
        return self._get(block, timeout, None)

    def _get(self, block, timeout, make):
        timeout = patience(block, timeout)
        code, item = self._receive(0, make)
        if code == errno.EAGAIN and timeout != 0:

            def attempt(time):
                nonlocal item
                code, item = self._receive(time, make)
                return code

            code = in_slices(attempt, timeout)
        if code != 0:
            self._refuse(code, Empty)
        return item

    def get_nowait(self):
        """get(False)."""
        return self.get(False)

    def recv_bytes(self, block=True, timeout=None):
        """Receive the bytes that send_bytes() sent; raises as get() does. An array of put_array() comes as itself."""
        return self._get(block, timeout, bytes)

    def _receive(self, nanoseconds, make=None):
        """The library's answer, and the item."""
        try:
            room = self._rooms.pop()
        except IndexError:
            room = _Room(self.item_bytes)
        code = library.shm_queue_receive(self._handle, room.place, len(room.bytes), nanoseconds, room.length_place)
        if code == 0:
            data = room.bytes[: room.length.value]
            item = self._item(data) if make is None else make(data)
            self._rooms.append(room)
            return 0, item
        self._rooms.append(room)
        if code == errno.EBADMSG:
            return self._receive_long(make)
        return code, None

    def _receive_long(self, make):
        handle = _library.Handle()
        code = library.shm_queue_receive_array(self._handle, _library.READ, 0, ctypes.byref(handle))
        if code == errno.EBADMSG:  # another consumer was faster, and the next one is short
            return self._receive(0, make)
        if code != 0:
            return code, None
        array = Array._over(handle)
        if not array.name.startswith(LONG.decode()):  # somebody sent an array, and it is the item
            return 0, array
        data = memoryview(np.asarray(array))
        return 0, self._item(data) if make is None else make(data)

    def _item(self, data):
        if self.dtype is None:
            return pickle.loads(data)
        return np.frombuffer(bytes(data), self.dtype)

    def get_array(self, block=True, timeout=None, *, mode="r"):
        """Receive an array that put_array() sent, opened with that mode; raises what get() and open() raise.

        Raises OSError with EBADMSG if the next item is something else, and leaves it there.
        """
        handle = _library.Handle()
        flags = _open_flags(mode, False, False)

        def attempt(time):
            return library.shm_queue_receive_array(self._handle, flags, time, ctypes.byref(handle))

        code = in_slices(attempt, patience(block, timeout))
        if code != 0:
            self._refuse(code, Empty)
        return Array._over(handle)

    def get_many(self, most, block=True, timeout=None):
        """Receive an item, waiting for it as get() does, and those that are there behind it: a list of at most `most`.

        Costs less than so many get(). Raises what get() raises. Of an item that cannot be unpickled nothing is left, as
        with get(); the others are returned, and the next call raises what unpickling it has raised.
        """
        most = min(whole("most", most), max(1, _ROOM // self.item_bytes))
        if most == 0:
            return []
        try:
            failure = self._failures.popleft()
        except IndexError:
            pass
        else:
            raise failure
        room = ctypes.create_string_buffer(most * self.item_bytes)
        lengths, count = (ctypes.c_size_t * most)(), ctypes.c_size_t()

        def attempt(time):
            return library.shm_queue_receive_many(
                self._handle, room, len(room), most, time, lengths, ctypes.byref(count)
            )

        code = in_slices(attempt, patience(block, timeout))
        if code == errno.EBADMSG:  # a long one, or an array
            return [self.get(block, timeout)]
        if code != 0:
            self._refuse(code, Empty)
        data, items, failures, start = memoryview(room).cast("B"), [], [], 0
        for length in lengths[: count.value]:
            try:
                items.append(self._item(data[start : start + length]))
            except Exception as failure:
                # Without the frames of this method and of _item(), which would keep the queue.
                failures.append(failure.with_traceback(failure.__traceback__.tb_next.tb_next))
            start += length
        self._failures.extend(failures if items else failures[1:])
        if not items:
            raise failures[0]
        return items

    def take(self, block=True, timeout=None):
        """Receive an item to acknowledge when its work is done: `with queue.take() as taken: use(taken.item)`.

        If the block raises, somebody else gets it, before all others; if this process is killed, as soon as that is
        noticed, by who waits at the latest. Takes and raises what get() does.
        """
        message = _library.Message(size=ctypes.sizeof(_library.Message))

        def attempt(time):
            return library.shm_queue_take(self._handle, time, ctypes.byref(message))

        code = in_slices(attempt, patience(block, timeout))
        if code != 0:
            self._refuse(code, Empty)
        return Taken(self, message)

    async def get_async(self):
        """Receive an item, while the event loop goes on. Raises ShutDown."""

        def attempt():
            code, item = self._receive(0)
            if code in NOT_YET:
                return None
            if code != 0:
                self._refuse(code, Empty)
            return (item,)

        return (await _asyncio.until(attempt, _asyncio.Source(self, "items", self._notify_descriptor, True)))[0]

    def _notify_descriptor(self):
        number = ctypes.c_int()
        self._check(library.shm_queue_notify_fd(self._handle, ctypes.byref(number)))
        return number.value

    def __iter__(self):
        """All items, until the queue is finished."""
        while True:
            try:
                yield self.get()
            except ShutDown:
                return

    # --- how things stand

    def qsize(self):
        """How many items wait at this moment."""
        count = ctypes.c_uint64()
        self._check(library.shm_queue_count(self._handle, ctypes.byref(count)))
        return count.value

    def empty(self):
        """Whether none waits at this moment."""
        return self.qsize() == 0

    def full(self):
        """Whether there is no room at this moment."""
        got = self.stat()
        return got.count + got.out >= got.capacity

    def shutdown(self):
        """Say that nothing more will be put: put() raises ShutDown everywhere, get() when all has been received."""
        self._check(library.shm_queue_finish(self._handle))

    def close(self):
        """Use it no more. If nobody else can use it either, what long items lie in goes with it."""
        leave(self, super().close)

    def __del__(self):
        if getattr(self, "_handle", None) is not None:
            self.close()

    def join_thread(self):
        """Nothing: no thread sends, and what was put is there."""

    cancel_join_thread = join_thread


def _in_shared_memory(data):
    """Bytes as an array, in which long items travel."""
    array = create(LONG.decode() + secrets.token_hex(12), len(data), "u1", lifetime="last-close")
    try:
        array[:] = np.frombuffer(data, "u1")
    except BaseException:
        array.unlink()
        raise
    return array


class _Room:
    """Memory to receive one item into, with all that a call needs made beforehand."""

    __slots__ = ("bytes", "length", "length_place", "memory", "place")

    def __init__(self, size):
        self.memory = ctypes.create_string_buffer(size)
        self.bytes = memoryview(self.memory).cast("B")
        self.place = ctypes.addressof(self.memory)
        self.length = ctypes.c_size_t()
        self.length_place = ctypes.byref(self.length)
