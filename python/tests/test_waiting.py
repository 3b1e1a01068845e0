"""Rows that are locked one by one, waiting for a write, snapshots, and atomic operations on elements."""

import signal
import threading
import time

import numpy as np
import pytest

import shm_array

HOLD_ROWS = """
import sys, time, shm_array
a = shm_array.open(sys.argv[1], "r+")
with a.exclusive(rows=eval(sys.argv[2])):
    a[2:5] = -1
    print("held", flush=True)
    time.sleep(600)
"""
WRITE = """
import sys, shm_array
a = shm_array.open(sys.argv[1], "r+")
for number in range(int(sys.argv[2])):
    with a.lock():
        a[:] = number
"""
COUNT = """
import sys, shm_array
a = shm_array.open(sys.argv[1], "r+")
numbers = [int(a.atomic_add(0, 1)) for _ in range(500)]
print(*numbers)
"""


@pytest.fixture
def a(name):
    return shm_array.create(name, 8, "i8", capacity=10)


def killed_while_writing(process):
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.wait()


def test_rows_apart_are_locked_side_by_side(a, name):
    b = shm_array.open(name, "r+")
    with a.exclusive(rows=(0, 3)), b.exclusive(rows=slice(3, None)), a.shared(rows=(8, 10)):
        for rows in [(2, 4), (0, 1), slice(-1, None)]:
            with pytest.raises(TimeoutError):
                b.shared(0, rows=rows)
        with pytest.raises(TimeoutError):
            b.lock(0)
    with a.shared(rows=(0, 3)), b.shared(rows=(2, 4)), pytest.raises(TimeoutError):
        a.exclusive(0, rows=(2, 3))
    a.lock(0).release()


@pytest.mark.parametrize("rows", [(3, 3), (5, 2), (-9, 2), (0, 11), slice(0, 4, 2), (-3, -5)])
def test_rows_that_are_none(a, rows):
    with pytest.raises(ValueError):
        a.exclusive(rows=rows)
    a.lock(0).release()


def test_rows_are_of_the_last_axis_in_fortran_order(name):
    a = shm_array.create(name, (2, 6), order="F")
    with a.exclusive(rows=(0, -1)):
        a.exclusive(0, rows=(5, 6)).release()
        with pytest.raises(TimeoutError):
            a.exclusive(0, rows=slice(4, None))


def test_a_death_concerns_who_locks_those_rows(a, name, start):
    killed_while_writing(start(HOLD_ROWS, name, "(2, 5)"))
    a.exclusive(5, rows=(0, 2)).release()
    with pytest.raises(shm_array.OwnerDied):
        a.exclusive(5, rows=(4, 6))

    def repair(array):
        array[4:6] = 0

    with a.exclusive(5, rows=(4, 6), repair=repair) as held:
        assert held.owner_died
    a.exclusive(5, rows=(4, 5)).release()
    with pytest.raises(shm_array.OwnerDied):
        a.exclusive(5, rows=(2, 4))
    a.recover(rows=(2, 4))
    a.exclusive(5, rows=(0, 8)).release()


def test_close_gives_rows_back(a, name):
    b = shm_array.open(name, "r+")
    held = b.exclusive(rows=(0, 4))
    b.close()
    a.lock(0).release()
    held.release()


def test_wait_ends_with_the_next_write(a, name):
    with pytest.raises(TimeoutError):
        a.wait(timeout=0)
    with pytest.raises(TimeoutError):
        a.wait(timeout=0.15)
    before = a.generation
    writer = threading.Timer(0.1, lambda: shm_array.open(name, "r+").lock().release())
    writer.start()
    assert a.wait(before, timeout=60) == before + 1
    writer.join()
    assert a.wait(before) == before + 1
    a.close()
    with pytest.raises(ValueError, match="closed"):
        a.wait()


def test_wait_of_a_reader(a, name):
    reader = shm_array.open(name)
    writer = threading.Timer(0.1, lambda: a.lock().release())
    writer.start()
    assert reader.wait(timeout=60) == 1
    writer.join()


def test_a_signal_gets_its_turn_while_one_waits(a, name):
    class Interrupted(Exception):
        pass

    def interrupt(*_):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(Interrupted):  # which may come before the wait has begun
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            a.wait()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_published(a):
    assert a.published is None
    with a.lock():
        a[0] = 1
    published = a.published
    assert (published.generation, published.alive) == (1, True)
    assert abs(published.time - time.time()) < 60 and 0 <= published.age < 60


def test_snapshots_are_of_one_moment(a, name, start):
    reader = shm_array.open(name)
    writer = start(WRITE, name, 2000)
    seen = set()
    while writer.poll() is None:
        copy, generation = reader.snapshot(timeout=60)
        assert type(copy) is np.ndarray and len(set(copy.tolist())) == 1
        assert copy[0] == max(generation - 1, 0)
        seen.add(generation)
    assert (writer.returncode, writer.stderr.read()) == (0, "")
    copy, generation = reader.snapshot(rows=(2, 5))
    assert (copy.tolist(), generation) == ([1999] * 3, 2000)
    assert reader.snapshot(slice(-2, None), 0)[0].shape == (2,)


def test_a_snapshot_waits_for_a_writer(a):
    with a.shared():
        a.snapshot(timeout=0)
    with a.lock(), pytest.raises(TimeoutError):
        a.snapshot(timeout=0.12)


@pytest.mark.parametrize("order", ["C", "F"])
def test_snapshots_of_several_axes(name, order):
    values = np.arange(24.0).reshape(2, 3, 4)
    a = shm_array.copy(values, name, order=order)
    copy, _ = a.snapshot(may_lock=True)
    np.testing.assert_array_equal(copy, values)
    np.testing.assert_array_equal(a[1, 1:].snapshot((1, 2))[0], values[1:])
    with pytest.raises(ValueError):
        a.snapshot(slice(0, 2, 2))


def test_a_snapshot_after_a_death(a, name, start):
    killed_while_writing(start(HOLD_ROWS, name, None))
    with pytest.raises(shm_array.OwnerDied):
        a.snapshot(timeout=60)
    a.recover()
    assert a.snapshot(timeout=60)[0].tolist() == [0, 0, -1, -1, -1, 0, 0, 0]


def test_numbers_are_handed_out_once(a, name, start):
    processes = [start(COUNT, name) for _ in range(3)]
    numbers = [int(number) for process in processes for number in process.communicate()[0].split()]
    assert sorted(numbers) == list(range(1500))
    assert a.atomic_load(0) == a[0] == 1500


def test_atomic_operations(a):
    a.atomic_store(3, 12)
    assert a.atomic_exchange(3, 10) == 12
    assert a.atomic_compare_exchange(3, 9, 1) == (False, 10)
    assert a.atomic_compare_exchange(3, 10, 6) == (True, 10)
    assert (a.atomic_min(3, 5), a.atomic_max(3, 7), a.atomic_and(3, 3)) == (6, 5, 7)
    assert (a.atomic_or(3, 8), a.atomic_xor(-5, 1), a.atomic_load(3)) == (3, 11, 10)
    assert a.atomic_add(3, -11) == 10 and a[3] == -1


@pytest.mark.parametrize("order", ["C", "F"])
def test_atomic_operations_on_views(name, order):
    a = shm_array.create(name, (3, 4, 5), "f4", order)
    a[1:, ::-2].atomic_add((1, 0, -1), 1.5)
    assert a[2, 3, 4] == 1.5 == np.asarray(a).sum()
    assert a[2, 3, 4, ...].atomic_load(()) == 1.5


def test_what_is_not_for_atomic_operations(a, name, new_name):
    with pytest.raises(IndexError):
        a.atomic_add(8, 1)
    with pytest.raises(IndexError):
        a.reshape(2, 4).atomic_add(1, 1)
    with pytest.raises((OverflowError, TypeError)):
        a.atomic_add(0, 2**64)
    with pytest.raises(TypeError):
        a.atomic_add(0, 1.5)
    with pytest.raises(TypeError):
        a.view("i4").atomic_add(0, 1)
    with pytest.raises(PermissionError):
        shm_array.open(name).atomic_add(0, 1)
    with pytest.raises(OSError):
        shm_array.create(new_name(), 3, "c16").atomic_add(0, 1)
    assert not a.any()
