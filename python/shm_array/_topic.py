"""One to many: what is published, every subscriber gets.

topic = shm_array.Topic(name="prices")              # one process
topic.publish({"gold": 2410.5})

for item in shm_array.Topic.open("prices").subscribe():    # any number of others
    print(item)
"""

import ctypes
import errno
import pickle

import numpy as np

from . import _asyncio, _dtype, _library
from ._arguments import as_bytes, whole
from ._handover import LEASE_SECONDS, by_reference
from ._library import check, library
from ._object import Object
from ._queue import _PLAIN, Empty, Full, ShutDown, _Room
from ._waiting import NOT_YET, in_slices, patience

__all__ = ["Empty", "Full", "Subscription", "Topic"]


class Topic(Object):
    """What any process publishes, every subscriber gets, in order, from the moment on at which it subscribed.

    maxsize     how many items a subscriber may be behind. Memory for them is reserved
    item_bytes  the most bytes that an item may have, pickled; longer ones are arrays: publish those by their handle
    dtype       None: anything that can be pickled; else each item is one or more elements of it, and subscribers get
                one-dimensional ndarrays
    keep        what happens when a subscriber is so far behind. False: it loses the oldest items, and is told how many.
                True: publish() waits for it. The dead are waited for in no case
    name, exist_ok, lifetime, permissions   as of create()
    slots       how many processes can take part, and how many can subscribe, at the same time (None: 256)

    Shared arrays among the items are handed over by their handle; those with lifetime="last-close" are kept for ten
    minutes, since nobody knows how many subscribers are still to come for them.
    """

    _kind = "topic"
    _Handle = _library.TopicHandle

    def __init__(
        self,
        maxsize=256,
        *,
        item_bytes=1024,
        dtype=None,
        keep=False,
        name=None,
        exist_ok=False,
        lifetime="until-unlinked",
        permissions=None,
        slots=None,
    ):
        text = None if dtype is None else _dtype.to_text(np.dtype(dtype))[0].encode()
        flags = _library.TOPIC_KEEP if keep else 0
        options = {"permissions": permissions, "slots": slots}
        maxsize, item_bytes = whole("maxsize", maxsize), whole("item_bytes", item_bytes)
        self._create(name, lifetime, exist_ok, maxsize, item_bytes, text, flags, **options)

    def _begin(self, handle):
        super()._begin(handle)
        got = self.stat()
        self.maxsize, self.item_bytes = got.capacity, got.message_bytes
        self.keep = bool(got.flags & _library.TOPIC_KEEP)
        text = library.shm_topic_dtype(handle).decode()
        self.dtype = _dtype.from_text(text, "") if text else None

    # --- publishing

    def publish(self, obj, block=True, timeout=None):
        """Let every subscriber have an item. Raises ShutDown; ValueError if it is longer than `item_bytes`.

        With `keep` it waits, at most `timeout` seconds, while a subscriber is `maxsize` items behind: queue.Full.
        """
        self._publish(self._bytes_of(obj), block, timeout)

    def publish_bytes(self, data, block=True, timeout=None):
        """Let every subscriber have bytes as they are, for Subscription.get_bytes(); raises as publish() does."""
        self._publish(as_bytes(data), block, timeout)

    async def publish_async(self, obj):
        """What publish() does, while the event loop goes on."""
        data = self._bytes_of(obj)

        def attempt():
            code = library.shm_topic_publish(self._handle, data, len(data), 0)
            return None if code in NOT_YET else self._settle(code, data)

        await _asyncio.until(attempt, _asyncio.Source(self, "room", self._room_descriptor, True))

    def _publish(self, data, block, timeout):
        def attempt(time):
            return library.shm_topic_publish(self._handle, data, len(data), time)

        self._settle(in_slices(attempt, patience(block, timeout)), data)

    def _settle(self, code, data):
        if code in NOT_YET:
            raise Full
        if code == errno.EPIPE:
            raise ShutDown(f"the topic {self.name!r} is finished")
        if code == errno.EMSGSIZE:
            raise ValueError(
                f"the item has {len(data)} bytes, and the topic was made with item_bytes={self.item_bytes}: make it "
                "with more, or publish a shared array, which goes by its handle"
            )
        self._check(code)
        return True

    def _bytes_of(self, obj):
        if self.dtype is not None:
            return np.ascontiguousarray(obj, self.dtype).tobytes()
        if type(obj) in _PLAIN:
            return pickle.dumps(obj, 5)
        return pickle.dumps(by_reference(obj, lease=LEASE_SECONDS), 5)

    def _room_descriptor(self):
        number = ctypes.c_int()
        self._check(library.shm_topic_notify_room_fd(self._handle, ctypes.byref(number)))
        return number.value

    # --- subscribing

    def subscribe(self):
        """A Subscription: what is published from now on. It belongs to this process; close it when it is not wanted.

        Raises OSError with EUSERS if there are as many subscribers as the topic has slots.
        """
        handle, descriptor = _library.TopicHandle(), self._fresh_descriptor()
        check(library.shm_topic_open_fd(descriptor.number, _library.OBJECT_WRITE, ctypes.byref(handle)), self.name)
        code = in_slices(lambda time: library.shm_topic_subscribe(handle, time), None)
        check(code, self.name)
        return Subscription(self, handle)

    def shutdown(self):
        """Say that nothing more is published: publish() raises ShutDown, and get() when all has been received."""
        self._check(library.shm_topic_finish(self._handle))


class Subscription:
    """What one subscriber of a Topic gets: get(), or a loop over it, until the topic is finished.

    lost  how many items before the last one this subscriber was too slow for

    Threads may share it: each item goes to one of them. A forked child has none of its parent's subscriptions.
    """

    def __init__(self, topic, handle):
        self._topic, self._handle = topic, handle
        self._rooms = []
        self.lost = 0

    def get(self, block=True, timeout=None):
        """The next item, waiting at most `timeout` seconds for it. Raises queue.Empty, ShutDown."""
        return self._get(block, timeout, self._item)

    def get_nowait(self):
        """get(False)."""
        return self.get(False)

    def get_bytes(self, block=True, timeout=None):
        """The bytes that publish_bytes() was given; raises as get() does."""
        return self._get(block, timeout, bytes)

    async def get_async(self):
        """The next item, while the event loop goes on. Raises ShutDown."""

        def attempt():
            code, item = self._receive(0, self._item)
            if code in NOT_YET:
                return None
            self._settle(code)
            return (item,)

        return (await _asyncio.until(attempt, _asyncio.Source(self, "items", self._notify_descriptor, True)))[0]

    def _get(self, block, timeout, make):
        item = None

        def attempt(time):
            nonlocal item
            code, item = self._receive(time, make)
            return code

        self._settle(in_slices(attempt, patience(block, timeout)))
        return item

    def _receive(self, nanoseconds, make):
        """The library's answer, and the item."""
        try:
            room = self._rooms.pop()
        except IndexError:
            room = _Room(self._topic.item_bytes)
        lost = ctypes.c_uint64()
        size = self._topic.item_bytes
        code = library.shm_topic_receive(
            self._handle, room.place, size, nanoseconds, room.length_place, ctypes.byref(lost)
        )
        try:
            if code != 0:
                return code, None
            self.lost = lost.value
            return 0, make(room.bytes[: room.length.value])
        finally:
            self._rooms.append(room)

    def _item(self, data):
        if self._topic.dtype is None:
            return pickle.loads(data)
        return np.frombuffer(bytes(data), self._topic.dtype)

    def _settle(self, code):
        if code in NOT_YET:
            raise Empty
        if code == errno.ENODATA:
            raise ShutDown(f"the topic {self._topic.name!r} is finished")
        if self._handle is None:
            raise ValueError("the subscription is closed")
        check(code, self._topic.name)

    def _notify_descriptor(self):
        number = ctypes.c_int()
        self._settle(library.shm_topic_notify_fd(self._handle, ctypes.byref(number)))
        return number.value

    def qsize(self):
        """How many items wait for this subscriber, those included that it will have lost."""
        count = ctypes.c_uint64()
        self._settle(library.shm_topic_count(self._handle, ctypes.byref(count)))
        return count.value

    def close(self):
        """Subscribe no more: nobody waits for this subscriber from now on."""
        self._handle = None

    def __iter__(self):
        """All items, until the topic is finished."""
        while True:
            try:
                yield self.get()
            except ShutDown:
                return

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce_ex__(self, protocol):
        raise TypeError("a Subscription belongs to its process: hand the Topic over, and subscribe there")
