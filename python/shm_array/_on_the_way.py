"""Ends of pipes that are closed here while they are on their way to another process.

    process = Process(target=f, args=(writer,))
    process.start()
    writer.close()       # the only writer; the process has not come so far as to open its end

With a pipe of the kernel's that is no end of file: a descriptor on its way is open. An end in shared memory counts for
the processes that have it, and a process that is just starting is none yet. So whoever hands an end over sends along
the writing end of a small pipe of the kernel's, its token, and whoever gets it lets go of that when he has opened the
end. When the last copy of the token is gone, the end has arrived or never will, because its receiver has died; until
then a close() is only noted down. A forked child counts at once for the ends among its process's arguments, and for
what else it inherits from its first use on: it need not close what it has no use for.
"""

import os
import select
import sys
import threading
import time
import weakref

from ._opened import Descriptor

_PATIENCE = 0.05  # seconds in which a forked child has arrived; a started one is left to the thread
_PAUSE = 0.02

_open_here = weakref.WeakSet()  # the ends of this process
_lock = threading.RLock()
_noted = []  # handles to be closed, each with the tokens that it waits for
_thread = None
_forking = None


class Token:
    """One journey to another process."""

    __slots__ = ("_starting", "_watched", "_writer", "__weakref__")

    def __init__(self):
        watched, writer = os.pipe()
        self._watched, self._writer = Descriptor(watched), Descriptor(writer)
        self._starting = None

    def for_receiver(self):
        """What is sent along."""
        from multiprocessing import context, reduction

        # A process that is just being started gets the descriptor itself; otherwise what is sent is a duplicate.
        sent = reduction.DupFd(self._writer.number)
        self._starting = context.get_spawning_popen()
        if self._starting is None:
            self._writer = None
        return sent

    def given(self):
        """This process's own copy is needed no longer."""
        self._writer = None

    def is_on_the_way(self):
        if self._writer is not None:
            if getattr(self._starting, "pid", None) is None and self._starting is not None:
                return True
            self._starting = self._writer = None
        poll = select.poll()
        poll.register(self._watched.number, select.POLLIN)
        return not poll.poll(0)  # nobody writes: what comes is its end


def begin(end):
    """Take care of an end that this process has opened."""
    end._journeys = []
    _open_here.add(end)


def sent(end):
    """The token to send along with an end."""
    token = Token()
    with _lock:  # a fork in between would note a journey that is then forgotten
        _still(end._journeys)
        end._journeys.append(token)
    return token.for_receiver()


def close(end):
    """Close an end, at once or as soon as it has arrived wherever it was sent."""
    global _thread
    with _lock:
        _open_here.discard(end)
        handle, end._handle = end._handle, None
        journeys, end._journeys = end._journeys, []
    patience = time.monotonic() + _PATIENCE
    while _still(journeys) and time.monotonic() < patience:
        time.sleep(0.001)
    if handle is None or not journeys:
        return  # the handle goes here
    with _lock:
        _noted.append((handle, journeys))
        if _thread is None:
            _thread = threading.Thread(target=_close_what_has_arrived, name="shm_array pipes", daemon=True)
            _thread.start()


def _still(journeys):
    journeys[:] = [token for token in journeys if token.is_on_the_way()]
    return journeys


def _close_what_has_arrived():
    global _thread
    while True:
        time.sleep(_PAUSE)
        with _lock:
            _noted[:] = [note for note in _noted if _still(note[1])]
            if not _noted:
                _thread = None
                return


def _ends_here():
    """Those of _open_here, though other threads add to it meanwhile."""
    return [end for end in (reference() for reference in list(_open_here.data)) if end is not None]


def _before_fork():
    global _forking
    _lock.acquire()
    _forking = Token() if _open_here else None


def _after_fork_in_parent():
    global _forking
    token, _forking = _forking, None
    try:
        if token is not None:
            token.given()
            for end in _ends_here():
                _still(end._journeys)
                end._journeys.append(token)
    finally:
        _lock.release()


def _after_fork_in_child():
    global _forking, _thread
    token, _forking, _thread = _forking, None, None
    try:
        _noted.clear()  # the parent's, who waits for them
        for end in _ends_here():
            end._journeys = []
        if token is not None:
            for end in _ends_among(_arguments_of_child(sys._getframe())):
                if end in _open_here:
                    end._take_part()
        del token  # arrived
    finally:
        _lock.release()


def _arguments_of_child(frame):
    """What multiprocessing forks this child for; nothing, where somebody else does."""
    while frame is not None:
        if frame.f_globals.get("__name__") == "multiprocessing.popen_fork" and "process_obj" in frame.f_locals:
            process = frame.f_locals["process_obj"]
            return [process._args, process._kwargs]
        frame = frame.f_back
    return []


def _ends_among(x, depth=4):
    """The ends in nested containers, in Connections and in Fifos."""
    if hasattr(type(x), "_pipe_ends"):
        yield from x._pipe_ends()
    elif isinstance(x, (tuple, list, dict)) and depth:
        for each in x.values() if isinstance(x, dict) else x:
            yield from _ends_among(each, depth - 1)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
