"""What programs are used to do with multiprocessing.shared_memory and np.memmap, done with arrays of ours."""

import contextlib
import gc
import io
import multiprocessing
import os
import signal
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from children import METHODS, ended, start

import shm_array


def remember(array, lock):
    global remembered
    remembered = array, lock


def add(number):
    array, lock = remembered
    with lock:
        array += number
    return float(array[0])


def store(proxy, key, array):
    array[0] = 7
    proxy[key] = array[1:]


def make_and_wait(name, lifetime, ready):
    array = shm_array.create(name, 3, fill=1, lifetime=lifetime)
    # What a shell starts in the background ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ready.set()
    while True:  # and not signal.pause(), in which one sleeps for ever whom SIGINT reaches just before it
        time.sleep(0.05)
    del array


@pytest.fixture
def a(name):
    return shm_array.create(name, (3, 4), fill=2)


def test_attached_twice_in_one_process(a, name):
    one, other = shm_array.open(name, "r+"), shm_array.open(name, "r+")
    one[0, 0] = 5
    one.close()
    del one
    assert other[0, 0] == a[0, 0] == 5
    with other.lock():
        with pytest.raises(TimeoutError):
            a.lock(0)
    other.close()
    a.lock(0).release()


@pytest.mark.parametrize("method", METHODS)
def test_arrays_in_a_managers_dict(a, method):
    with multiprocessing.get_context(method).Manager() as manager:
        proxy = manager.dict()
        proxy["whole"] = a  # to the manager, by its handle
        ended(start(method, store, proxy, "rows", proxy["whole"]))
        assert (a[0] == 7).all()
        rows = proxy["rows"]
        assert rows.name == a.name and rows.shape == (2, 4) and np.shares_memory(rows, rows.base)
        a[2, 3] = 9
        assert rows[1, 3] == 9
        through = manager.Queue()
        through.put(shm_array.Lock())
        with through.get():
            pass


@pytest.mark.parametrize("method", METHODS)
def test_a_pools_initializer(a, method):
    with multiprocessing.get_context(method).Pool(2, remember, (a[0], shm_array.Lock())) as pool:
        pool.map(add, [1] * 20, chunksize=1)
    assert a[0].tolist() == [22] * 4 and a[1].tolist() == [2] * 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_that_ends_its_maker(new_name, number):
    for lifetime in ("last-close", "until-unlinked"):
        name, ready = new_name(), multiprocessing.get_context("fork").Event()
        process = start("fork", make_and_wait, name, lifetime, ready)
        assert ready.wait(60)
        if number == signal.SIGINT:
            held = shm_array.open(name)  # a reader that goes on
        os.kill(process.pid, number)
        process.join(60)
        if number == signal.SIGINT:
            assert held.tolist() == [1, 1, 1]
            del held
        shm_array.collect()
        assert Path("/dev/shm", name).exists() == (lifetime == "until-unlinked")


def test_names_with_a_null_character():
    for attempt in (
        lambda: shm_array.create("a\0b", 3),
        lambda: shm_array.open("a\0b"),
        lambda: shm_array.unlink("a\0b"),
        lambda: shm_array.Lock(name="a\0b"),
        lambda: shm_array.Queue(name="a\0b"),
        lambda: shm_array.Topic.open("a\0b"),
        lambda: shm_array.Frames(3, name="a\0b"),
        lambda: shm_array.Fifo.open("a\0b"),
    ):
        with pytest.raises(ValueError, match="null character"):
            attempt()


def test_writing_it_down(a, tmp_path):
    np.save(tmp_path / "one.npy", a[1:])
    np.savez(tmp_path / "two.npz", a=a)
    a.tofile(tmp_path / "three")
    buffer = io.BytesIO()
    buffer.write(a[1])
    assert np.array_equal(np.load(tmp_path / "one.npy"), a[1:])
    assert np.array_equal(np.load(tmp_path / "two.npz")["a"], a)
    assert np.array_equal(np.fromfile(tmp_path / "three").reshape(3, 4), a)
    assert buffer.getvalue() == a[1].tobytes() == bytes(memoryview(a)[1:2].cast("B"))


def test_other_classes_of_numpys_share_the_elements(name):
    a = shm_array.create(name, 3, [("x", "f8"), ("n", "i4")])
    records, masked, fields = a.view(np.recarray), np.ma.array(a["x"], mask=[0, 1, 0], copy=False), a["n"]
    a["x"] = 5
    a["n"] = [1, 2, 3]
    assert records.x.tolist() == [5, 5, 5] and masked.sum() == 10 and fields.tolist() == [1, 2, 3]
    other = shm_array.open(name, "r+")
    other[1] = (7, 8)
    assert records[1].n == 8 and fields[1] == 8
    del a, other
    gc.collect()
    assert records.x[1] == 7 and masked.data[1] == 7


def test_weak_references_and_cycles(name):
    a = shm_array.create(name, 3, lifetime="last-close")
    seen = weakref.ref(a)
    cycle = [a]
    cycle.append(cycle)
    del a
    assert seen() is not None and Path("/dev/shm", name).exists()
    del cycle
    gc.collect()
    assert seen() is None and not Path("/dev/shm", name).exists()


def test_threads_make_and_open_one_name(name):
    """Each sees a whole array, or none: a name that is just being made or taken away is nobody's half array."""
    stop, seen, wrong = threading.Event(), [], []

    def look():
        while not stop.is_set():
            try:
                array = shm_array.open(name)
                seen.append(array.shape == (50,) and array.dtype == "i4")
            except FileNotFoundError:
                pass
            except BaseException as error:
                wrong.append(error)
                raise

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        with shm_array.create(name, 50, "i4", lifetime="last-close") as array:
            array += 1
        del array
        with contextlib.suppress(FileNotFoundError):  # unless somebody looks, it has gone already
            shm_array.unlink(name)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong and seen and all(seen)
