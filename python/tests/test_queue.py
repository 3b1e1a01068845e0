"""Queues, pipes and parallel_for: multiprocessing's answers, arrays by handle, and no message lost by a kill."""

import asyncio
import ctypes
import multiprocessing
import multiprocessing.connection
import os
import pickle
import queue
import secrets
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from children import METHODS, ended, start
from conftest import PREFIX

import shm_array
from shm_array import _library
from shm_array._library import library


def echo(inbox, outbox):
    for item in inbox:
        outbox.put(item)


def put_many(outbox, first, count):
    for number in range(first, first + count):
        outbox.put(number, timeout=60)


def double(inbox, done):
    array = inbox.get(timeout=60)
    array *= 2
    done.put(type(array).__name__)


def length_of_next(inbox, answers, go):
    answers.put("here")
    go.wait(60)
    answers.put(len(inbox.get(timeout=60)))
    if hasattr(inbox, "task_done"):
        inbox.task_done()


def take_and_die(inbox):
    inbox.take(timeout=60)
    os.kill(os.getpid(), signal.SIGKILL)


def answer(connection):
    with connection:
        while True:
            try:
                connection.send(connection.recv())
            except EOFError:
                return


def send_and_die(connection):
    connection.send("last words")
    os.kill(os.getpid(), signal.SIGKILL)


def add_start(block, start):
    block += start
    return start, block.shape


def fail(block, start):
    raise ArithmeticError(start)


@pytest.mark.parametrize("method", METHODS)
def test_items_come_in_order(method):
    inbox, outbox = shm_array.Queue(), shm_array.Queue(8)
    process = start(method, echo, inbox, outbox)
    items = [1, "two", None, {"three": [4.0]}, b"x" * 10_000, np.arange(3000), (), *range(50)]
    for item in items:
        inbox.put(item)
    got = [outbox.get(timeout=60) for _ in items]
    np.testing.assert_array_equal(got.pop(5), items.pop(5))
    assert got == items
    inbox.shutdown()
    ended(process)


@pytest.mark.parametrize("method", METHODS)
def test_several_producers(method):
    inbox = shm_array.Queue(16)
    processes = [start(method, put_many, inbox, 1000 * index, 100) for index in range(2)]
    got = [inbox.get(timeout=60) for _ in range(200)]
    for process in processes:
        ended(process)
    assert sorted(got) == [*range(100), *range(1000, 1100)]
    assert [number for number in got if number < 1000] == list(range(100))
    assert inbox.empty()


@pytest.mark.parametrize("method", METHODS)
def test_arrays_go_by_handle(method, name):
    array = shm_array.create(name, (3, 1000), fill=1)
    inbox, done = shm_array.Queue(), shm_array.Queue()
    process = start(method, double, inbox, done)
    inbox.put(array[1])
    assert done.get(timeout=60) == "Array"
    ended(process)
    assert array.sum(1).tolist() == [1000, 2000, 1000]


def test_full_and_empty_as_in_the_standard_library():
    q = shm_array.Queue(2)
    for attempt in (q.get_nowait, lambda: q.get(timeout=0.02), lambda: q.get(True, -1), lambda: q.take(False)):
        with pytest.raises(queue.Empty):
            attempt()
    q.put(1)
    assert (q.qsize(), q.empty(), q.full(), q.maxsize) == (1, False, False, 2)
    q.put_nowait(2)
    assert q.full()
    for attempt in (lambda: q.put_nowait(3), lambda: q.put(3, timeout=0.02), lambda: q.put(b"x" * 5000, False)):
        with pytest.raises(queue.Full):
            attempt()
    assert [q.get(), q.get_nowait()] == [1, 2]
    q.join_thread()
    q.close()
    with pytest.raises(ValueError, match="closed"):
        q.put(1)


def test_long_items_leave_nothing(monkeypatch):
    monkeypatch.setattr(secrets, "token_hex", lambda count: f"pytest-{os.getpid()}")
    place = Path(f"/dev/shm/shm_array.item.pytest-{os.getpid()}")
    q = shm_array.Queue(1)
    q.put(b"x" * 100_000)
    assert place.exists()
    with pytest.raises(queue.Full):
        with monkeypatch.context() as context:
            context.setattr(secrets, "token_hex", lambda count: f"pytest-{os.getpid()}-2")
            q.put(b"y" * 100_000, False)
    assert not place.with_name(place.name + "-2").exists()
    assert q.get() == b"x" * 100_000
    assert not place.exists()


def test_a_finished_queue():
    q = shm_array.Queue()
    q.put(1)
    q.shutdown()
    with pytest.raises(shm_array.ShutDown):
        q.put(2)
    assert q.get() == 1
    with pytest.raises(shm_array.ShutDown):
        q.get(timeout=60)
    assert issubclass(shm_array.ShutDown, getattr(queue, "ShutDown", Exception))


def test_a_queue_of_records():
    point = np.dtype([("x", "f8"), ("n", "i4")])
    q = shm_array.Queue(4, dtype=point)
    q.put((1.5, 2))
    q.put(np.array([(2.5, 3), (3.5, 4)], point))
    got = q.get()
    assert got.dtype == point and got.tolist() == [(1.5, 2)]
    with q.take() as taken:
        assert taken.item["n"].tolist() == [3, 4] and len(taken.bytes) == 24


def test_priorities_and_bytes():
    q = shm_array.Queue(priorities=2, spsc=False)
    q.send_bytes(b"later")
    q.send_bytes(bytearray(b"sooner"), priority=1)
    assert [q.recv_bytes(), q.recv_bytes(timeout=1)] == [b"sooner", b"later"]
    q.send_bytes(b"x" * 2000)
    assert q.recv_bytes() == b"x" * 2000


@pytest.mark.parametrize("method", METHODS)
def test_arrays_for_any_language(method, new_name):
    q, done = shm_array.Queue(name=new_name()), shm_array.Queue()
    array = shm_array.create(new_name(), (3, 4), fill=2, lifetime="last-close")
    name = array.name
    q.put_array(array)
    q.put_array(array)
    with pytest.raises(ValueError, match="view"):
        q.put_array(array[1:])
    del array  # it waits in the queue
    got = q.get_array(mode="r+")
    assert got.tolist() == [[2.0] * 4] * 3 and got.name == name
    process = start(method, double, q, done)  # receives it to read, by get()
    process.join(60)
    assert process.exitcode == 1
    q.put("no array")
    with pytest.raises(OSError, match="array"):
        q.get_array()
    with pytest.raises(queue.Empty):
        (q.get(), q.get_array(timeout=0.02))
    del got
    assert not Path("/dev/shm", name).exists()


def test_batches():
    q = shm_array.Queue(10)
    assert q.put_many(range(4)) == 4 and q.put_many([]) == 0
    assert q.put_many(["a"] * 20) == 6  # as many as there is room for
    with pytest.raises(queue.Full):
        q.put_many([1], False)
    assert q.get_many(3) == [0, 1, 2]
    assert q.get_many(100) == [3] + ["a"] * 6
    with pytest.raises(queue.Empty):
        q.get_many(3, timeout=0.02)
    with pytest.raises(ValueError, match="5018"):
        q.put_many([1, b"x" * 5000])
    q.put(b"x" * 5000)
    q.put(2)
    assert q.get_many(5) == [b"x" * 5000] and q.get_many(5) == [2]


def test_items_are_filled_in_place():
    q = shm_array.Queue(4, dtype="f8", priorities=2)
    with q.reserve(3) as elements:
        elements[:] = [1, 2, 3]
        assert q.empty()
    with q.reserve(1, priority=1) as elements:
        elements[:] = 7
    with pytest.raises(ArithmeticError):
        with q.reserve(2):
            raise ArithmeticError
    assert [q.get().tolist(), q.get().tolist()] == [[7], [1, 2, 3]]
    with pytest.raises(ValueError, match="item_bytes"):
        q.reserve(1000)
    plain = shm_array.Queue(1)
    with plain.reserve(5) as data:
        data[:] = bytearray(b"abcde")
    with pytest.raises(queue.Full):
        plain.reserve(5, timeout=0.02).__enter__()
    assert plain.recv_bytes() == b"abcde"


def test_what_was_filled_is_others_afterwards():
    q = shm_array.Queue(4)
    with q.reserve(3) as data:
        data[:] = 65
    with pytest.raises(ValueError, match="read-only"):
        data[:] = 66
    assert q.recv_bytes() == b"AAA"
    with pytest.raises(ArithmeticError), q.reserve(3) as data:
        raise ArithmeticError
    with pytest.raises(ValueError, match="read-only"):
        data[:] = 66


def test_bytes_of_an_item_outlive_the_queue(run):
    program = """
import shm_array
q = shm_array.Queue()
q.send_bytes(b"hello")
with q.take() as taken:
    data = taken.bytes
del taken
q.close()
del q
print(len(bytes(data)))
"""
    assert run(program) == "5\n"


def test_what_lies_in_a_queue_goes_with_who_ends_in_the_middle_of_an_item(run, name):
    program = """
import secrets, sys, shm_array
secrets.token_hex = sys.argv[1].format
q = shm_array.Queue()
q.put("hello")
q.put(b"x" * 5000)
taken = q.take()
"""
    run(program, name)
    assert items() == []


class Broken:
    """Can be pickled, and not unpickled."""

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return _broken, (self.number,)


def _broken(number):
    raise LookupError(f"broken {number}")


def test_what_cannot_be_unpickled_takes_no_others_with_it():
    q = shm_array.Queue(10)
    q.put_many([0, 1, Broken(2), 3, Broken(4)])
    assert q.get_many(10) == [0, 1, 3]
    q.put_many([Broken(6), Broken(7)])
    for number in (2, 4, 6, 7):
        with pytest.raises(LookupError, match=f"broken {number}"):
            q.get_many(10)
    q.put(8)
    assert q.get_many(10) == [8]


def test_batches_of_none():
    q = shm_array.Queue()
    q.put(1)
    assert q.get_many(0) == []
    for most in (-1, 2**64):
        with pytest.raises(ValueError, match=f"most is {most}"):
            q.get_many(most)
    with pytest.raises(TypeError):
        q.get_many(1.5)
    assert q.get_many(2) == [1]


def test_bytes_are_sent_of_buffers_only():
    q = shm_array.Queue()
    for data in (5, "text", [1, 2], None):
        with pytest.raises(TypeError):
            q.send_bytes(data)
    assert q.empty()
    for data in (b"ab", bytearray(b"ab"), memoryview(b"aXb")[::2], np.frombuffer(b"ab", "u1")):
        q.send_bytes(data)
        assert q.recv_bytes() == b"ab"


@pytest.mark.parametrize("kind", [shm_array.Queue, shm_array.JoinableQueue])
def test_numbers_that_are_none_of_c(kind):
    for options in ({"maxsize": 2.0}, {"maxsize": "2"}, {"item_bytes": 100.0}, {"priorities": 1.5}):
        with pytest.raises(TypeError):
            kind(**options)
    for options in ({"maxsize": 2**64 + 3}, {"item_bytes": -1}, {"item_bytes": 2**64 + 128}, {"priorities": 2**32 + 1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            kind(**options)
    assert kind(-1).maxsize == 4096
    q = kind(np.int64(3), item_bytes=np.uint16(200), priorities=np.int8(2))
    assert (q.maxsize, q.item_bytes) == (3, 200)
    ways = (
        lambda priority: q.put(1, priority=priority),
        lambda priority: q.put(b"x" * 1000, priority=priority),
        lambda priority: q.send_bytes(b"x", priority=priority),
        lambda priority: q.put_many([1], priority=priority),
        lambda priority: q.put_array(shm_array.zeros(3), priority=priority),
        lambda priority: q.reserve(1, priority=priority).__enter__(),
        lambda priority: asyncio.run(q.put_async(1, priority=priority)),
    )
    for way in ways:
        for priority in (1.5, "1", 0.0, None):
            with pytest.raises(TypeError):
                way(priority)
        for priority in (2**32, -1):
            with pytest.raises(ValueError, match="priority"):
                way(priority)
    assert q.empty()
    q.put(1, priority=np.int64(1))
    assert q.get() == 1


@pytest.mark.parametrize("method", METHODS)
def test_what_a_killed_consumer_had_taken_comes_again(method):
    q = shm_array.Queue()
    q.put("work")
    ended(start(method, take_and_die, q), -signal.SIGKILL)
    with q.take(timeout=60) as taken:
        assert (taken.item, taken.again) == ("work", True)
    q.put("more work")
    with pytest.raises(KeyError), q.take() as taken:
        raise KeyError
    with q.take() as taken:
        assert (taken.item, taken.again) == ("more work", True)
        taken.release()
        with pytest.raises(ValueError, match="released"):
            taken.item
    assert q.empty()


def test_queues_by_name_and_by_reference(name):
    first = shm_array.Queue(5, name=name, item_bytes=200)
    second, third = shm_array.Queue.open(name), pickle.loads(pickle.dumps(shm_array.by_reference(first)))
    first.put("a")
    second.put("b")
    assert [third.get(), third.get()] == ["a", "b"]
    assert (third.maxsize, third.item_bytes, third.name) == (5, 200, name)
    first.unlink()
    with pytest.raises(FileNotFoundError):
        shm_array.Queue.open(name)


def test_names_in_another_directory(tmp_path, monkeypatch, name):
    monkeypatch.setenv("SHM_ARRAY_DIR", str(tmp_path))
    first = shm_array.Queue(name=f"file://{tmp_path}/{name}")
    second = pickle.loads(pickle.dumps(shm_array.by_reference(first)))
    first.put("a")
    assert second.get() == "a"
    first.unlink()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("duplex", [True, False])
def test_pipes(method, duplex):
    one, other = shm_array.Pipe(duplex)
    assert (one.readable, one.writable, other.readable, other.writable) == (True, duplex, duplex, True)
    if duplex:
        process = start(method, answer, other)
        for message in [1, "two", b"x" * 200_000, list(range(1000))]:
            one.send(message)
            assert one.recv() == message
        other.close()
        one._writer.close()
        ended(process)
    else:
        ended(start(method, send_and_die, other), -signal.SIGKILL)
        other.close()
        assert one.poll(60)
        assert one.recv() == "last words"
    assert one.poll(60)
    with pytest.raises(EOFError):
        one.recv_bytes()


def test_messages_of_bytes():
    one, other = shm_array.Pipe()
    for message in [b"", b"x", bytes(60_000)]:
        one.send_bytes(message)
        assert other.recv_bytes() == message
    one.send_bytes(np.arange(4, dtype="u1"), 1, 2)
    assert other.recv_bytes(2) == b"\1\2"
    one.send_bytes(b"abc")
    with pytest.raises(OSError, match="longer than maxlength"):
        other.recv_bytes(2)
    with pytest.raises(ValueError):
        one.send_bytes(b"abc", 4)
    other.close()
    assert other.closed
    with pytest.raises(BrokenPipeError):
        for _ in range(100):
            one.send_bytes(bytes(1000))
    with pytest.raises(OSError, match="closed"):
        other.recv()


def test_a_pipe_can_be_polled():
    one, other = shm_array.Pipe()
    assert other.poll() is False and other.poll(0.01) is False
    wait = multiprocessing.connection.wait
    assert wait([other], 0.01) == []
    threading.Timer(0.05, one.send, ["a"]).start()
    assert wait([other], 60) == [other]
    one.send("b")
    assert other.recv() == "a"
    assert wait([other], 60) == [other]
    assert other.recv() == "b"
    assert wait([other], 0.01) == []
    one.close()
    assert wait([other], 60) == [other]
    with pytest.raises(EOFError):
        other.recv()


@pytest.mark.parametrize("axis", [2, -3])
def test_parallel_for_along_an_axis_that_is_not_there(axis, name):
    array = shm_array.create(name, (10, 7))
    with pytest.raises(IndexError, match=f"axis is {axis}, and the array has 2 dimensions"):
        shm_array.parallel_for(array, add_start, axis, workers=1)
    assert not array.any()


@pytest.mark.parametrize("workers", [0, -1])
def test_parallel_for_by_nobody(workers, name):
    with pytest.raises(ValueError, match=f"workers is {workers}"):
        shm_array.parallel_for(shm_array.create(name, 10), add_start, workers=workers)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_parallel_for(name, axis):
    array = shm_array.create(name, (10, 7), "i8")
    seen = []
    results = shm_array.parallel_for(array, add_start, axis, workers=2, progress=lambda *done: seen.append(done))
    length = array.shape[axis]
    starts = [start for start, _ in results]
    assert starts == sorted(starts) and sum(shape[axis] for _, shape in results) == length
    assert seen[-1] == (length, length)
    lanes = np.asarray(array) if axis == 0 else array.T
    expected = [max(start for start in starts if start <= row) for row in range(length)]
    assert all((row == value).all() for row, value in zip(lanes, expected))


def test_parallel_for_raises_what_a_call_raises(name):
    array = shm_array.create(name, 10)
    with pytest.raises(ArithmeticError):
        shm_array.parallel_for(array, fail, workers=1)
    assert shm_array.parallel_for(array[:0], fail, workers=1) == []


def test_room_whose_commit_is_refused_is_others_again():
    queue = shm_array.Queue(1)
    with pytest.raises(ValueError):
        with queue.reserve(4, priority=5) as room:
            room[:] = 1
    queue.put("there is room", block=False)
    assert queue.get() == "there is room"


LONG = b"long" * 1000


@pytest.fixture
def items_are_seen(new_name, monkeypatch):
    """Arrays in which long items travel have names of this test: what is left of them fails it."""
    monkeypatch.setattr(secrets, "token_hex", lambda count: new_name())


@pytest.mark.parametrize("kind", [shm_array.Queue, shm_array.JoinableQueue])
@pytest.mark.parametrize("item_bytes", [1, 16, 128, 1024])
def test_long_items_travel_whatever_the_room_of_one_is(kind, item_bytes, items_are_seen):
    q = kind(4, item_bytes=item_bytes)
    for send, receive in ((q.put, q.get), (q.send_bytes, q.recv_bytes)):
        for item in (LONG, b"short", b"x" * q.item_bytes, b"x" * (q.item_bytes + 1)):
            send(item)
            assert receive() == item
            if kind is shm_array.JoinableQueue:
                q.task_done()
    q.put(LONG)
    assert pickle.loads(q.recv_bytes()) == LONG
    q.send_bytes(pickle.dumps(LONG))
    assert q.get() == LONG
    if kind is shm_array.JoinableQueue:
        q.task_done(), q.task_done()
        assert q.join(timeout=5)


def test_a_long_item_that_finds_no_room_leaves_nothing(items_are_seen):
    for full in (shm_array.Queue(1), shm_array.JoinableQueue(1)):
        full.put(1)
        for send in (full.put, full.send_bytes):
            with pytest.raises(queue.Full):
                send(LONG, timeout=0.01)


def test_a_queue_of_others_with_less_room_than_a_handle_says_so(name):
    options = _library.ObjectOptions(size=ctypes.sizeof(_library.ObjectOptions))
    handle = _library.QueueHandle()
    code = library.shm_queue_create(name.encode(), 4, 32, None, 1, 0, options, ctypes.byref(handle))
    assert code == 0
    q = shm_array.Queue.open(name)
    q.put(1)
    for send in (q.put, q.send_bytes):
        with pytest.raises(ValueError, match="item_bytes, 32, .* with item_bytes of 128 or more"):
            send(LONG)
    assert q.get() == 1


def test_a_queue_of_elements_refuses_what_is_too_long_in_words():
    q = shm_array.Queue(4, dtype="f8", item_bytes=16)
    assert q.item_bytes == 16
    with pytest.raises(OSError, match="24"):
        q.put([1.0, 2.0, 3.0])


def items():
    """Arrays of this test in which long items lie."""
    return [path.name for path in Path("/dev/shm").glob(f"shm_array.item.{PREFIX}*")]


KINDS = [shm_array.Queue, shm_array.JoinableQueue]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", [lambda q: q.close(), lambda q: None], ids=["close", "del"])
def test_what_nobody_has_received_goes_with_the_queue(kind, end, items_are_seen):
    q = kind(8)
    q.put(LONG), q.put("short"), q.put(LONG), q.send_bytes(LONG)
    if kind is shm_array.JoinableQueue:
        assert q.get() == LONG  # and it is not done
    assert len(items()) == 3
    end(q)
    del q
    assert not items()


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_has_received_stays_as_long_as_somebody_can(kind, name, items_are_seen):
    q = kind(8, name=name)
    q.put(LONG)
    q.close()
    assert len(items()) == 1  # it has a name
    q, other = kind.open(name), kind.open(name)
    q.unlink()
    q.close()
    assert len(items()) == 1  # and one who has it open
    other.close()
    assert not items()


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_user_takes_along_what_is_left(kind, name, items_are_seen):
    q = kind(8, name=name, lifetime="last-close")
    other = kind.open(name)
    q.put(LONG)
    q.close()
    assert len(items()) == 1 and other.qsize() == 1
    other.close()
    assert not items() and not shm_array.exists(name)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_another_process_is_somebody(kind, method, items_are_seen):
    q, answers, go = kind(8), shm_array.Queue(), shm_array.Event()
    q.put(LONG)
    child = start(method, length_of_next, q, answers, go)
    assert answers.get(timeout=60) == "here"
    q.close()
    assert len(items()) == 1
    go.set()
    assert answers.get(timeout=60) == len(LONG)
    ended(child)
    assert not items()


def test_an_array_that_was_sent_and_not_received_goes_too(name):
    q = shm_array.Queue()
    q.put_array(shm_array.create(name, 3, lifetime="last-close"))
    assert shm_array.exists(name)
    q.close()
    assert not shm_array.exists(name)
