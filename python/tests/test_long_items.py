"""Items of queues that are longer than `item_bytes`: they travel in arrays, of which nothing is left."""

import ctypes
import pickle
import queue

import pytest
from children import METHODS, ended, start

import shm_array
from shm_array import _library
from shm_array._library import library

KINDS = [shm_array.Queue, shm_array.JoinableQueue]
LONG = b"long" * 1000


def length_of_next(inbox, answers, go):
    answers.put("here")
    go.wait(60)
    answers.put(len(inbox.get(timeout=60)))
    if hasattr(inbox, "task_done"):
        inbox.task_done()


def test_long_items_leave_nothing(long_items):
    q = shm_array.Queue(1)
    q.put(b"x" * 100_000)
    there = long_items()
    assert len(there) == 1
    with pytest.raises(queue.Full):
        q.put(b"y" * 100_000, False)
    assert long_items() == there
    assert q.get() == b"x" * 100_000
    assert not long_items()


def test_what_lies_in_a_queue_goes_with_who_ends_in_the_middle_of_an_item(run, name, long_items):
    program = """
import secrets, sys, shm_array
secrets.token_hex = sys.argv[1].format
q = shm_array.Queue()
q.put("hello")
q.put(b"x" * 5000)
taken = q.take()
"""
    run(program, name)
    assert long_items() == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("item_bytes", [1, 16, 128, 1024])
def test_long_items_travel_whatever_the_room_of_one_is(kind, item_bytes, long_items):
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


def test_a_long_item_that_finds_no_room_leaves_nothing(long_items):
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", [lambda q: q.close(), lambda q: None], ids=["close", "del"])
def test_what_nobody_has_received_goes_with_the_queue(kind, end, long_items):
    q = kind(8)
    q.put(LONG), q.put("short"), q.put(LONG), q.send_bytes(LONG)
    if kind is shm_array.JoinableQueue:
        assert q.get() == LONG  # and it is not done
    assert len(long_items()) == 3
    end(q)
    del q
    assert not long_items()


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_has_received_stays_as_long_as_somebody_can(kind, name, long_items):
    q = kind(8, name=name)
    q.put(LONG)
    q.close()
    assert len(long_items()) == 1  # it has a name
    q, other = kind.open(name), kind.open(name)
    q.unlink()
    q.close()
    assert len(long_items()) == 1  # and one who has it open
    other.close()
    assert not long_items()


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_user_takes_along_what_is_left(kind, name, long_items):
    q = kind(8, name=name, lifetime="last-close")
    other = kind.open(name)
    q.put(LONG)
    q.close()
    assert len(long_items()) == 1 and other.qsize() == 1
    other.close()
    assert not long_items() and not shm_array.exists(name)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_another_process_is_somebody(kind, method, long_items):
    q, answers, go = kind(8), shm_array.Queue(), shm_array.Event()
    q.put(LONG)
    child = start(method, length_of_next, q, answers, go)
    assert answers.get(timeout=60) == "here"
    q.close()
    assert len(long_items()) == 1
    go.set()
    assert answers.get(timeout=60) == len(LONG)
    ended(child)
    assert not long_items()


def test_an_array_that_was_sent_and_not_received_goes_too(name):
    q = shm_array.Queue()
    q.put_array(shm_array.create(name, 3, lifetime="last-close"))
    assert shm_array.exists(name)
    q.close()
    assert not shm_array.exists(name)
