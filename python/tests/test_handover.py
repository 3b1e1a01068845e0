"""Arrays are handed to other processes as tickets: the same memory arrives, or an error in words."""

import concurrent.futures
import errno
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
from conftest import PACKAGE, mapped

import shm_array
from shm_array import _handover

METHODS = multiprocessing.get_all_start_methods()

VIEWS = {
    "whole": lambda a: a,
    "slice": lambda a: a[1:, ::2],
    "row": lambda a: a[2],
    "transpose": lambda a: a.T,
    "backwards": lambda a: a[::-1, ::-2],
    "broadcast": lambda a: np.broadcast_to(a[0], (7, 6), subok=True),
    "element of no axes": lambda a: a[1, 2, ...],
    "nothing": lambda a: a[3:3],
    "other dtype": lambda a: a.view("i8"),
    "part of elements": lambda a: a.view([("low", "<u4"), ("high", "<u4")])["high"],
}


def describe(array):
    """What a receiver sees, and a trace that it leaves."""
    seen = type(array).__name__, array.shape, array.strides, array.dtype.str, array.tolist(), array.flags.writeable
    if array.size and array.flags.writeable and array.dtype.kind == "f":
        array += 100
    return seen


def double(array):
    with array.lock():
        array *= 2


def send_back(array):
    return array[1:]


def first(array):
    return array[0]


def answer(connection, queue):
    array = queue.get()
    array += 1
    connection.send(array[::2])
    connection.recv()


def make_and_end(name, queue):
    array = shm_array.create(name, 3, fill=5, lifetime="last-close")
    queue.put(array)
    queue.close()
    queue.join_thread()


@pytest.fixture
def a(name):
    a = shm_array.create(name, (4, 6))
    a[...] = np.arange(24).reshape(4, 6)
    return a


def sent_and_received(array):
    """Through multiprocessing's pickler, in this process."""
    return pickle.loads(ForkingPickler.dumps(array))


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_views_arrive_as_they_were_over_the_same_memory(a, view):
    sent = view(a)
    arrived = sent_and_received(sent)
    assert type(arrived) is shm_array.Array
    assert (arrived.shape, arrived.strides, arrived.dtype) == (sent.shape, sent.strides, sent.dtype)
    assert arrived.tolist() == sent.tolist() and arrived.flags.writeable == sent.flags.writeable
    if sent.size and sent.flags.writeable:
        arrived[...] = 9
        assert (sent == 9).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_gets_tickets(a, method):
    expected = [describe(np.array(v).view()) for v in (a, a[1:, ::2], a.T)]
    with multiprocessing.get_context(method).Pool(1) as pool:
        seen = pool.map(describe, [a, a[1:, ::2], a.T], chunksize=1)
    assert [s[0] for s in seen] == ["Array"] * 3
    assert seen[0][4] == expected[0][4] and seen[1][1:3] == ((3, 3), (48, 16))
    assert a[0, 1] == 1 + 200 and a[1, 0] == 6 + 300


@pytest.mark.parametrize("method", METHODS)
def test_concurrent_futures_there_and_back(a, method):
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        list(executor.map(double, [a, a[0]]))
        back = executor.submit(send_back, a).result()
    assert type(back) is shm_array.Array and np.shares_memory(back, sent_and_received(a))
    assert a[0, 1] == 4 and a[3, 5] == 46


@pytest.mark.parametrize("method", METHODS)
def test_process_arguments_queues_and_pipes(a, method):
    context = multiprocessing.get_context(method)
    here, there = context.Pipe()
    queue = context.Queue()
    process = context.Process(target=answer, args=(there, queue))
    process.start()
    queue.put(a)
    back = here.recv()
    assert back.tolist() == (np.arange(24.0).reshape(4, 6) + 1)[::2].tolist() == a[::2].tolist()
    here.send("seen")
    process.join()
    process = context.Process(target=double, args=(a[1:],))
    process.start()
    process.join()
    assert process.exitcode == 0 and a[0, 0] == 1 and a[1, 0] == 14


@pytest.mark.parametrize("method", METHODS)
def test_anonymous_arrays_travel_as_descriptors(method):
    a = shm_array.asarray(np.arange(6.0))
    context = multiprocessing.get_context(method)
    process = context.Process(target=double, args=(a[::2],))
    process.start()
    process.join()
    assert process.exitcode == 0
    with context.Pool(1) as pool:
        pool.map(double, [a, a[::-1]])
    assert a.tolist() == [0, 4, 16, 12, 32, 20]


def test_an_unlinked_array_travels_as_a_descriptor(a):
    a.unlink()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(double, (a[:1],))
    assert a[0].tolist() == [0, 2, 4, 6, 8, 10]


def test_a_ticket_has_a_few_hundred_bytes(new_name):
    a = shm_array.create("x" * 60 + new_name(), (1000, 1000), "f4")
    assert len(ForkingPickler.dumps(a[::2, 1:])) < 400
    assert len(pickle.dumps(shm_array.by_reference(a[::2]))) < 500
    assert len(pickle.dumps(a)) > a.nbytes
    a.unlink()


def test_by_reference_reaches_into_whatever_holds_arrays(a):
    text = pickle.dumps(shm_array.by_reference({"a": [a, a[1:]], "plain": np.ones(3), "none": None}))
    for _ in range(2):  # it may be read more than once
        got = pickle.loads(text)
        assert np.shares_memory(got["a"][0], got["a"][1]) and type(got["plain"]) is np.ndarray
        got["a"][0][0, 0] += 1
    assert a[0, 0] == 2
    got = pickle.loads(pickle.dumps(shm_array.by_reference(a)))
    assert type(got) is shm_array.Array and got.name == a.name
    with pytest.raises(ValueError, match="without a name"):
        pickle.dumps(shm_array.by_reference(shm_array.zeros(3)))


def test_a_plain_pickle_carries_the_elements(a, tmp_path):
    with open(tmp_path / "a.pickle", "wb") as file:
        pickle.dump({"a": a}, file)
    a[...] = 0
    a.unlink()
    with open(tmp_path / "a.pickle", "rb") as file:
        assert pickle.load(file)["a"][3, 5] == 23


def test_modes_and_protection_travel(name):
    a = shm_array.create(name, 3, fill=1)
    reader = sent_and_received(shm_array.open(name))
    with pytest.raises(ValueError):
        reader.flags.writeable = True
    protected = a[:]
    protected.flags.writeable = False
    arrived = sent_and_received(protected)
    assert not arrived.flags.writeable
    arrived.flags.writeable = True
    private = shm_array.open(name, "c")
    private += 1
    copied = sent_and_received(private)
    assert copied.tolist() == [2, 2, 2] and type(copied) is np.ndarray
    untracked = sent_and_received(shm_array.open(name, "r+", untracked=True))
    untracked[0] = 7
    assert a[0] == 7
    with pytest.raises(OSError, match="(?i)untracked"):
        untracked.lock()


def test_private_arrays_of_the_class_travel_as_elements(a):
    got = sent_and_received(a[[0, 2]])
    assert got.tolist() == a[::2].tolist() and not np.shares_memory(got, a)


def test_tickets_for_what_is_open_here_need_no_second_mapping(a):
    before = len(mapped())
    arrived = [sent_and_received(a[i]) for i in range(4)]
    assert len(mapped()) == before
    arrived[0].close()  # an opening of its own all the same
    assert not a.closed
    with a.lock():
        pass


def test_files_and_ordinary_npy_files_travel(tmp_path):
    shared = shm_array.create(tmp_path / "shared.npy", 3, fill=1)
    np.save(tmp_path / "ordinary.npy", np.arange(3))
    ordinary = shm_array.open(tmp_path / "ordinary.npy")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(double, (shared,))
        assert pool.apply(first, (ordinary[2:],)) == 2
    assert shared.tolist() == [2, 2, 2]


# --- what cannot arrive


def ticket_of(array):
    return bytes(ForkingPickler.dumps(array))


def assert_arrival_fails(text, words, run):
    """In a fresh process, where nothing is open yet: any use says why."""
    program = """
import pickle, sys
got = pickle.loads(bytes.fromhex(sys.argv[1]))
import shm_array
for use in (lambda: got[0], lambda: got.shape, lambda: len(got), lambda: got + 1, lambda: got.lock(), lambda: not got):
    try:
        use()
    except shm_array.ArrivalError as error:
        words = str(error)
    else:
        raise SystemExit("it was usable")
print(words, repr(got))
"""
    output = run(program, bytes(text).hex())
    assert words in output, output


def test_an_array_that_was_unlinked_on_its_way(a, name, run):
    text = ticket_of(a)
    a.unlink()
    assert_arrival_fails(text, "No such file", run)


def test_a_name_that_was_used_again(a, name, run):
    text = ticket_of(a)
    a.unlink()
    shm_array.create(name, (4, 6))
    assert_arrival_fails(text, "another array by now", run)


def test_a_copy_of_the_file_is_not_the_file(tmp_path, run):
    a = shm_array.create(tmp_path / "a.npy", 3)
    text = ticket_of(a)
    shutil.copy(tmp_path / "a.npy", tmp_path / "copy.npy")
    os.replace(tmp_path / "copy.npy", tmp_path / "a.npy")
    assert_arrival_fails(text, "a copy of it", run)


def test_an_ordinary_file_that_was_replaced(tmp_path, run):
    np.save(tmp_path / "a.npy", np.zeros(3))
    a = shm_array.open(tmp_path / "a.npy")
    text = ticket_of(a)
    np.save(tmp_path / "b.npy", np.zeros(3))
    os.replace(tmp_path / "b.npy", tmp_path / "a.npy")
    assert_arrival_fails(text, "another file's by now", run)


def test_another_machine(a, monkeypatch, run):
    monkeypatch.setattr(_handover, "boot_id", lambda: bytes(16))
    text = ticket_of(a)
    assert_arrival_fails(text, "another machine", run)
    with pytest.raises(shm_array.ArrivalError):
        monkeypatch.setattr(_handover, "boot_id", lambda: bytes(15) + b"1")
        _handover.arrive(_handover._ticket(a, _handover.opened_of(a), False)._replace(boot=bytes(16)))


def test_another_container(a, name):
    text = pickle.dumps(shm_array.by_reference(a)).hex()
    script = f'mount -t tmpfs none /dev/shm && exec {sys.executable} -c "$PROGRAM"'
    program = f"import pickle; pickle.loads(bytes.fromhex('{text}'))"
    environment = {**os.environ, "PYTHONPATH": PACKAGE, "PROGRAM": program}
    unshare = ["unshare", "--user", "--map-root-user", "--mount"] if os.geteuid() else ["unshare", "--mount"]
    if subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "/dev/shm"], capture_output=True).returncode:
        pytest.skip("needs root, or user namespaces, to see another /dev/shm")
    ended = subprocess.run([*unshare, "sh", "-c", script], env=environment, capture_output=True, text=True)
    assert "ArrivalError" in ended.stderr and "another container" in ended.stderr, ended.stderr


def test_an_array_that_was_made_smaller(name):
    a = shm_array.create(name, (4, 2), capacity=10)
    text = ticket_of(a[3:])
    with a.lock() as held:
        held.resize(2)
    del held
    with pytest.raises(shm_array.ArrivalError, match="smaller"):
        pickle.loads(text)[0]


def test_a_descriptor_whose_array_was_made_smaller():
    a = shm_array.create(None, (4, 2), capacity=10)
    text = ticket_of(a[3:])
    with a.lock() as held:
        held.resize(2)
    del held
    got = pickle.loads(text)
    with pytest.raises(shm_array.ArrivalError, match="smaller"):
        got.sum()


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_is_told_and_does_not_hang(new_name, method):
    gone, kept = shm_array.create(new_name(), 3), shm_array.create(new_name(), 3, fill=2)
    text = shm_array.open(gone.name)
    with multiprocessing.get_context(method).Pool(1) as pool:
        stands = _handover._name_stands
        try:  # the name goes between the look at it and the arrival
            _handover._name_stands = lambda opened: True
            gone.unlink()
            with pytest.raises(shm_array.ArrivalError) as caught:
                pool.apply_async(first, (text,)).get(timeout=60)
        finally:
            _handover._name_stands = stands
        assert caught.value.errno == errno.ENOENT and gone.name in str(caught.value)
        assert pool.apply_async(first, (kept,)).get(timeout=60) == 2


# --- leases


@pytest.mark.parametrize("method", METHODS)
def test_a_last_close_array_of_a_process_that_has_ended_still_arrives(name, method):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=make_and_end, args=(name, queue))
    process.start()
    process.join()
    assert process.exitcode == 0
    shm_array.collect()
    a = queue.get(timeout=60)
    assert a.tolist() == [5, 5, 5] and a.name == name
    a.close()
    del a
    assert not Path("/dev/shm", name).exists()


def make_others_and_end(name, queue):
    made = [
        getattr(shm_array, kind)(*arguments, name=f"{name}-{kind}", lifetime="last-close")
        for kind, arguments in LAST_CLOSE.items()
    ]
    made[0].put("work")
    queue.put(made)


LAST_CLOSE = {
    "Queue": [],
    "JoinableQueue": [],
    "Topic": [],
    "Frames": [3],
    "Signals": [],
    "Event": [],
    "Semaphore": [],
    "Barrier": [1],
    "Lock": [],
}


@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_array_arrives_from_the_ended_as_well(new_name, method):
    name = new_name()
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=make_others_and_end, args=(name, queue))
    process.start()
    process.join()
    assert process.exitcode == 0
    shm_array.collect()
    got = queue.get(timeout=60)
    assert [type(each).__name__ for each in got] == list(LAST_CLOSE)
    assert got[0].get(timeout=60) == "work"
    sent = [pickle.loads(bytes(ForkingPickler.dumps(each))) for each in got]  # once more, within this process
    assert len(list(Path("/dev/shm").glob(f"{name}-*"))) == len(LAST_CLOSE) + 1  # a Barrier has two
    del got, sent
    assert list(Path("/dev/shm").glob(f"{name}-*")) == []


def test_a_last_close_array_that_everybody_got_goes_at_once(name):
    a = shm_array.create(name, 30, lifetime="last-close")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(double, [a[i : i + 3] for i in range(0, 30, 3)])
    a.close()
    del a
    assert not Path("/dev/shm", name).exists()


def test_a_lease_that_nobody_came_for_ends(name):
    a = shm_array.create(name, 3, lifetime="last-close")
    begun = time.monotonic()
    pickle.dumps(shm_array.by_reference(a, lease=0.5))
    a.close()
    del a
    shm_array.collect()
    is_kept = Path("/dev/shm", name).exists()
    assert is_kept or time.monotonic() > begun + 0.5
    time.sleep(0.6)
    shm_array.collect()
    assert not Path("/dev/shm", name).exists()


def test_a_pool_that_is_forked_while_threads_are_at_work(a):
    stop = threading.Event()

    def work():
        while not stop.is_set():
            sent_and_received(a[1:])
            with a.lock():
                a[0, 0] = 0

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            with multiprocessing.get_context("fork").Pool(2) as pool:
                pool.map(double, [a[1:2]] * 2)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert a[1, 0] == 6 * 2**10


SEND = """
import sys, multiprocessing.connection, shm_array
with multiprocessing.connection.Listener(sys.argv[1], authkey=b"key") as listener:
    print("listening", flush=True)
    with listener.accept() as connection:
        for each in (shm_array.zeros(3), shm_array.Queue()):
            connection.send(each)
        connection.recv()
"""

RECEIVE = """
import sys, multiprocessing.connection, shm_array
with multiprocessing.connection.Client(sys.argv[1], authkey=b"key") as connection:
    for _ in range(2):
        try:
            connection.recv().name
        except shm_array.ArrivalError as error:
            print(error)
    connection.send(None)
"""


def test_what_has_no_name_does_not_come_to_a_stranger(start, run, tmp_path):
    path = tmp_path / "socket"
    sender = start(SEND, path)
    assert sender.stdout.readline() == "listening\n"
    for line in run(RECEIVE, path).splitlines():
        assert "same authkey" in line and "give it a name" in line and "ended" not in line
    sender.communicate(timeout=60)
    assert sender.returncode == 0
