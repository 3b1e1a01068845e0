"""Waiting in an event loop: on the library's pollable descriptors, without a thread, however many wait.

All who wait for the same thing in one loop share one Watch, which has one descriptor. It becomes readable when something
may have happened; then waiters try again. Where one thing serves one waiter (a message, a permit, a lock), the first in
line tries; if it succeeds, or is cancelled, the next one does. Where all are meant (an event, a write), all try.

A death makes no descriptor readable, and neither does a close() in this process: so each Watch also looks by itself,
now and then.
"""

import collections
import contextlib
import ctypes
import os
import weakref

from ._library import check, library

# What is waited for: its owner, which sort of thing, how to get a descriptor for it, whether it serves one at a time,
# and after how many seconds to look in any case.
Source = collections.namedtuple("Source", "owner sort descriptor one_by_one look_after", defaults=[0.5])

_watches = weakref.WeakKeyDictionary()  # of each loop: (id of the owner, sort) -> Watch, as long as somebody waits


def writes(opened):
    """The completed writes of an array."""
    return Source(opened, "writes", lambda: _notify(opened), False)


def locks(opened, one_by_one=True):
    """The lock of an array. Only the end of a write makes the descriptor readable; for readers we look."""
    return Source(opened, ("lock", one_by_one), lambda: _notify(opened), one_by_one, 0.02)


def _notify(opened):
    now, number = ctypes.c_uint64(), ctypes.c_int()
    check(library.shm_array_generation(opened.handle, ctypes.byref(now)), opened.name)
    check(library.shm_array_notify_fd(opened.handle, now, ctypes.byref(number)), opened.name)
    return number.value


async def until(attempt, source):
    """Call attempt() when something may have happened, until it does not return None: what it returned."""
    result = attempt()
    if result is not None:
        return result
    import asyncio  # nobody comes here without having paid for it

    loop = asyncio.get_running_loop()
    here = _watches.setdefault(loop, {})
    key = id(source.owner), source.sort
    watch = here.get(key)
    if watch is None:
        watch = here[key] = Watch(loop, source)
    watch.users += 1
    try:
        again = False
        while True:
            result = attempt()
            if result is not None:
                return result
            await watch.sleep(again)
            again = True
    finally:
        watch.users -= 1
        if watch.users:
            if source.one_by_one:
                watch.wake()
        else:
            here.pop(key)
            watch.close()


class Watch:
    """One descriptor in one loop, and those who wait for it."""

    def __init__(self, loop, source):
        self.loop, self.source = loop, source
        self.users = 0
        self.sleepers = collections.deque()
        self.descriptor = source.descriptor()
        os.set_blocking(self.descriptor, False)
        loop.add_reader(self.descriptor, self.ready)
        self.timer = loop.call_later(source.look_after, self.look)

    async def sleep(self, again):
        """Until it is worth trying. Who tried in vain is the first in line again."""
        future = self.loop.create_future()
        (self.sleepers.appendleft if again else self.sleepers.append)(future)
        try:
            await future
        except BaseException:
            with contextlib.suppress(ValueError):  # woken in the same moment
                self.sleepers.remove(future)
            raise

    def ready(self):
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 8)
        self.wake()

    def look(self):
        self.timer = self.loop.call_later(self.source.look_after, self.look)
        self.wake()

    def wake(self):
        while self.sleepers:
            future = self.sleepers.popleft()
            if not future.done():
                future.set_result(None)
                if self.source.one_by_one:
                    return

    def close(self):
        self.timer.cancel()
        if not self.loop.is_closed():
            self.loop.remove_reader(self.descriptor)
        if library.shm_notify_close(self.descriptor) != 0:  # its handle is closed, or this is a fork's child
            os.close(self.descriptor)
