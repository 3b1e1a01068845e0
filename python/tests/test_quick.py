"""The compiled module in front of Python methods: there when it should be, and nobody can tell but by the time."""

import ctypes
import gc
import inspect
import os
import pickle
import sys
import threading
import warnings
import weakref

import numpy as np
import pytest
from conftest import mapped

import shm_array
from shm_array import _library, _opened, _quick
from shm_array._library import library

PURE = os.environ.get("SHM_ARRAY_PURE", "0") != "0"
MANY_OPENINGS = int(os.environ.get("SHM_ARRAY_TEST_OPENINGS", "400"))
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


def test_open_makes_what_python_makes(new_name):
    record = np.dtype([("x", "<f4"), ("y", "<i8", (2,))])
    plain = (float, (2, 3), "C"), ("<i2", (4, 3, 2), "F"), ("U3", (), "C"), ("|u1", 0, "C")
    for dtype, shape, order in (*plain, (record, 3, "C")):
        name = new_name()
        made = shm_array.create(name, shape, dtype, order)
        for mode in "r", "r+":
            quick, other = shm_array.open(name, mode), shm_array.array.Array._named(name, _library.READ, False)
            assert type(quick) is type(other) is shm_array.Array
            assert (quick.dtype, quick.shape, quick.strides) == (made.dtype, made.shape, made.strides)
            assert (other.dtype, other.shape, other.strides) == (made.dtype, made.shape, made.strides)
            assert quick.flags.writeable == (mode == "r+") and not other.flags.writeable
            assert quick.name == other.name == name
            assert quick.base.base.mode == mode and quick.base.base.nbytes == made.nbytes


@pytest.mark.parametrize(
    "arguments", ["", "1", "name, 'r', 1", "name, 'w'", "name, mode=1", "name, colour=1", "name, [], mode='r'", "'a\\0b'"]
)
def test_open_refuses_what_python_refuses(arguments, new_name):
    name = new_name()
    shm_array.create(name, 3)
    with pytest.raises((TypeError, ValueError)):
        eval(f"shm_array.open({arguments})")
    with pytest.raises(FileNotFoundError):
        shm_array.open(name + "-other")
    with pytest.raises(FileNotFoundError):
        shm_array.open(name + "-other", mode="r+")


def test_a_name_that_is_anothers_meanwhile_leads_to_the_other(new_name):
    name = new_name()
    first = shm_array.create(name, 3)
    first[:] = 1
    same = shm_array.open(name, "r+")
    assert same.base.base.data == first.base.base.data  # one mapping
    shm_array.unlink(name)
    second = shm_array.create(name, 5, "<i4")
    found = shm_array.open(name, "r+")
    assert found.shape == (5,) and found.dtype == second.dtype and first[0] == 1
    names = [new_name() for _ in range(70)]
    arrays = [shm_array.create(each, 1) for each in names]
    assert all(shm_array.open(each, "r+").base.base.data == array.base.base.data for each, array in zip(names, arrays))
    for each in names:
        shm_array.unlink(each)


def test_closed_by_with_and_by_hand(new_name):
    name = new_name()
    shm_array.create(name, 3)
    with shm_array.open(name, "r+") as a:
        assert a.fileno() >= 0 and not a.closed
    assert a.closed
    a.close()
    with pytest.raises(ValueError, match="is closed"):
        a.__enter__()
    b = shm_array.open(name, "r+")
    held = b.lock()
    b.close()  # gives the lock back
    shm_array.open(name, "r+").lock(timeout=0).release()
    held.release()
    with pytest.raises(ValueError):
        np.asarray(b).view(shm_array.Array).copy().view(shm_array.Array).close()


def test_a_mode_that_is_no_string_is_an_error_and_no_crash(name, run):
    program = """
import sys
import shm_array
shm_array.create(sys.argv[1], 3)
class Word(str):
    pass
others = [(1,) * count for count in range(9)]
for mode in (), 1.5, object(), [], {}, b"r+", 1 << 3000, slice(1), sys, Word("w"), *range(2, 9), *others:
    for arguments, named in ((mode,), {}), ((), {"mode": mode}):
        try:
            shm_array.open(sys.argv[1], *arguments, **named)
        except (TypeError, ValueError):
            continue
        print(repr(mode))
"""
    assert run(program, name) == ""


def test_a_name_of_any_letters_is_an_error_and_no_crash(name):
    shm_array.create(name, 3)

    class Name(str):
        pass

    assert shm_array.open(Name(name)).shape == shm_array.open("shm://" + name).shape == (3,)
    for length in 200, 255, 256, 281, 282, 283, 290, 291, 292, 4096, 100_000:
        for letter in "x", "\u20ac", "/":
            with pytest.raises((OSError, ValueError)):
                shm_array.open(letter * length)
    for wrong in "", ".", "..", "a\ud800b", "a\udc80b", "a\0b", name + "\0", "/", "a/b", "\U0001f600":
        with pytest.raises((OSError, ValueError)):
            shm_array.open(wrong)
        with pytest.raises((OSError, ValueError)):
            shm_array.open(wrong, "r+")


def test_a_dtype_that_python_refuses_is_refused_as_it_is_there(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    shm_array.create(name, 3, ml_dtypes.bfloat16)
    before = mapped()
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(ml_dtypes, "bfloat16")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert shm_array.open(name).dtype == "V2"
        assert [each.filename for each in told] == [__file__]  # it is the caller who hears of it
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match="bare bytes"):
                shm_array.open(name)
    assert mapped() == before


def test_the_function_is_found_where_python_defines_it():
    assert shm_array.open.__module__ == "shm_array.array" and shm_array.open.__name__ == "open"
    assert pickle.loads(pickle.dumps(shm_array.open)) is shm_array.open
    assert "untracked" in inspect.signature(shm_array.open).parameters


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


def test_names_of_what_is_gone_are_looked_for_as_their_number_doubles_and_no_more_often(new_name):
    by_name = _opened._here["r+", False]
    by_name.clear()
    kept = []
    for _ in range(_opened.MANY - 1):
        kept.append(shm_array.create(new_name(), 1))
    name = new_name()
    other = shm_array.create(name, 1)
    del other, by_name[kept[0].name]
    by_name["gone"] = by_name[name]
    assert len(by_name) == _opened.MANY
    shm_array.open(name, "r+").close()
    assert "gone" in by_name  # there is no name more than before
    del by_name["gone"]
    shm_array.open(kept[0].name, "r+").close()
    assert len(by_name) == _opened.MANY - 1 and name not in by_name
    for array in kept:
        array.unlink()
    shm_array.unlink(name)


def test_an_array_with_two_names_is_there_as_long_as_one_of_them(new_name):
    first, second = new_name(), new_name()
    a = shm_array.create(first, 3, fill=1)
    os.link(f"/dev/shm/{first}", f"/dev/shm/{second}")
    b = shm_array.open(second, "r+")
    shm_array.unlink(first)
    c = shm_array.open(second, "r+")
    a[0] = 5
    assert b[0] == c[0] == 5
    with a.lock(), pytest.raises(TimeoutError):
        c.lock(timeout=0)
    for mode in "r", "r+":
        with pytest.raises(FileNotFoundError):
            shm_array.open(first, mode)
    other = shm_array.create(first, 2)
    assert shm_array.open(first, "r+").shape == (2,) and shm_array.open(second, "r+").shape == (3,)
    with pytest.raises(OSError):
        a.unlink()  # the name is another's
    os.replace(f"/dev/shm/{first}", f"/dev/shm/{second}")
    assert shm_array.open(second, "r+").shape == (2,)
    del other


def test_of_a_last_close_array_with_two_names_the_one_it_was_opened_by_goes(new_name):
    first, second = new_name(), new_name()
    a = shm_array.create(first, 3, lifetime="last-close", fill=1)
    os.link(f"/dev/shm/{first}", f"/dev/shm/{second}")
    del a
    with pytest.raises(FileNotFoundError):
        shm_array.open(first)
    assert shm_array.open(second, "r+").sum() == 3
    assert not os.path.exists(f"/dev/shm/{second}")


def test_an_ordinary_file_becomes_a_shared_array_under_the_same_name(name):
    np.save(f"/dev/shm/{name}.npy", np.arange(3.0))
    name = name + ".npy"
    try:
        before = shm_array.open(name)
        with pytest.raises(OSError):
            before.lock(timeout=0)
        with pytest.raises((OSError, ValueError)):
            shm_array.open(name, "r+")
        shm_array.open(name, "r+", adopt=True).close()
        after = shm_array.open(name, "r+")
        with after.lock(timeout=0):
            after[0] = 7
        assert before[0] == shm_array.open(name)[0] == 7 and shm_array.open(name).stat().slots > 0
    finally:
        os.unlink(f"/dev/shm/{name}")


def test_many_openings_of_every_sort_leave_nothing(new_name):
    name, last = new_name(), new_name()
    a = shm_array.create(name, 3)
    np.save(f"/dev/shm/{name}-plain", np.arange(3.0), allow_pickle=False)
    os.rename(f"/dev/shm/{name}-plain.npy", f"/dev/shm/{name}-plain")
    kept = shm_array.create(last, 3, lifetime="last-close")  # noqa: F841
    lock = a.lock()

    def fails(*arguments, **named):
        try:
            shm_array.open(*arguments, **named)
        except (OSError, ValueError, TypeError):
            return
        raise AssertionError(arguments)

    def once():
        shm_array.open(name).close()
        with shm_array.open(name, "r+") as b:
            b[0] += 1
        shm_array.open("shm://" + name, mode="r+")
        shm_array.open(name + "-plain")
        shm_array.open(last, "r+")
        fails(name + "-plain", "r+")
        fails(name + "-none"), fails(name, 1), fails(name, "w"), fails("a\0"), fails(1), fails(name, mode="x")
        fails("\ud800"), fails("x" * 1000), fails(last, id=bytes(16)), fails(name, "r", colour=1)
        try:
            with shm_array.open(name) as b:
                b.fileno()
                raise KeyError
        except KeyError:
            pass

    def measured():
        gc.collect()
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        return len(os.listdir("/proc/self/fd")), len(mapped()), sys.getallocatedblocks(), pages

    try:
        for _ in range(200):
            once()
        before = measured()
        for _ in range(MANY_OPENINGS):
            once()
        after = measured()
    finally:
        os.unlink(f"/dev/shm/{name}-plain")
    assert after[:2] == before[:2]
    assert after[2] - before[2] < MANY_OPENINGS // 2 and after[3] - before[3] < 1000
    lock.release()


@pytest.mark.parametrize("ways", [("r", "r"), ("r", "r+"), ("r+", "r+")])
def test_threads_open_and_close_one_name(new_name, ways):
    name, errors, rounds = new_name(), [], 300
    shm_array.create(name, 3)

    def work(mode):
        try:
            for i in range(rounds):
                with shm_array.open(name, mode) as b:
                    assert b.sum() >= 0
                    if mode == "r+":
                        with b.lock():
                            b[1] += 1
                    if i % 50 == 0 and mode == "r+":
                        os.unlink(f"/dev/shm/{name}")
                        shm_array.create(name, 3, exist_ok=True)
        except FileNotFoundError:
            pass  # between the two
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(mode,)) for mode in ways * 2]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == []
