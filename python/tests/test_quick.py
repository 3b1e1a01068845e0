"""The compiled module in front of Python methods: there when it should be, and nobody can tell but by the time."""

import ctypes
import gc
import inspect
import os
import pickle
import threading
import warnings
import weakref

import numpy as np
import pytest

import shm_array
from shm_array import _library, _quick
from shm_array._library import library

PURE = os.environ.get("SHM_ARRAY_PURE", "0") != "0"
QUICK = [(shm_array.Lock, "acquire"), (shm_array.Queue, "get"), (shm_array.Array, "lock"), (shm_array.Held, "release")]

with_module = pytest.mark.skipif(_quick.hot is None, reason="the module is not compiled, or SHM_ARRAY_PURE is set")


def test_it_is_there_unless_it_is_not_wanted():
    if PURE:
        assert _quick.hot is None
    elif "SHM_ARRAY_HOT" in os.environ:
        assert _quick.hot.__spec__.origin == os.environ["SHM_ARRAY_HOT"]
    for cls, name in QUICK:
        assert inspect.isfunction(vars(cls)[name]) == (_quick.hot is None)


def test_without_it_everything_works(run):
    program = """
import shm_array
from shm_array import _quick
assert _quick.hot is None
lock, queue, (end, other), a = shm_array.Lock(), shm_array.Queue(), shm_array.Pipe(), shm_array.create(None, 3)
with lock, a.lock():
    queue.put([1])
    end.send_bytes(b"x")
print(queue.get(), other.recv_bytes(), a.generation)
"""
    assert run(program, environment={"SHM_ARRAY_PURE": "1"}.items()) == "[1] b'x' 1\n"


@with_module
def test_it_calls_the_library_that_ctypes_has_loaded():
    with pytest.raises(TypeError):
        _quick.hot.bind(1, 2)
    lock = shm_array.Lock()
    lock.acquire()
    assert library.shm_array_lock(lock._handle, _library.EXCLUSIVE, 0) != 0
    assert library.shm_array_unlock(lock._handle) == 0  # by the very handle that C has locked
    assert lock.acquire(timeout=0)


def test_arguments_that_say_how_long_to_wait_are_of_no_account_where_there_is_nothing_to_wait_for():
    lock, queue = shm_array.Lock(), shm_array.Queue()
    for arguments, named in (((), {}), ((True, 5), {}), ((), {"timeout": 1}), ((False,), {}), ((), {"block": False})):
        assert lock.acquire(*arguments, **named) is True
        lock.release()
        queue.put(7, *arguments, **named)
        assert queue.get(*arguments, **named) == 7


@pytest.mark.parametrize("call", ["acquire(1, 2, 3)", "acquire(wait=1)", "release(1)"])
def test_wrong_arguments_are_a_type_error(call):
    for lock in (shm_array.Lock(), shm_array.RLock()):
        with pytest.raises(TypeError):
            eval(f"lock.{call}")
    with pytest.raises(TypeError):
        shm_array.Queue().put()
    with pytest.raises(TypeError):
        shm_array.Queue().get(color=1)


def test_a_lock_that_is_taken_is_waited_for():
    for lock in (shm_array.Lock(), shm_array.Semaphore(1), shm_array.BoundedSemaphore(1)):
        lock.acquire()
        assert lock.acquire(False) is False
        assert lock.acquire(timeout=0.01) is False
        timer = threading.Timer(0.05, lock.release)
        timer.start()
        with lock:
            timer.join()
        with pytest.raises(ValueError, match="released too many times"):
            lock.release(), lock.release()
            if type(lock) is shm_array.Semaphore:
                raise ValueError("a plain semaphore may be: released too many times")


def test_an_rlock_knows_its_thread():
    lock, outcome = shm_array.RLock(), []
    with lock, lock:
        thread = threading.Thread(target=lambda: outcome.append(lock.acquire(False)))
        thread.start()
        thread.join()
        thread = threading.Thread(target=lambda: pytest.raises(AssertionError, lock.release))
        thread.start()
        thread.join()
    assert outcome == [False]
    with pytest.raises(AssertionError, match="not owned"):
        lock.release()
    with pytest.raises(AssertionError, match="not owned"):
        lock.__exit__(None, None, None)
    assert lock.acquire(False)


def test_what_is_closed_is_an_error_and_no_crash(name):
    queue, (end, other) = shm_array.Queue(), shm_array.Pipe()
    queue.put(1)
    queue.close()
    for call in (lambda: queue.put(1), queue.get, lambda: queue.send_bytes(b""), queue.recv_bytes):
        with pytest.raises(ValueError, match="closed"):
            call()
    end.close()
    for call in (lambda: end.send(1), end.recv, lambda: end.send_bytes(b""), end.recv_bytes):
        with pytest.raises(OSError, match="closed"):
            call()
    with pytest.raises(BrokenPipeError):
        other.send_bytes(b"x")
    a = shm_array.create(name, 3)
    a.lock().release()
    a.close()
    for call in (a.lock, a.shared, lambda: a.generation):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_more_than_there_is_room_for_is_the_python_methods_business():
    queue = shm_array.Queue(2, item_bytes=256)
    queue.send_bytes(b"x" * 257)
    assert queue.recv_bytes() == b"x" * 257
    queue.item_bytes = 1 << 20  # nobody should; then nothing is written where it has no place
    queue.put(b"y" * 20)
    assert queue.get() == b"y" * 20
    queue.put("a"), queue.put("b")
    with pytest.raises(shm_array._queue.Full):
        queue.put("c", block=False)
    assert queue.recv_bytes() != queue.recv_bytes()


@pytest.mark.parametrize("size", [0, 1, 4087, 4088, 4089, 30_000, 65_536, 300_000])
def test_messages_of_any_size_arrive_whole(size):
    end, other = shm_array.Pipe()
    sent = [bytes([number]) * size for number in range(5)]
    thread = threading.Thread(target=lambda: [end.send_bytes(each) for each in sent])
    thread.start()
    assert [other.recv_bytes() for _ in sent] == sent
    thread.join()


@pytest.mark.parametrize("head", [b"\xff" * 8, (2**63).to_bytes(8, "big"), b"\0\0\0\0\0\0\0\x09"])
def test_a_length_that_is_not_true_is_an_error_and_no_crash(head):
    reader, writer = shm_array.Pipe(False)
    writer._writer.write(head + b"12345678")
    writer.close()
    with pytest.raises((OSError, MemoryError, OverflowError)):
        reader.recv_bytes()


@with_module
def test_what_is_no_handle_is_refused():
    lock, queue = shm_array.Lock(), shm_array.Queue()
    for wrong in (1, "x", object(), ctypes.c_void_p(), queue._handle, shm_array.Semaphore()._handle):
        with pytest.raises(TypeError, match="is no "):
            lock._handle = wrong
    with pytest.raises(TypeError, match="is no "):
        queue._handle = lock._handle
    lock._handle = None
    with pytest.raises((OSError, ctypes.ArgumentError)):
        lock.acquire()


def test_one_kind_is_not_taken_for_another():
    semaphore, queue, lock = shm_array.Semaphore(), shm_array.Queue(), shm_array.Lock()
    for wrong in ((semaphore, semaphore), (queue, None), (None, lock), (1, 2)):
        with pytest.raises(TypeError, match="no end of a pipe"):
            shm_array.Connection(*wrong)
    end, other = shm_array.Pipe()
    kept = end._reader, end._writer
    end._reader = end._writer = semaphore  # what no caller can do any more
    for call in (lambda: end.send(1), end.recv, lambda: end.send_bytes(b"x"), end.recv_bytes):
        with pytest.raises((TypeError, AttributeError, ctypes.ArgumentError)):
            call()
    end._reader, end._writer = kept
    with pytest.raises(TypeError, match="expected a Lock"):
        shm_array.Condition(semaphore, number=0)
    for call in (lambda: shm_array.Lock.acquire(semaphore), lambda: shm_array.Queue.get(lock)):
        with pytest.raises((TypeError, AttributeError, ctypes.ArgumentError)):
            call()


def waiting_calls():
    """Calls that have nothing to wait for, by name: a function of the arguments that tell how long to wait."""
    lock, rlock, semaphore, queue, topic = (
        shm_array.Lock(), shm_array.RLock(), shm_array.Semaphore(99), shm_array.Queue(), shm_array.Topic(),
    )  # fmt: skip
    reader = topic.subscribe()
    for _ in range(20):
        queue.send_bytes(pickle.dumps(1))
        topic.publish(1)
    return {
        "lock": lock.acquire,
        "rlock": rlock.acquire,
        "semaphore": semaphore.acquire,
        "put": lambda *a, **k: queue.put(1, *a, **k),
        "send_bytes": lambda *a, **k: queue.send_bytes(b"x", *a, **k),
        "get": queue.get,
        "recv_bytes": queue.recv_bytes,
        "get_many": lambda *a, **k: queue.get_many(1, *a, **k),
        "put_many": lambda *a, **k: queue.put_many([1], *a, **k),
        "publish": lambda *a, **k: topic.publish(1, *a, **k),
        "topic": reader.get,
    }


WAITING = list(waiting_calls())


@pytest.mark.parametrize("name", WAITING)
def test_bad_arguments_are_refused_where_there_is_nothing_to_wait_for(name):
    call = waiting_calls()[name]
    for arguments, named in (((True, "soon"), {}), ((), {"timeout": "soon"}), ((False, [1]), {}), ((True, b"1"), {})):
        with pytest.raises(TypeError, match="timeout is .*, expected a number of seconds"):
            call(*arguments, **named)
    for arguments, named in (
        ((True, 1, 2, 3), {}), ((True,), {"block": True}), ((True, 1), {"timeout": 1}), ((), {"wait": 1}),
        ((), {"timeout": 1, "color": 2}), ((), {"block": True, "timeout": 1, "rows": 1}),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            call(*arguments, **named)
    good = ((1,), {}), ((True, None), {}), ((True, -1), {}), ((), {"timeout": np.float32(1)}), ((), {})
    for arguments, named in good:
        call(*arguments, **named)
        if name == "lock":
            break  # it is taken


def test_bad_arguments_of_an_arrays_lock_are_refused_where_it_is_free():
    a = shm_array.create(None, 3)
    a.lock().release()  # from now on there is a handle to lock with
    for lock in (a.lock, a.shared, a.exclusive):
        for wrong in (-1, -0.5, float("nan")):
            for arguments, named in (((wrong,), {}), ((), {"timeout": wrong})):
                with pytest.raises(ValueError, match="timeout is .*, expected seconds from 0 on"):
                    lock(*arguments, **named)
        for wrong in ("1", [1], b"1"):
            with pytest.raises(TypeError, match="timeout is .*, expected a number of seconds"):
                lock(wrong)
        for arguments, named in (((1, 2), {}), ((), {"block": True}), ((1,), {"timeout": 1}), ((), {"color": 1})):
            with pytest.raises(TypeError):
                lock(*arguments, **named)
        for good in (None, 0, 1, 2.5, 2**80, np.int8(3), True):
            lock(good).release()
            lock(timeout=good).release()


def test_the_garbage_collector_gives_a_lock_back_that_is_held_in_a_circle():
    class Mine(shm_array.Array):
        pass

    a = shm_array.create(None, 3)
    a.lock().release()
    mine = a.view(Mine)
    mine.held = mine.lock()
    with pytest.raises(TimeoutError):
        a.lock(timeout=0)
    with pytest.warns(ResourceWarning, match="nothing held on to it"):
        del mine
        gc.collect()
    a.lock(timeout=0).release()


@with_module
@pytest.mark.parametrize("kind", ["Quick", "QuickConnection", "QuickHeld", "QuickOpened"])
def test_the_garbage_collector_sees_through_the_modules_objects(kind):
    class Circle(getattr(_quick.hot, kind)):
        pass

    circle = Circle()
    if kind == "Quick":
        circle.dtype = [circle]
    elif kind == "QuickConnection":
        circle._reader = circle._writer = circle._pollable = [circle]
    elif kind == "QuickHeld":
        circle._array = circle._opened = circle._range = [circle]
    else:
        circle.more = circle
    gone = weakref.ref(circle)
    del circle
    gc.collect()
    assert gone() is None


def test_an_array_that_is_open_is_not_mapped_again(name):
    a = shm_array.create(name, 3)
    first = shm_array.open(name, "r+")
    second = shm_array.open(name, "r+")
    place = lambda array: array.__array_interface__["data"][0]  # noqa: E731
    assert place(second) == place(first) != place(shm_array.open(name))
    with first.lock(), pytest.raises(TimeoutError):
        second.lock(timeout=0)
    second.close()
    del second
    second = shm_array.open(name, "r+")
    assert place(second) == place(first)
    first.close()
    del first
    with second.lock():
        second[0] = 5
    assert a[0] == shm_array.open(name, "r+")[0] == 5
    a.unlink()
    with pytest.raises(FileNotFoundError):
        shm_array.open(name, "r+")
    b = shm_array.create(name, 4)
    assert shm_array.open(name, "r+").shape == (4,) and second.shape == (3,)
    b.unlink()


def test_what_a_joinable_queue_receives_is_not_done_yet():
    queue = shm_array.JoinableQueue()
    queue.send_bytes(b"x"), queue.put(1)
    assert queue.recv_bytes() == b"x" and queue.get() == 1
    assert not queue.join(timeout=0.01)
    queue.task_done(), queue.task_done()
    assert queue.join(timeout=1)


USERS = {
    "Lock": lambda lock: lock.acquire(timeout=0) and lock.release(),
    "RLock": lambda lock: lock.acquire(timeout=0) and lock.release(),
    "Semaphore": lambda semaphore: semaphore.acquire(timeout=0) and semaphore.release(),
    "Event": lambda event: event.set() or event.is_set(),
    "Topic": lambda topic: topic.publish(1),
}


@pytest.mark.parametrize("kind", USERS)
def test_what_lies_in_a_circle_of_garbage_serves_its_finalisers(kind):
    outcome = []

    class Late:
        def __init__(self, item):
            self.item, self.me = item, self

        def __del__(self):
            outcome.append(gc.is_finalized(self.item._handle))
            try:
                USERS[kind](self.item)
            except Exception as error:
                outcome.append(error)

    item = getattr(shm_array, kind)()
    gc.collect()  # the collector calls the finalisers of older objects first
    late = Late(item)
    del late, item
    gc.collect()
    # The module hides the handle from the collector. Where all is Python's, it may be closed, and that is an error.
    if _quick.hot is not None:
        assert outcome == [False]
    else:
        assert outcome == [False] or isinstance(outcome[1], (ValueError, OSError)), outcome


def test_a_lock_in_a_circle_of_garbage_is_given_back_once():
    a, outcome = shm_array.create(None, 3), []

    class Late:
        def __init__(self, held):
            self.held, self.me = held, self

        def __del__(self):
            outcome.append(self.held._handle is not None and gc.is_finalized(self.held._handle))
            self.held.release()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(5):
            held = a.lock(timeout=0)
            gc.collect()
            late = Late(held)
            del late, held
            gc.collect()
    assert outcome == [False] * 5
    with a.lock(timeout=0), pytest.raises(TimeoutError):
        shm_array.open_fd(a.fileno(), "r+").lock(timeout=0)


def test_a_handle_that_is_closed_is_null_to_who_still_has_it():
    a = shm_array.create(None, 3)
    for handle in a.base.base.duplicate(), shm_array.Lock()._handle, shm_array.Queue()._handle:
        type(handle).__del__(handle)
        assert handle.value is None
        type(handle).__del__(handle)


def test_no_thread_comes_upon_the_handle_of_a_lock_that_is_forgotten():
    a = shm_array.create(None, 3)
    locks, seen = [], []

    def look(*_):
        seen.extend(handle.value for handle in a.base.base.locks if gc.is_finalized(handle))

    held = a.lock()
    handle = weakref.ref(held._handle, look)  # is told after the finaliser, and before the end
    locks.append(a.base.base.locks)
    with pytest.warns(ResourceWarning):
        del held
    assert handle() is None and seen == [] and type(locks[0]) is dict and not locks[0]
    a.lock(timeout=0).release()


@with_module
def test_a_finaliser_may_take_the_last_spare_handle():
    a = shm_array.create(None, 3)
    a.lock().release()  # from now on there is one
    got = []

    class Circle:
        def __init__(self):
            self.me = self

        def __del__(self):
            got.append(a.shared())

    gc.collect()
    before = gc.get_threshold()
    gc.disable()
    Circle()
    try:
        gc.set_threshold(1)
        gc.enable()
        held = a.shared()  # memory for it is where the collector comes by, up to Python 3.11
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert len({id(a.base.base.handle), id(held._handle), id(got[0]._handle)}) == 3
    held.release(), got.pop().release()
    with a.lock(timeout=0):
        pass
