"""What is known of the writes of an array: waiting for the next one, copying between two, who made the last one."""

import ctypes
import errno

import numpy as np

from . import _asyncio, _library
from ._arguments import whole
from ._errors import OwnerDied
from ._library import check, library
from ._opened import still_open
from ._records import Published
from ._waiting import NOT_YET, checked, in_slices


def wait(array, since, timeout):
    opened = still_open(array)
    since = array.generation if since is None else whole("since", since)
    now = ctypes.c_uint64()

    def attempt(nanoseconds):
        still_open(array)
        return library.shm_array_wait(opened.handle, since, nanoseconds, ctypes.byref(now))

    code = in_slices(attempt, checked(timeout))
    if code in NOT_YET:
        raise TimeoutError(errno.ETIMEDOUT, f"nobody has written within {timeout} s", opened.name)
    check(code, opened.name)
    return now.value


async def changed(array, since):
    since = array.generation if since is None else whole("since", since)

    def look():
        now = array.generation
        return now if now != since else None

    return await _asyncio.until(look, _asyncio.writes(still_open(array)))


def snapshot(array, rows, timeout, may_lock):
    opened = still_open(array)
    whole_array = array._over(opened.duplicate())
    rows = rows if isinstance(rows, slice) else slice(*rows or (None,))
    start, stop, step = rows.indices(whole_array.shape[0] if whole_array.ndim else 1)
    if step != 1:
        raise ValueError(f"rows is {rows}, expected a slice without a step")
    count = max(0, stop - start)
    shape = (count, *whole_array.shape[1:]) if whole_array.ndim else ()
    result = np.empty(shape, whole_array.dtype, "F" if whole_array.flags.fnc else "C")
    generation = ctypes.c_uint64()
    flags = _library.SNAPSHOT_MAY_LOCK if may_lock else 0

    def attempt(nanoseconds):
        still_open(array)
        place = result.__array_interface__["data"][0]
        return library.shm_array_snapshot(
            opened.handle, start, count, place, result.nbytes, nanoseconds, flags, ctypes.byref(generation)
        )

    code = in_slices(attempt, checked(timeout), 1)
    if code in NOT_YET:
        raise TimeoutError(errno.ETIMEDOUT, f"writers left no moment for a snapshot within {timeout} s", array.name)
    if code == errno.EOWNERDEAD:
        words = "a process died while it was writing: a snapshot may have half of what it wrote. See recover()"
        raise OwnerDied(code, words, array.name)
    check(code, array.name)
    return result, generation.value


def published(array):
    got = _library.Publish(size=ctypes.sizeof(_library.Publish))
    check(library.shm_array_last_publish(still_open(array).handle, ctypes.byref(got)), array.name)
    if not got.pid:
        return None
    return Published(got.generation, got.published_ns / 1e9, got.age_ns / 1e9, got.pid, bool(got.alive))
