"""multiprocessing's synchronisation, by our names: the same answers, by any start method, and no hang after a kill."""

import errno
import multiprocessing
import os
import pickle
import signal
import threading
import time

import pytest

import shm_array

METHODS = multiprocessing.get_all_start_methods()
KINDS = {
    "Lock": shm_array.Lock,
    "RLock": shm_array.RLock,
    "Condition": shm_array.Condition,
    "Semaphore": shm_array.Semaphore,
    "BoundedSemaphore": shm_array.BoundedSemaphore,
    "Event": shm_array.Event,
}


def start(method, function, *arguments):
    process = multiprocessing.get_context(method).Process(target=function, args=arguments)
    process.start()
    return process


def ended(process, code=0):
    process.join(60)
    assert process.exitcode == code


def count(lock, array, times):
    for _ in range(times):
        with lock:
            array[0] += 1


def acquire_and_die(lock):
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def acquire_too(lock, report):
    report.set() if not lock.acquire(timeout=0.05) else None


def set_when_set(first, second):
    first.wait(60)
    second.set()


def wait_and_count(condition, array):
    with condition:
        array[1] += 1
        condition.wait_for(lambda: array[0] == 1, 60)
        array[2] += 1


def wait_at(barrier, array, index):
    array[index] = barrier.wait(60)


def wait_at_and_die(barrier):
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
    barrier.wait()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition", "BoundedSemaphore", "Semaphore"])
def test_one_at_a_time(kind, method):
    lock, array = KINDS[kind](), shm_array.zeros(1, "i8")
    processes = [start(method, count, lock, array, 200) for _ in range(2)]
    count(lock, array, 200)
    for process in processes:
        ended(process)
    assert array[0] == 600


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Semaphore", "BoundedSemaphore"])
def test_acquire_answers_as_the_standard_library_does(kind):
    lock, theirs = KINDS[kind](), getattr(multiprocessing, kind)()
    answers = []
    for each in (lock, theirs):
        answer = [
            each.acquire(),
            each.release(),
            each.acquire(False),
            each.acquire(True, 0.01),
            each.acquire(timeout=-1),
        ]
        each.release()
        answers.append(answer)
    assert answers[0] == answers[1]


def test_released_too_often():
    for lock in (shm_array.Lock(), shm_array.BoundedSemaphore(2)):
        with pytest.raises(ValueError, match="released too many times"):
            lock.release()
        with lock:
            pass
        with pytest.raises(ValueError, match="released too many times"):
            lock.release()
    with pytest.raises(AssertionError, match="not owned by thread"):
        shm_array.RLock().release()
    semaphore = shm_array.Semaphore(0)
    semaphore.release()
    assert semaphore.get_value() == 1


def test_an_rlock_is_one_threads():
    lock, others = shm_array.RLock(), []

    def other():
        others.append(lock.acquire(False))
        with pytest.raises(AssertionError):
            lock.release()

    with lock, lock:
        assert lock.acquire()
        lock.release()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert others == [False] and not lock.locked()


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_fork_has_none_of_its_parents_locks(kind):
    lock, told = KINDS[kind](), shm_array.Event()
    with lock:
        ended(start("fork", acquire_too, lock, told))
    assert told.is_set()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition", "BoundedSemaphore"])
def test_what_a_killed_process_had_comes_back(kind, method):
    lock = KINDS[kind]()
    ended(start(method, acquire_and_die, lock), -signal.SIGKILL)
    assert lock.acquire(timeout=60)
    if kind.endswith("Lock"):
        assert lock.owner_died
    lock.release()
    assert lock.acquire(timeout=0)
    if kind.endswith("Lock"):
        assert not lock.owner_died
    lock.release()


@pytest.mark.parametrize("method", METHODS)
def test_events(method):
    first, second = shm_array.Event(), shm_array.Event()
    process = start(method, set_when_set, first, second)
    assert second.wait(0.01) is False and not second.is_set()
    first.set()
    assert second.wait(60) is True and second.is_set()
    ended(process)
    second.clear()
    assert second.wait(0) is False


@pytest.mark.parametrize("method", METHODS)
def test_conditions(method):
    condition, array = shm_array.Condition(), shm_array.zeros(3, "i8")
    processes = [start(method, wait_and_count, condition, array) for _ in range(2)]
    while True:
        with condition:
            if array[1] == 2:
                array[0] = 1
                condition.notify_all()
                break
        time.sleep(0.01)
    for process in processes:
        ended(process)
    assert array.tolist() == [1, 2, 2]


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_wait_without_a_notification(kind):
    condition = shm_array.Condition(KINDS[kind]())
    with pytest.raises(RuntimeError, match="un-acquired"):
        condition.wait(0)
    with condition:
        assert condition.wait(0.05) is False
        assert condition.wait_for(lambda: 7, 0) == 7
        assert condition.wait_for(lambda: 0, 0.05) == 0
        if kind == "RLock":
            with condition:
                assert condition.wait(0.01) is False
    assert not condition._lock.locked()


def wait_forever(condition, array):
    with condition:
        array[1] += 1
        condition.wait()


def test_a_killed_waiter_is_in_nobodys_way():
    condition, array = shm_array.Condition(), shm_array.zeros(3, "i8")
    process = start("fork", wait_forever, condition, array)
    while array[1] < 1:
        time.sleep(0.01)
    with condition:  # by now it has given the lock back, and waits
        process.kill()
    ended(process, -signal.SIGKILL)
    process = start("fork", wait_and_count, condition, array)
    while array[1] < 2:
        time.sleep(0.01)
    with condition:
        array[0] = 1
        condition.notify()
    ended(process)
    assert array.tolist() == [1, 2, 1]


class Interrupted(Exception):
    pass


def waits():
    """What can be waited for in vain."""
    lock, condition, reader_and_writer = shm_array.Lock(), shm_array.Condition(), shm_array.Pipe(False)
    lock.acquire()
    condition.acquire()
    return {
        "lock": lock.acquire,
        "condition": condition.wait,
        "semaphore": shm_array.Semaphore(0).acquire,
        "event": shm_array.Event().wait,
        "barrier": shm_array.Barrier(2).wait,
        "queue": shm_array.Queue().get,
        "taking": shm_array.Queue().take,
        "pipe": lambda: reader_and_writer[0].recv(),
    }


@pytest.mark.parametrize("what", ["lock", "condition", "semaphore", "event", "barrier", "queue", "taking", "pipe"])
def test_a_signal_gets_its_turn(what):
    def interrupt(*_):
        raise Interrupted

    wait = waits()[what]
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(Interrupted):  # which may come before the wait has begun
            signal.setitimer(signal.ITIMER_REAL, 0.15)
            wait()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_notify_wakes_one_of_its_own_condition():
    lock = shm_array.Lock()
    one, other = shm_array.Condition(lock), shm_array.Condition(lock)
    woken, ready = [], threading.Semaphore(0)

    def wait(condition, name):
        with condition:
            ready.release()
            if condition.wait(60):
                woken.append(name)

    threads = [threading.Thread(target=wait, args=pair) for pair in [(one, "one"), (one, "one"), (other, "other")]]
    for thread in threads:
        thread.start()
        ready.acquire()
    with lock:
        other.notify()
    threads[2].join()
    assert woken[0] == "other"
    with lock:
        one.notify_all()
    for thread in threads:
        thread.join()
    assert sorted(woken) == ["one", "one", "other"]
    for _ in range(13):
        shm_array.Condition(lock)
    with pytest.raises(ValueError, match="16"):
        shm_array.Condition(lock)


@pytest.mark.parametrize("method", METHODS)
def test_barriers(method):
    barrier, array = shm_array.Barrier(3), shm_array.zeros(3, "i8")
    processes = [start(method, wait_at, barrier, array, index) for index in range(2)]
    wait_at(barrier, array, 2)
    for process in processes:
        ended(process)
    assert sorted(array.tolist()) == [0, 1, 2]
    assert (barrier.parties, barrier.n_waiting, barrier.broken) == (3, 0, False)


def test_a_barriers_action_comes_before_all_go_on():
    called = []
    barrier = shm_array.Barrier(2, lambda: called.append(threading.get_ident()))
    seen = []
    thread = threading.Thread(target=lambda: (barrier.wait(60), seen.append(len(called))))
    thread.start()
    barrier.wait(60)
    assert len(called) == 1
    thread.join()
    assert seen == [1]


def test_an_action_that_raises_breaks_the_barrier():
    barrier = shm_array.Barrier(1, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        barrier.wait()
    assert barrier.broken


def test_broken_barriers():
    barrier = shm_array.Barrier(2, timeout=0.05)
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    assert barrier.broken
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(60)
    barrier.reset()
    assert not barrier.broken
    threading.Timer(0.1, barrier.abort).start()
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(60)
    assert barrier.broken


@pytest.mark.parametrize("method", METHODS)
def test_the_death_of_a_participant_breaks_a_barrier(method):
    barrier = shm_array.Barrier(3)
    process = start(method, wait_at_and_die, barrier)
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(60)
    ended(process, -signal.SIGKILL)


@pytest.mark.parametrize("kind", KINDS)
def test_by_name_and_by_reference(kind, new_name):
    name = new_name()
    first = KINDS[kind](name=name)
    with pytest.raises(FileExistsError):
        KINDS[kind](name=name)
    second = KINDS[kind](name=name, exist_ok=True)
    third = pickle.loads(pickle.dumps(shm_array.by_reference(first)))
    if kind == "Event":
        first.set()
        assert second.is_set() and third.is_set() and shm_array.Event.open(name).is_set()
    else:
        with first:
            assert not second.acquire(False) and not third.acquire(False)
        with third:
            assert not first.acquire(False)
    if kind != "Condition":
        first.unlink()
        with pytest.raises(FileNotFoundError):
            KINDS[kind].open(name)


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Event"])
def test_a_plain_pickle_is_refused(kind):
    with pytest.raises(TypeError, match="by_reference"):
        pickle.dumps(KINDS[kind]())
    with pytest.raises((ValueError, TypeError), match="without a name"):
        pickle.dumps(shm_array.by_reference(KINDS[kind]()))


def test_what_has_the_name_is_something_else(name):
    shm_array.create(name, 1)
    for kind in (shm_array.Lock, shm_array.Event, shm_array.Semaphore):
        with pytest.raises(shm_array.FormatError):
            kind.open(name)


def test_what_is_closed_says_so(name):
    event = shm_array.Event(name=name)
    event.close()
    with pytest.raises(ValueError, match="closed"):
        event.set()
    assert "closed" in repr(event)


@pytest.mark.parametrize("is_closed", (False, True))
def test_unlink_leaves_another_ones_name_alone(name, is_closed):
    event = shm_array.Event(name=name)
    event.unlink()
    if is_closed:
        event.close()
    shm_array.create(name, 3)
    with pytest.raises(OSError, match="another one's") as caught:
        event.unlink()
    assert caught.value.errno == errno.ESTALE and shm_array.exists(name)


def meet(barrier):
    barrier.wait(60)


@pytest.mark.parametrize("method", METHODS)
def test_a_barrier_outlasts_the_normal_end_of_participants(method):
    barrier = shm_array.Barrier(2)
    for _ in range(3):
        child = start(method, meet, barrier)
        barrier.wait(60)
        ended(child)


def test_a_barrier_is_made_as_a_whole_or_not_at_all(name):
    shm_array.create(f"{name}.state", 3)
    with pytest.raises(FileExistsError):
        shm_array.Barrier(2, name=name)
    assert not shm_array.exists(name)
    shm_array.unlink(f"{name}.state")


def test_arguments_are_whole_numbers_and_said_by_name():
    notify = shm_array.Condition().notify
    calls = {"value": shm_array.Semaphore, "parties": shm_array.Barrier, "fd": shm_array.open_fd, "n": notify}
    for label, call in calls.items():
        for wrong in (1.5, "2"):
            with pytest.raises(TypeError, match=f"{label} is .*, expected a whole number"):
                call(wrong)
        for wrong in (2**64 + 2, 2**32 + 2, -1):
            with pytest.raises(ValueError, match=f"{label} is {wrong}"):
                call(wrong)
