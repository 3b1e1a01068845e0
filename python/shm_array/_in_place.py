"""Items of a queue where they lie: room that is being filled, and items that are acknowledged later."""

import ctypes
from queue import Full

import numpy as np

from . import _library
from ._arguments import whole
from ._library import check, library
from ._waiting import in_slices


def in_place(handle, message):
    """The bytes of a message where they lie, read-only."""
    return memoryview(_memory(handle, message.data, message.len)).cast("B").toreadonly()


def _memory(handle, address, length):
    memory = (ctypes.c_char * length).from_address(address)
    memory._handle = handle  # it is mapped as long as the handle is open
    return memory


class Reserved:
    """Room for an item that is being filled: see Queue.reserve()."""

    def __init__(self, queue, count, patience, priority):
        self._queue, self._patience, self._priority = queue, patience, whole("priority", priority, 32)
        self._handle, self._elements = queue._handle, None
        self._bytes = whole("count", count) * (1 if queue.dtype is None else queue.dtype.itemsize)
        if self._bytes > queue.item_bytes:
            raise ValueError(f"{count} elements have {self._bytes} bytes, more than item_bytes, {queue.item_bytes}")
        self._message = _library.Message(size=ctypes.sizeof(_library.Message))

    def __enter__(self):
        def attempt(time):
            return library.shm_queue_reserve(self._handle, time, ctypes.byref(self._message))

        code = in_slices(attempt, self._patience)
        if code != 0:
            self._queue._refuse(code, Full)
        memory = _memory(self._handle, self._message.data, self._bytes)
        self._elements = np.frombuffer(memory, self._queue.dtype or "u1")
        return self._elements

    def __exit__(self, kind, *exception):
        elements, self._elements = self._elements, None
        elements.flags.writeable = False  # they are others' now; views of them should not be kept
        if kind is not None:
            check(library.shm_queue_cancel(self._handle, ctypes.byref(self._message)), self._queue.name)
            return
        self._message.len, self._message.priority = self._bytes, self._priority
        code = library.shm_queue_commit(self._handle, ctypes.byref(self._message))
        if code != 0:
            library.shm_queue_cancel(self._handle, ctypes.byref(self._message))  # the room is others' again
            self._queue._refuse(code, Full)


class Taken:
    """An item that was taken and is not acknowledged yet: until release(), or the end of its `with` block.

    again  True if another consumer had it before, and gave it back or was killed
    """

    def __init__(self, queue, message):
        self._queue, self._message = queue, message
        self._handle = queue._handle
        self.again = bool(message.flags & _library.QUEUE_AGAIN)

    @property
    def bytes(self):
        """Its bytes where they lie, read-only; valid until it is released."""
        message = self._open()
        return in_place(self._handle, message)

    @property
    def item(self):
        """What was put; of a queue with a dtype a copy of the elements."""
        if self._open().flags & _library.QUEUE_ARRAY:
            raise ValueError(
                "the item is longer than item_bytes: get() receives it, or make the queue with more of them"
            )
        return self._queue._item(self.bytes)

    def release(self):
        """Acknowledge it: nobody gets it again."""
        self._end(library.shm_queue_release)

    def give_back(self):
        """Let somebody else have it, before all others."""
        self._end(library.shm_queue_give_back)

    def _open(self):
        if self._message is None:
            raise ValueError("the item has been released, or given back")
        return self._message

    def _end(self, function):
        message, self._message = self._open(), None
        handle, self._handle = self._handle, None
        check(function(handle, ctypes.byref(message)), self._queue.name)

    def __del__(self):
        self._handle = None  # before the queue goes, which looks whether anybody else has it

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        if self._message is not None:
            self.release() if kind is None else self.give_back()
