"""Waiting in C, in slices of time, so that Ctrl-C and other signals get their turn.

A wait in C cannot be interrupted by a signal handler that is written in Python: it runs when the wait has returned.
"""

import errno
import time

from ._arguments import nanoseconds

SLICE = 0.1  # seconds
NOT_YET = frozenset((errno.EAGAIN, errno.EBUSY, errno.ETIMEDOUT))
RELEASED_TOO_OFTEN = "semaphore or lock released too many times"


def checked(timeout):
    """A timeout in seconds, or None."""
    if timeout is not None and not _number(timeout) >= 0:
        raise ValueError(f"timeout is {timeout}, expected seconds from 0 on, or None to wait for ever")
    return timeout


def patience(block, timeout):
    """multiprocessing's two arguments as one: a negative timeout is 0, and without `block` there is none."""
    left = None if timeout is None else max(0, _number(timeout))
    return left if block else 0


def _number(timeout):
    if not hasattr(timeout, "__float__"):
        raise TypeError(f"timeout is {timeout!r}, expected a number of seconds, or None to wait for ever")
    return timeout


def in_slices(attempt, timeout, length=SLICE):
    """Call attempt(nanoseconds) until it returns something else than "not yet", or the time is up: what it returned."""
    code = attempt(0)
    if code not in NOT_YET or timeout == 0:
        return code
    if timeout is None:
        while code in NOT_YET:
            code = attempt(nanoseconds(length))
        return code
    end = time.monotonic() + timeout
    while True:
        left = max(0, end - time.monotonic())
        code = attempt(nanoseconds(min(left, length)))
        if code not in NOT_YET or not left:
            return code
