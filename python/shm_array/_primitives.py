"""multiprocessing's Semaphore, BoundedSemaphore, Event and Barrier, that survive a kill.

The methods are the standard library's. What differs is what happens when a process is killed: nobody hangs.

    BoundedSemaphore         owned: the permits of the dead come back
    Semaphore                a count that anybody may raise, as POSIX has it
    Event                    a bit; nobody owns it
    Barrier                  broken by the death of a participant, as by a timeout
"""

import ctypes
import errno
import os
import sys
import threading
import weakref

from . import _asyncio, _library
from ._arguments import whole
from ._library import library
from ._object import Object
from ._quick import quicken
from ._waiting import NOT_YET, RELEASED_TOO_OFTEN, in_slices, patience
from .array import create, open


@quicken
class Semaphore(Object):
    """multiprocessing.Semaphore: a count that acquire() lowers, and anybody's release() raises.

    value       to begin with
    name        None, or a name under which Semaphore.open() finds it
    exist_ok    open the one that is there already
    lifetime    as of create()

    Nobody owns what it counts: what a killed process had acquired stays acquired. See BoundedSemaphore.
    """

    _kind = "semaphore"
    _Handle = _library.SemaphoreHandle
    _sort = _library.SEMAPHORE_SIGNALLING

    def __init__(self, value=1, *, name=None, exist_ok=False, lifetime="until-unlinked"):
        value = whole("value", value)
        if value > _library.SEMAPHORE_MAX_VALUE:
            raise ValueError(f"value is {value}, expected 0 to {_library.SEMAPHORE_MAX_VALUE}")
        self._create(name, lifetime, exist_ok, self._sort, value)

    def acquire(self, block=True, timeout=None):
        """Take one, waiting at most `timeout` seconds: True, or False if there was none."""
        timeout = patience(block, timeout)
        return self._attempt(0) == 0 or self._settle(in_slices(self._attempt, timeout))

    def _attempt(self, nanoseconds):
        return library.shm_semaphore_wait(self._handle, nanoseconds)

    def _settle(self, code):
        if code in NOT_YET:
            return False
        self._check(code)
        return True

    def release(self, n=1):
        """Give `n`. Raises ValueError where that is more than there may be, or of a BoundedSemaphore than one has."""
        code = library.shm_semaphore_post(self._handle, whole("n", n, 32))
        if code in (errno.EPERM, errno.EOVERFLOW):
            raise ValueError(RELEASED_TOO_OFTEN)
        self._check(code)

    def get_value(self):
        """What could be taken at this moment."""
        value = ctypes.c_uint32()
        self._check(library.shm_semaphore_value(self._handle, ctypes.byref(value)))
        return value.value

    def locked(self):
        """Whether nothing could be taken at this moment."""
        return self.get_value() == 0

    async def acquire_async(self):
        """Take one, while the event loop goes on: `await semaphore.acquire_async()`, or `async with semaphore`."""

        def attempt():
            code = self._attempt(0)
            return None if code in NOT_YET else self._settle(code)

        return await _asyncio.until(attempt, _asyncio.Source(self, "permits", self._notify_descriptor, True))

    def _notify_descriptor(self):
        number = ctypes.c_int()
        self._check(library.shm_semaphore_notify_fd(self._handle, ctypes.byref(number)))
        return number.value

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exception):
        self.release()

    async def __aenter__(self):
        return await self.acquire_async()

    async def __aexit__(self, *exception):
        self.release()


class BoundedSemaphore(Semaphore):
    """multiprocessing.BoundedSemaphore: `value` permits, which come back when the process that has them is killed.

    Parameters as of Semaphore. Only the process that acquired may release: ValueError otherwise.
    """

    _sort = _library.SEMAPHORE_OWNED


class Event(Object):
    """multiprocessing.Event: a flag that one sets, and any number wait for. Parameters as of Lock."""

    _kind = "event"
    _Handle = _library.EventHandle

    def __init__(self, *, name=None, exist_ok=False, lifetime="until-unlinked"):
        self._create(name, lifetime, exist_ok, None, 0)

    def is_set(self):
        """Whether it is set."""
        return bool(self.stat().bits & 1)

    def set(self):
        """Set it, and wake all who wait."""
        self._check(library.shm_event_set(self._handle, 1))

    def clear(self):
        """Clear it: wait() waits again."""
        self._check(library.shm_event_clear(self._handle, 1))

    def wait(self, timeout=None):
        """Wait until it is set: True, or False if `timeout` seconds have passed."""
        code = in_slices(self._attempt, patience(True, timeout))
        if code in NOT_YET:
            return False
        self._check(code)
        return True

    def _attempt(self, nanoseconds):
        return library.shm_event_wait(self._handle, 1, _library.EVENT_ANY, nanoseconds, None)

    async def wait_async(self):
        """Wait until it is set, while the event loop goes on: True."""

        def attempt():
            code = self._attempt(0)
            if code in NOT_YET:
                return None
            self._check(code)
            return True

        return await _asyncio.until(attempt, _asyncio.Source(self, "set", self._notify_descriptor, False))

    def _notify_descriptor(self):
        number = ctypes.c_int()
        code = library.shm_event_notify_fd(self._handle, 1, _library.EVENT_ANY, ctypes.byref(number))
        self._check(code)
        return number.value


def _leave_at_exit(barrier):
    """A child of multiprocessing ends without closing anything, which to the others would be a participant's death."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None and sys.modules["multiprocessing.process"].parent_process() is not None:
        close = weakref.WeakMethod(barrier.close)
        util.Finalize(None, lambda: (bound := close()) and bound(), exitpriority=0)


class Barrier(Object):
    """multiprocessing.Barrier: `parties` wait until all have come. Raises threading.BrokenBarrierError as it does.

    action    a function that one of them calls before all go on; if it raises, the barrier is broken
    timeout   seconds that wait() takes where it is not told otherwise
    name, exist_ok, lifetime   as of Lock; with a name, an array whose name ends in ".state" belongs to it

    It is broken by abort(), by a timeout, and by the death of a process that has ever waited, until reset().
    """

    # The library's own number of who has come is not one for each: a wait in slices comes anew with each slice. So the
    # numbers are drawn, from an array of two: whether it was aborted, and how many numbers were drawn.

    _kind = "barrier"
    _Handle = _library.BarrierHandle

    def __init__(self, parties, action=None, timeout=None, *, name=None, exist_ok=False, lifetime="until-unlinked"):
        self._create(name, lifetime, exist_ok, whole("parties", parties, 32))
        try:
            self._own = create(name and f"{name}.state", 2, "i8", exist_ok=exist_ok, lifetime=lifetime)
        except BaseException:
            if name is not None and not exist_ok:
                super().unlink()
            raise
        self._action, self._timeout = action, timeout

    def _begin(self, handle):
        super()._begin(handle)
        self.parties = self.stat().participants
        self._member = None  # the process that leaves in good order

    def _state(self):
        return self._own, self._action, self._timeout

    def _set_state(self, state):
        self._own, self._action, self._timeout = state or (open(f"{self.name}.state", "r+"), None, None)

    def wait(self, timeout=None):
        """Come, and wait until all have: a number from 0 to parties - 1, another one for each."""
        if self._member != os.getpid():
            self._member = os.getpid()
            _leave_at_exit(self)
        timeout = self._timeout if timeout is None else timeout
        last = self._meet(timeout) == self.parties - 1
        if self._action is not None:
            if last:
                try:
                    self._action()
                except BaseException:
                    self.abort()
                    raise
            self._meet(timeout)
        return int(self._own.atomic_add(1, 1)) % self.parties

    def _meet(self, timeout):
        number = ctypes.c_uint32()

        def attempt(nanoseconds):
            if self._own[0]:
                return errno.ECANCELED
            return library.shm_barrier_wait(self._handle, nanoseconds, ctypes.byref(number))

        code = in_slices(attempt, patience(True, timeout))
        if code in NOT_YET:
            self.abort()
        if code in NOT_YET or code in (errno.EOWNERDEAD, errno.ECANCELED):
            raise threading.BrokenBarrierError
        self._check(code)
        return number.value

    def reset(self):
        """Begin anew, whatever happened; who waits gets a BrokenBarrierError."""
        self._own[:] = 0
        self._check(library.shm_barrier_reset(self._handle))

    def abort(self):
        """Break it: who waits, and who comes, gets a BrokenBarrierError, until reset()."""
        self._own[0] = 1
        self._check(library.shm_barrier_reset(self._handle))

    @property
    def n_waiting(self):
        """How many have come and wait."""
        return self.stat().arrived

    @property
    def broken(self):
        """Whether it is broken."""
        return bool(self._own[0] or self.stat().broken)

    def unlink(self):
        """Remove the names: nobody can open it any more; who has it open keeps it."""
        super().unlink()
        self._own.unlink()
