"""Queues: multiprocessing's answers, arrays by handle, and no message lost by a kill."""

import asyncio
import collections
import copyreg
import os
import pickle
import queue
import signal
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
from children import METHODS, ended, start

import shm_array


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


def take_and_die(inbox):
    inbox.take(timeout=60)
    os.kill(os.getpid(), signal.SIGKILL)


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


class Counted(dict):
    """A dict, and more than that."""

    def __reduce__(self):
        return Counted, (dict(self, length=len(self)),)


class Registered:
    pass


Pair = collections.namedtuple("Pair", "first second")


def test_an_item_is_what_it_was():
    deep = []
    for _ in range(300):
        deep = [deep]
    items = [
        {"step": 17, "loss": 0.25, "tags": ("a", b"b", None, True, 1, 1.0, 2**99), 3: [{}, [], ()]},
        "\ud800",
        list(range(99)), list(range(1000)), dict.fromkeys(range(60)), deep,
        {1, 2}, Pair([1], {}), [Pair(1, 2)], collections.OrderedDict(b=1, a=2), {"in": Counted(a=1)},
    ]  # fmt: skip
    queue, (end, other) = shm_array.Queue(), shm_array.Pipe()
    for item in items:
        queue.put(item)
        end.send(item)
        expected = pickle.loads(pickle.dumps(item))
        for got in queue.get(), other.recv():
            assert got == expected and repr(got) == repr(expected)  # True is no 1, and a Pair no tuple
    assert expected == {"in": {"a": 1, "length": 1}}


def test_an_item_may_contain_itself():
    item, queue = [1, {}], shm_array.Queue()
    item[1]["me"] = item
    queue.put(item)
    got = queue.get()
    assert got[0] == 1 and got[1]["me"] is got


def test_arrays_are_handed_over_however_deep_they_lie():
    array, queue, (end, other) = shm_array.zeros(4), shm_array.Queue(), shm_array.Pipe()
    item = {"batch": [("x", {"array": array})], **dict.fromkeys(range(200))}
    queue.put(item)
    end.send([[array]])
    for got in queue.get()["batch"][0][1]["array"], other.recv()[0][0]:
        got += 1
    assert array.tolist() == [2] * 4


def test_reducers_count_from_when_they_are_registered():
    queue = shm_array.Queue()
    queue.put([Registered()])
    assert isinstance(queue.get()[0], Registered)
    try:
        for register in copyreg.pickle, ForkingPickler.register:  # the second is asked before the first
            register(Registered, lambda _, name=register.__name__: (str, (name,)))
            queue.put([Registered()])
            assert queue.get() == [register.__name__]
    finally:
        for registered in copyreg.dispatch_table, ForkingPickler._extra_reducers:
            registered.pop(Registered, None)


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


def test_room_whose_commit_is_refused_is_others_again():
    queue = shm_array.Queue(1)
    with pytest.raises(ValueError):
        with queue.reserve(4, priority=5) as room:
            room[:] = 1
    queue.put("there is room", block=False)
    assert queue.get() == "there is room"


def test_a_queue_of_elements_refuses_what_is_too_long_in_words():
    q = shm_array.Queue(4, dtype="f8", item_bytes=16)
    assert q.item_bytes == 16
    with pytest.raises(OSError, match="24"):
        q.put([1.0, 2.0, 3.0])
