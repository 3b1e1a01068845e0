"""The lock: who waits for whom, whose death is told, and that no exception ever keeps it."""

import copy
import gc
import os
import pickle
import signal
import sys
import threading
import time

import numpy as np
import pytest
from conftest import pid_in

import shm_array

HOLD = """
import sys, time, shm_array
a = shm_array.open(sys.argv[1], "r+")
with getattr(a, sys.argv[2])():
    if sys.argv[2] == "lock":
        a[0] = 1
    print("held", flush=True)
    time.sleep(600)
"""
TRY = """
import sys, shm_array
a = shm_array.open(sys.argv[1], "r+")
try:
    with getattr(a, sys.argv[2])(timeout=0):
        print("got it")
except (TimeoutError, shm_array.OwnerDied) as error:
    print(type(error).__name__)
"""
GOT_IT, TIMED_OUT, OWNER_DIED = "got it\n", "TimeoutError\n", "OwnerDied\n"


@pytest.fixture
def a(name):
    return shm_array.create(name, 3)


@pytest.fixture
def attempt(run, name):
    """What another process gets that tries to lock."""
    return lambda kind="lock": run(TRY, name, kind)


@pytest.fixture
def holder(start, name):
    """Starts a process that holds the lock until it is killed."""

    def holder(kind="lock"):
        process = start(HOLD, name, kind)
        assert process.stdout.readline() == "held\n", process.communicate()[1]
        return process

    return holder


def kill(process):
    process.kill()
    process.wait()


def test_one_writer_or_many_readers(a, attempt):
    with a.lock():
        assert attempt() == attempt("shared") == TIMED_OUT
    with a.shared(), a.shared():
        assert attempt("shared") == GOT_IT
        assert attempt() == TIMED_OUT
    with a.exclusive():
        assert attempt() == TIMED_OUT
    assert attempt() == GOT_IT


def test_generation_counts_writes(a):
    before = a.generation
    with a.lock():
        a[0] = 1
    assert a.generation == before + 1
    with a.shared():
        pass
    assert a.generation == before + 1


def test_lock_is_taken_at_once_and_released_once(a, attempt):
    held = a.lock()
    assert attempt() == TIMED_OUT
    held.release()
    assert attempt() == GOT_IT
    held.release()
    with a.lock():  # the second release above took nobody else's lock away
        held.release()
        assert attempt() == TIMED_OUT


def test_a_lock_that_nobody_keeps_is_given_back_with_a_warning(a, attempt):
    with pytest.warns(ResourceWarning, match="with array.lock"):
        a.lock()
    assert attempt() == GOT_IT


def test_a_lock_that_was_given_back_leaves_nothing(a):
    opened, references = a.base.base, sys.getrefcount(a)
    for _ in range(10):
        with a.lock(), pytest.raises(TimeoutError):
            a.lock(timeout=0)
    gc.collect()
    assert sys.getrefcount(a) == references  # each Held has one
    assert len(opened.locks) <= 6  # a few handles, of which C keeps four, serve all


def test_any_view_locks_the_whole(a, attempt):
    with a[1:].view("i8").lock():
        assert attempt() == TIMED_OUT


def test_another_thread_may_release(a, attempt):
    held = a.lock()
    thread = threading.Thread(target=held.release)
    thread.start()
    thread.join()
    assert attempt() == GOT_IT


def test_threads_exclude_each_other(name):
    a = shm_array.create(name, 1, int)

    def work():
        for _ in range(300):
            with a.lock():
                value = a[0]
                time.sleep(0)
                a[0] = value + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert a[0] == 1200


def test_a_second_lock_in_one_process_waits_like_any_other(a):
    with a.lock():
        with pytest.raises(TimeoutError):
            a.lock(timeout=0.05)


def test_timeout_names_the_holder(a, holder):
    process = holder()
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"0\.3 s") as caught:
        a.lock(timeout=0.3)
    assert time.monotonic() - started >= 0.3
    assert process.pid in pid_in(str(caught.value))
    with pytest.raises(TimeoutError):
        a.shared(timeout=0)


def test_a_waiter_gets_the_lock_when_it_is_free(a):
    held = a.lock()
    released = threading.Event()
    timer = threading.Timer(0.3, lambda: (released.set(), held.release()))
    timer.start()
    with a.lock(timeout=60):
        assert released.is_set()
    timer.join()


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_timeouts_that_make_no_sense(a, timeout):
    with pytest.raises(ValueError, match="timeout"):
        a.lock(timeout=timeout)


def test_death_of_a_writer_is_told_until_somebody_recovers(a, attempt, holder):
    kill(holder())
    with pytest.raises(shm_array.OwnerDied, match="half written"):
        with a.lock():
            pytest.fail("the block must not run")
    with pytest.raises(shm_array.OwnerDied):
        a.shared(timeout=5)
    assert attempt() == attempt("shared") == OWNER_DIED  # told, and not kept waiting: the exception left no lock
    assert a.stat().inconsistent
    a.recover(lambda array: array.fill(0))
    assert a.tolist() == [0, 0, 0]
    assert not a.stat().inconsistent
    assert attempt() == GOT_IT


def test_repair_runs_under_the_lock(a, attempt, holder):
    kill(holder())
    seen = []

    def repair(array):
        assert array is a
        seen.append((attempt(), array.tolist()))
        array[...] = 7

    with a.lock(repair=repair) as held:
        assert held.owner_died
        assert seen == [(TIMED_OUT, [1, 0, 0])]
        assert a.tolist() == [7, 7, 7]
    with a.lock(repair=repair) as held:
        assert not held.owner_died
    assert len(seen) == 1 and attempt() == GOT_IT


def test_a_repair_that_fails_leaves_the_mark_and_no_lock(a, attempt, holder):
    kill(holder())

    def repair(array):
        raise RuntimeError("no idea how")

    with pytest.raises(RuntimeError, match="no idea"):
        a.lock(repair=repair)
    assert a.stat().inconsistent and a.stat().lock is None
    assert attempt() == OWNER_DIED


def test_recover_where_nobody_died_does_nothing(a):
    a.recover(lambda array: pytest.fail("nothing to repair"))


def test_death_of_a_reader_harms_nobody(a, attempt, holder):
    kill(holder("shared"))
    with a.lock(timeout=10) as held:
        assert not held.owner_died
    assert attempt() == GOT_IT


def test_waiters_get_the_lock_of_the_dead(a, holder):
    process = holder()
    timer = threading.Timer(0.3, process.kill)
    timer.start()
    with pytest.raises(shm_array.OwnerDied):
        a.lock(timeout=60)
    timer.join()


def test_an_exception_in_the_block_gives_the_lock_back(a, attempt):
    with pytest.raises(KeyError):
        with a.lock():
            raise KeyError
    assert attempt() == GOT_IT


def test_close_gives_the_locks_back(a, attempt):
    held = a.lock()
    a.close()
    assert attempt() == GOT_IT
    held.release()
    with pytest.raises(ValueError, match="closed"):
        a.lock()
    with pytest.raises(ValueError, match="closed"):
        a[1:].shared()


def test_close_in_the_block_is_fine(a, attempt):
    with a.lock():
        a.close()
        assert attempt() == GOT_IT


def test_close_while_another_thread_waits(a, attempt, holder):
    holder()
    caught = []

    def wait():
        try:
            a.lock()
        except ValueError as error:
            caught.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    a.close()
    thread.join()
    assert len(caught) == 1 and "closed" in caught[0]


@pytest.fixture
def interrupt():
    """SIGALRM raises KeyboardInterrupt, as Ctrl-C does."""

    def handler(*_):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize("timeout", [None, 600])
def test_an_interrupt_ends_the_wait(a, holder, attempt, interrupt, timeout):
    process = holder()
    with pytest.raises(KeyboardInterrupt):  # which may come before the wait has begun
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        a.lock(timeout)
    kill(process)
    assert attempt() == OWNER_DIED


def test_an_interrupt_just_when_the_lock_is_acquired_does_not_keep_it(a, name, attempt, interrupt):
    """The wait is in C; the interrupt strikes when C returns, with the lock, and before Python knows of it."""
    other = shm_array.open(name, "r+")

    def interrupt_then_release(held):
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGALRM)
        time.sleep(0.01)
        held.release()

    for _ in range(5):
        thread = threading.Thread(target=interrupt_then_release, args=(other.lock(),))
        with pytest.raises(KeyboardInterrupt) as caught:
            thread.start()
            a.lock()
        thread.join()
        assert caught.tb is not None  # alive, with its frames, as in a notebook
        assert attempt() == GOT_IT


def test_an_interrupt_at_any_moment_leaves_a_lock_that_close_gives_back(a, name, start):
    """Its traceback, frames and all, stays alive as in a notebook; a wait that acquired must not have kept the lock."""
    program = """
import signal, sys, shm_array
class Interrupt(BaseException):
    pass
def handler(*_):
    raise Interrupt
signal.signal(signal.SIGALRM, handler)
a = shm_array.open(sys.argv[1], "r+")
caught = []
for shot in range(500):
    b = shm_array.open(sys.argv[1], "r+")
    try:
        signal.setitimer(signal.ITIMER_REAL, 2e-4 + shot % 50 * 1e-6)
        for _ in range(10_000):
            with b.lock():
                pass
    except Interrupt as interrupt:
        caught.append(interrupt)
    b.close()
    a.lock(timeout=0).release()
print(len(caught))
"""
    process = start(program, name)
    output, errors = process.communicate()  # an interrupt in a __del__ is reported there, and ignored by Python
    assert process.returncode == 0, errors
    assert int(output) > 400


def test_a_forked_child_holds_nothing(a, attempt):
    with a.lock():
        child = os.fork()
        if child == 0:
            code = 1
            try:
                a.lock(timeout=0)
            except TimeoutError:
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert attempt() == TIMED_OUT
    assert attempt() == GOT_IT


def test_a_forked_child_that_leaves_the_block_releases_nothing(a, attempt):
    held = a.lock()
    child = os.fork()
    if child == 0:
        try:
            held.release()
            a.close()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert attempt() == TIMED_OUT
    held.release()
    assert attempt() == GOT_IT


def test_an_untracked_array_says_why_it_has_no_lock(name):
    shm_array.create(name, 3)
    with pytest.raises(OSError, match="(?i)untracked"):
        shm_array.open(name, "r+", untracked=True).lock()


def test_a_reader_is_told_that_it_cannot_lock(a, name):
    reader = shm_array.open(name)
    with pytest.raises(PermissionError, match="open it for writing"):
        reader.lock(timeout=0)
    with pytest.raises(PermissionError, match="open it for writing"):
        reader.shared(timeout=0)


def test_what_is_written_under_the_lock_is_seen_under_the_lock(name, start):
    a = shm_array.create(name, 10_000, int)
    program = """
import sys, shm_array
a = shm_array.open(sys.argv[1], "r+")
for _ in range(500):
    with a.lock():
        assert (a == a[0]).all()
        a += 1
"""
    writers = [start(program, name) for _ in range(3)]
    for writer in writers:
        assert (writer.communicate()[1], writer.returncode) == ("", 0)
    assert np.array_equal(a, np.full(10_000, 1500))


def test_a_lock_that_is_held_is_nobody_elses(name):
    held = shm_array.create(name, 4, "f8").lock()
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="neither be copied nor pickled"):
            attempt(held)
    held.release()


def test_a_lock_that_was_given_back_is_no_lock(name):
    lock = shm_array.create(name, 4, "f8").lock()
    with lock:
        pass
    with pytest.raises(ValueError, match="call lock.. again"), lock:
        pass


def test_what_is_appended_stays_what_it_is(name):
    a = shm_array.create(name, 1, "i4", capacity=9)
    with a.lock() as held:
        for wrong in ([1.5], [3e11], [2**40]):
            with pytest.raises((TypeError, OverflowError)):
                held.append(wrong)
        assert list(held.append([1, 2])) == [0, 1, 2]
        assert list(held.append([3.0])) == [0, 1, 2, 3]
