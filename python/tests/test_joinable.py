"""JoinableQueue: multiprocessing's answers, and no join() that waits for the dead."""

import asyncio
import os
import pickle
import queue
import signal
import threading
import time

import pytest
from children import METHODS, ended, start

import shm_array


def work(tasks, results):
    for task in iter(tasks.get, None):
        results.put((task, os.getpid()))
        tasks.task_done()
    tasks.task_done()


def receive_and_die(tasks):
    tasks.get(timeout=60)
    os.kill(os.getpid(), signal.SIGKILL)


def receive_and_leave(tasks):
    tasks.get(timeout=60)


@pytest.mark.parametrize("method", METHODS)
def test_join_waits_until_all_is_done(method, new_name):
    tasks, results = shm_array.JoinableQueue(name=new_name()), shm_array.Queue()
    workers = [start(method, work, tasks, results) for _ in range(2)]
    for number in range(50):
        tasks.put(number)
    tasks.join()
    assert results.qsize() == 50  # all of them, when join() returns
    assert sorted(results.get()[0] for _ in range(50)) == list(range(50))
    for _ in workers:
        tasks.put(None)
    assert tasks.join(60)
    for worker in workers:
        ended(worker)


@pytest.mark.parametrize("leave", [receive_and_die, receive_and_leave])
@pytest.mark.parametrize("method", METHODS)
def test_a_task_of_the_dead_is_anothers(method, leave):
    tasks = shm_array.JoinableQueue()
    tasks.put("work")
    ended(start(method, leave, tasks), -signal.SIGKILL if leave is receive_and_die else 0)
    assert not tasks.join(0.05)
    assert tasks.get(timeout=60) == "work"
    assert not tasks.join(0.05)
    tasks.task_done()
    assert tasks.join(0)


def test_task_done_is_called_once_for_each():
    tasks = shm_array.JoinableQueue()
    tasks.join()
    with pytest.raises(ValueError, match="too many times"):
        tasks.task_done()
    tasks.put(1)
    with pytest.raises(ValueError, match="too many times"):
        tasks.task_done()
    assert tasks.get() == 1
    tasks.task_done()
    with pytest.raises(ValueError, match="too many times"):
        tasks.task_done()
    assert tasks.join(0)


def test_join_ends_in_the_moment_of_the_last_task_done():
    tasks = shm_array.JoinableQueue()
    for number in range(3):
        tasks.put(number)
    joined = threading.Event()
    joiner = threading.Thread(target=lambda: (tasks.join(), joined.set()))
    joiner.start()
    for _ in range(3):
        tasks.get()
        time.sleep(0.01)
        assert not joined.is_set()
        tasks.task_done()
    assert joined.wait(60)
    joiner.join()


def test_threads_do_their_own_tasks():
    tasks, both = shm_array.JoinableQueue(), threading.Barrier(2)
    tasks.put("mine")
    tasks.put("yours")
    done = []

    def other():
        done.append(tasks.get())
        both.wait(60)
        tasks.task_done()  # this one, not the older one of the main thread
        both.wait(60)

    assert tasks.get() == "mine"
    thread = threading.Thread(target=other)
    thread.start()
    both.wait(60)
    both.wait(60)
    thread.join()
    assert done == ["yours"] and not tasks.join(0.02)
    tasks.task_done()
    assert tasks.join(0)


def test_long_items_stay_until_they_are_done(long_items):
    tasks = shm_array.JoinableQueue()
    tasks.put(b"x" * 100_000)
    (name,) = long_items()
    ended(start("spawn", receive_and_die, tasks), -signal.SIGKILL)
    assert name in long_items()
    assert tasks.get(timeout=60) == b"x" * 100_000
    assert name in long_items()
    tasks.task_done()
    assert not long_items() and tasks.join(0)


def test_a_fork_child_has_received_nothing():
    tasks, answers = shm_array.JoinableQueue(), shm_array.Queue()
    tasks.put(1)
    tasks.get()

    def child():
        try:
            tasks.task_done()
        except ValueError as error:
            answers.put(str(error))

    ended(start("fork", child))
    assert "too many" in answers.get(timeout=60)
    tasks.task_done()
    assert tasks.join(0)


def test_full_empty_and_finished():
    tasks = shm_array.JoinableQueue(2)
    with pytest.raises(queue.Empty):
        tasks.get(timeout=0.02)
    tasks.put(1)
    tasks.put(2)
    for attempt in (lambda: tasks.put_nowait(3), lambda: tasks.put(b"x" * 5000, timeout=0.02)):
        with pytest.raises(queue.Full):
            attempt()
    assert tasks.get_nowait() == 1
    with pytest.raises(queue.Full):  # what is worked on counts
        tasks.put(3, False)
    tasks.task_done()
    tasks.put(3, timeout=60)
    tasks.shutdown()
    assert tasks.get_many(10) == [2, 3]
    with pytest.raises(shm_array.ShutDown):
        tasks.get()
    tasks.task_done()
    tasks.task_done()
    assert tasks.join(0)
    with pytest.raises(TypeError):
        pickle.dumps(tasks)


def test_awaited():
    tasks = shm_array.JoinableQueue(2)

    async def main():
        async def produce():
            for number in range(20):
                await tasks.put_async(number if number % 5 else b"x" * 5000)

        async def consume():
            got = []
            for _ in range(20):
                got.append(await tasks.get_async())
                tasks.task_done()
            return got

        _, got = await asyncio.wait_for(asyncio.gather(produce(), consume()), 60)
        return got

    assert [item if isinstance(item, int) else len(item) for item in asyncio.run(main())] == [
        number if number % 5 else 5000 for number in range(20)
    ]
    assert tasks.join(0)


def test_a_queue_may_be_closed_while_an_item_is_unpickled(run):
    program = """
import shm_array
class Closing:
    def __reduce__(self):
        return close, ()
def close():
    q.close()
q = shm_array.JoinableQueue()
q.put((Closing(), b"x" * 500))
print(len(q.get()[1]))
try:
    q.task_done()
except ValueError as error:
    print(error)
"""
    assert run(program) == "500\nthe queue '' is closed\n"


class Broken:
    """Can be pickled, and not unpickled."""

    def __reduce__(self):
        return _broken, ()


def _broken():
    raise LookupError("broken")


def test_batches_end_before_what_cannot_be_received():
    tasks = shm_array.JoinableQueue()
    tasks.put_many([0, 1, Broken(), 3])
    assert tasks.get_many(0) == []
    assert tasks.get_many(10) == [0, 1]
    assert tasks.stat().out == 2
    tasks.task_done()
    tasks.task_done()
    with pytest.raises(LookupError, match="broken"):
        tasks.get_many(10)
    tasks.task_done()
    assert tasks.get_many(10) == [3]
    tasks.task_done()
    assert tasks.join(0)
    with pytest.raises(ValueError, match="most is -1"):
        tasks.get_many(-1)


def test_batches_end_before_an_array(name):
    tasks = shm_array.JoinableQueue()
    tasks.put(1)
    tasks.put_array(shm_array.create(name, 3, fill=0))
    assert tasks.get_many(10) == [1]
    with pytest.raises(OSError, match="array"):
        tasks.get_many(10)
    assert tasks.get_array().tolist() == [0, 0, 0]
