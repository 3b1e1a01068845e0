"""multiprocessing's JoinableQueue, whose join() does not wait for the dead."""

import collections
import ctypes
import errno
import os
import pickle
import select
import threading
import time

import numpy as np

from . import _library
from ._arguments import whole
from ._handover import LEASE_SECONDS, by_reference
from ._in_place import in_place
from ._leftovers import LONG_MARK
from ._library import check, library
from ._opened import opened_of
from ._queue import _KEPT_NS, _PLAIN, Queue
from .array import open

_get_ident = threading.get_ident


def _dumps(obj):
    return pickle.dumps(obj if type(obj) in _PLAIN else by_reference(obj, lease=LEASE_SECONDS), 5)


class JoinableQueue(Queue):
    """multiprocessing.JoinableQueue: task_done() says that the work on an item is done, join() waits until all is.

    Parameters as of Queue, which see; spsc is not possible.

    An item that was received belongs to the process until its task_done(). If the process is killed before, or ends,
    somebody else gets the item, so that join() waits for nobody who cannot come: the work on it should bear being
    begun twice. Items that are worked on count for maxsize. task_done() is for the oldest item that the thread has
    received; where it has none, for the oldest that another thread of the process has.
    """

    def __init__(self, maxsize=0, *, item_bytes=1024, dtype=None, priorities=1, name=None, exist_ok=False,
                 lifetime="until-unlinked"):  # fmt: skip
        super().__init__(maxsize, item_bytes=item_bytes, dtype=dtype, priorities=priorities, name=name,
                         exist_ok=exist_ok, lifetime=lifetime)  # fmt: skip

    def _begin(self, handle):
        super()._begin(handle)
        self._tasks = _Tasks()

    def task_done(self):
        """Say that the work on an item is done: nobody gets it again. Raises ValueError if this process has none."""
        message, array = self._tasks.pop()
        self._check(library.shm_queue_release(self._handle, ctypes.byref(message)))
        if array is not None:
            library.shm_array_arrived(opened_of(array).handle)  # it goes with this, its last user

    def join(self, timeout=None):
        """Wait until task_done() was called for all items: True, or False if `timeout` seconds have passed.

        Without a timeout it is multiprocessing's join().
        """
        if self._is_done():
            return True
        end = None if timeout is None else time.monotonic() + timeout
        descriptor = self._room_descriptor()  # readable whenever an item is done
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            while not self._is_done():
                left = 0.1 if end is None else min(end - time.monotonic(), 0.1)
                if left <= 0:
                    return False
                if poll.poll(left * 1000):
                    os.read(descriptor, 8)
            return True
        finally:
            check(library.shm_notify_close(descriptor))

    def _is_done(self):
        got = self.stat()
        return got.count + got.out == 0

    # --- items are taken, and acknowledged later

    def get(self, block=True, timeout=None):
        """Receive an item, waiting at most `timeout` seconds for one; task_done() says when the work on it is done.

        That is so for one that cannot be unpickled, too, where this raises what unpickling raises.
        """
        return self._get(block, timeout, None)

    def take(self, block=True, timeout=None):
        """Not here: get() takes an item, and task_done() acknowledges it."""
        raise TypeError("items of a JoinableQueue are acknowledged by task_done(): receive them by get()")

    def recv_bytes(self, block=True, timeout=None):
        """Receive the bytes that send_bytes() sent; task_done() says when the work on them is done."""
        return self._get(block, timeout, bytes)

    def _receive(self, nanoseconds, make=None, keep_bad=True):
        handle = self._handle  # another thread may close the queue meanwhile
        message = _library.Message(size=ctypes.sizeof(_library.Message))
        code = library.shm_queue_take(handle, nanoseconds, ctypes.byref(message))
        if code != 0:
            return code, None
        if message.flags & _library.QUEUE_ARRAY:
            check(library.shm_queue_give_back(handle, ctypes.byref(message)), self.name)
            raise OSError(errno.EBADMSG, "the item is an array of put_array(): get_array() receives it", self.name)
        task = [message, None]
        try:
            data = in_place(handle, message)
            if self.dtype is None and data[: len(LONG_MARK)] == LONG_MARK:
                task[1] = open(bytes(data[len(LONG_MARK) :]).decode())
                data = memoryview(np.asarray(task[1]))
            item = self._item(data) if make is None else make(data)
        except BaseException:
            if keep_bad:
                self._tasks.push(task)
            else:
                check(library.shm_queue_give_back(handle, ctypes.byref(message)), self.name)
            raise
        self._tasks.push(task)
        return 0, item

    def get_many(self, most, block=True, timeout=None):
        """Receive an item, waiting for it as get() does, and those behind it: each wants a task_done().

        One that cannot be unpickled ends the batch, and is the first again for whoever receives next.
        """
        most = whole("most", most)
        items = [self.get(block, timeout)] if most else []
        while len(items) < most:
            try:
                code, item = self._receive(0, keep_bad=False)
            except Exception:  # the item was given back: the next call raises this
                break
            if code != 0:
                break
            items.append(item)
        return items

    # --- what may be received twice must arrive twice

    _dumps = staticmethod(_dumps)

    def _long_attempt(self, array, priority):
        """It goes as its name: an array of the queue's own would be gone with the first who receives it."""
        check(library.shm_array_lease(opened_of(array).handle, _KEPT_NS))
        data = LONG_MARK + array.name.encode()
        return lambda time: library.shm_queue_send(self._handle, data, len(data), priority, time)

    def put_many(self, items, block=True, timeout=None, *, priority=0):
        """Send several items, one after the other, as put() does: how many."""
        items = list(items)
        for item in items:
            self.put(item, block, timeout, priority=priority)
        return len(items)


class _Tasks:
    """What this process has received and not done yet, by thread: messages, each with the array of a long item."""

    def __init__(self):
        self.lock, self.pid = threading.Lock(), os.getpid()
        self.of = collections.defaultdict(collections.deque)

    def push(self, task):
        self.forget_parent()
        with self.lock:
            self.of[_get_ident()].append(task)

    def pop(self):
        self.forget_parent()
        with self.lock:
            me = _get_ident()
            thread = me if self.of.get(me) else next((other for other, tasks in self.of.items() if tasks), None)
            if thread is None:
                raise ValueError("task_done() called too many times")
            task = self.of[thread].popleft()
            if not self.of[thread]:
                del self.of[thread]
            return task

    def forget_parent(self):
        if self.pid != os.getpid():  # a forked child has received nothing
            self.__init__()
