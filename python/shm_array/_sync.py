"""multiprocessing's Lock, RLock and Condition, that survive a kill; the rest of them is in _primitives.py.

The methods are the standard library's. What differs is what happens when a process is killed: nobody hangs.

All three are the lock of an array of one element. It passes on from the dead, and says so: `owner_died`.

A lock does not know what it guards. Elements of an array are better guarded by the array's own lock, which keeps
telling that a writer died until somebody has repaired them.
"""

import errno
import os
import threading
import time
import weakref

from . import _asyncio, _library
from ._arguments import whole
from ._errors import FormatError
from ._handover import teach
from ._library import check, library
from ._opened import opened_of
from ._quick import Quick, quicken
from ._waiting import NOT_YET, RELEASED_TOO_OFTEN, in_slices, patience
from .array import Array, create, open

# A lock is taken and given back so often that looking up names would be a good part of it.
_lock, _unlock, _EXCLUSIVE = library.shm_array_lock, library.shm_array_unlock, _library.EXCLUSIVE
_get_ident = threading.get_ident


@quicken
class Lock(Quick):
    """multiprocessing.Lock: not recursive; any thread of the process that has it may release it.

    name        None, or a name under which Lock.open() finds it
    exist_ok    open the one that is there already
    lifetime    as of create()
    owner_died  True if it came from a process that died with it, until it is acquired again

    Differs from multiprocessing's in that another process than the holder cannot release it: ValueError.
    """

    _metadata = "shm_array.Lock"
    _Handle = _library.Handle

    def __init__(self, *, name=None, exist_ok=False, lifetime="until-unlinked"):
        # The element counts the conditions that were made with this lock.
        array = create(name, (), "i8", metadata=self._metadata, exist_ok=exist_ok, lifetime=lifetime)
        self._begin(array)

    def __init_subclass__(cls):
        teach(cls, _reduce_lock, lambda lock, lease: _reduce_lock(lock))

    def _begin(self, array):
        if array.metadata != self._metadata:
            raise FormatError(f"{array.name!r} is an array, and no {type(self).__name__}")
        self._array = array
        self._handle = opened_of(array).handle
        self.name = array.name
        self.owner_died = False

    @classmethod
    def open(cls, name):
        """The one of that name that exists. Raises FileNotFoundError; FormatError if it is something else."""
        return cls._arrived(open(name, "r+"))

    @classmethod
    def _arrived(cls, array):
        if not isinstance(array, Array):  # NotArrived: every use tells why
            return array
        self = cls.__new__(cls)
        self._begin(array)
        return self

    def acquire(self, block=True, timeout=None):
        """Take it, waiting at most `timeout` seconds: True, or False if it could not be had."""
        timeout = patience(block, timeout)
        code = _lock(self._handle, _EXCLUSIVE, 0)
        return code == 0 or self._wait(code, timeout)

    def _wait(self, code, timeout):
        """Go on after a first attempt: whether the lock is held."""
        return self._settle(in_slices(self._attempt, timeout) if code in NOT_YET else code)

    def _attempt(self, nanoseconds):
        return _lock(self._handle, _EXCLUSIVE, nanoseconds)

    def _settle(self, code):
        """Whether the answer to an attempt is that the lock is held."""
        self.owner_died = code == errno.EOWNERDEAD
        if self.owner_died:
            code = library.shm_array_recover(self._handle)
        if code in NOT_YET:
            return False
        check(code, self.name)
        return True

    def release(self):
        """Give it back. Raises ValueError if this process does not hold it."""
        self.owner_died = False
        if _unlock(self._handle) != 0:
            raise ValueError(RELEASED_TOO_OFTEN)

    def locked(self):
        """Whether anybody has it at this moment."""
        return self._array.stat().lock is not None

    async def acquire_async(self):
        """Take it, while the event loop goes on: `await lock.acquire_async()`, or `async with lock`."""

        def attempt():
            code = self._attempt(0)
            return None if code in NOT_YET else self._settle(code)

        return await _asyncio.until(attempt, _asyncio.locks(opened_of(self._array)))

    def unlink(self):
        """Remove the name: nobody can open it any more; who has it open keeps it."""
        self._array.unlink()

    def __enter__(self):
        code = _lock(self._handle, _EXCLUSIVE, 0)
        return code == 0 or self._wait(code, None)

    def __exit__(self, kind, error, trace):
        self.release()

    async def __aenter__(self):
        return await self.acquire_async()

    async def __aexit__(self, *exception):
        self.release()

    def __reduce_ex__(self, protocol):
        raise TypeError(
            f"a {type(self).__name__} is handed to other processes of this machine by multiprocessing, loky or "
            "shm_array.by_reference(); in a plain pickle it cannot be"
        )

    def __repr__(self):
        return f"<{type(self).__name__} {self.name or 'without a name'}>"


def _reduce_lock(lock):
    return lock._arrived, (lock._array,)


teach(Lock, _reduce_lock, lambda lock, lease: _reduce_lock(lock))


@quicken
class RLock(Lock):
    """multiprocessing.RLock: the thread that has it may take it again, and releases it as often.

    Parameters and `owner_died` as of Lock. Use one object in a process: two that were opened by the same name do not
    know of each other's thread, and wait for each other.
    """

    _metadata = "shm_array.RLock"

    def _begin(self, array):
        super()._begin(array)
        self._owner = self._count = 0  # the thread that has it, and how often
        _rlocks.add(self)

    def acquire(self, block=True, timeout=None):
        """Take it, waiting at most `timeout` seconds: True, or False if another thread has it."""
        timeout, me = patience(block, timeout), _get_ident()
        if self._owner == me:
            self._count += 1
            return True
        code = _lock(self._handle, _EXCLUSIVE, 0)
        if code != 0 and not self._wait(code, timeout):
            return False
        self._owner, self._count = me, 1
        return True

    def release(self):
        """Give it back, when it was released as often as acquired. Raises AssertionError if this thread has it not."""
        if self._owner != _get_ident():
            raise AssertionError("attempt to release recursive lock not owned by thread")
        self._count -= 1
        if not self._count:
            self._owner = 0
            self.owner_died = False
            _unlock(self._handle)

    async def acquire_async(self):
        """Not possible: all tasks of an event loop are one thread, and could all have it at once."""
        raise RuntimeError("an RLock belongs to a thread, and all tasks of an event loop are one thread: use a Lock")

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exception):
        self.release()


_rlocks = weakref.WeakSet()


def _none_is_the_childs():
    for lock in _rlocks:
        lock._owner, lock._count = 0, 0


os.register_at_fork(after_in_child=_none_is_the_childs)


class Condition:
    """multiprocessing.Condition: wait for what other processes change, and notify them.

    lock    a Lock or RLock; None: an RLock of its own
    number  which of the lock's 16 conditions; None: the next of them. Who opens a lock by name says which is meant
    name, exist_ok   of the own lock

    A waiter may also wake without a notification of its own: look in a loop, or use wait_for(). Above all, notify(1)
    wakes one at once and lets all others look, too, within some 20 ms, where multiprocessing's lets them sleep: were
    the one killed before it looks, nobody else would know.
    """

    def __init__(self, lock=None, *, number=None, name=None, exist_ok=False):
        if lock is None:
            lock, number = RLock(name=name, exist_ok=exist_ok), number or 0
        elif not isinstance(lock, Lock):
            raise TypeError(f"lock is {lock!r}, expected a Lock or an RLock of this package")
        elif number is None:
            number = 1 + int(lock._array.atomic_add((), 1))  # 0 is for who has the lock for one condition
        if not 0 <= number < _library.CONDITIONS:
            raise ValueError(f"condition {number} of one lock, expected at most {_library.CONDITIONS} of them, from 0")
        self._lock, self._number = lock, number
        self.acquire, self.release = lock.acquire, lock.release

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, *exception):
        return self._lock.__exit__(*exception)

    def wait(self, timeout=None):
        """Release the lock, sleep until somebody is notified, take the lock again: False if `timeout` seconds passed.

        Raises RuntimeError if this thread does not have the lock.
        """
        lock, before, timeout = self._lock, None, patience(True, timeout)
        if isinstance(lock, RLock):
            before = lock._owner, lock._count
            if lock._owner != _get_ident():
                raise RuntimeError("cannot wait on un-acquired lock")
            lock._owner, lock._count = 0, 0
        try:
            # Longer slices than elsewhere: each end of one takes the lock.
            code = in_slices(self._attempt, timeout, 0.5)
            if code == errno.EPERM:
                raise RuntimeError("cannot wait on un-acquired lock")
            if code == errno.ENOLCK:  # others have the lock, and may have notified meanwhile: let the caller look
                lock._settle(in_slices(lock._attempt, None))
                code = 0
            if code in NOT_YET:
                return False
            return code == 0 or lock._settle(code)
        finally:
            if before is not None:
                lock._owner, lock._count = before

    def _attempt(self, nanoseconds):
        return library.shm_array_condition_wait(self._lock._handle, self._number, nanoseconds)

    def wait_for(self, predicate, timeout=None):
        """Wait until predicate() is true, or `timeout` seconds have passed: its last value."""
        end = None if timeout is None else time.monotonic() + timeout
        while not (result := predicate()):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result

    def notify(self, n=1):
        """Wake `n` of those who wait at once; all others look within some 20 ms, and take the lock for it.

        Call it while you have the lock: then no kill loses it.
        """
        if n := whole("n", n, 32):
            check(library.shm_array_condition_notify(self._lock._handle, self._number, n), self._lock.name)

    def notify_all(self):
        """Wake all who wait."""
        self.notify(2**32 - 1)

    def __reduce__(self):
        return _condition, (self._lock, self._number)

    def __repr__(self):
        return f"<Condition {self._number} of {self._lock}>"


def _condition(lock, number):
    return Condition(lock, number=number) if isinstance(lock, Lock) else lock
