"""Waiting in an event loop: no thread for each waiter, no waiter forgotten, cancelled at any moment."""

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest

import shm_array
from shm_array import _asyncio

WAITERS = 1000

WRITE = """
import sys, shm_array
a = shm_array.open(sys.argv[1], "r+")
sys.stdin.readline()
with a.lock():
    a[0] = 1
"""
HOLD = """
import sys, time, shm_array
a = shm_array.open(sys.argv[1], "r+")
with a.lock():
    print("held", flush=True)
    time.sleep(600)
"""
PUT = """
import sys, shm_array
queue = shm_array.Queue.open(sys.argv[1])
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    queue.put(number, timeout=60)
"""
GET = """
import sys, shm_array
got = list(shm_array.Queue.open(sys.argv[1]))
numbers = [item for item in got if isinstance(item, int)]
print(len(got) - len(numbers), len(numbers), sum(numbers))
"""


@pytest.fixture(autouse=True)
def nobody_is_left_waiting():
    yield
    assert all(not watches for watches in _asyncio._watches.values())


@pytest.fixture
def a(name):
    return shm_array.create(name, 3)


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def threads_and_descriptors():
    return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))


async def asleep(tasks):
    """Until all tasks wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


def test_a_thousand_wait_for_a_write(a, name, start):
    writer = start(WRITE, name)

    async def main():
        before = threads_and_descriptors()
        tasks = [asyncio.ensure_future(a.changed()) for _ in range(WAITERS)]
        await asleep(tasks)
        threads, descriptors = threads_and_descriptors()
        assert threads <= before[0] + 1 and descriptors <= before[1] + 4
        go(writer)
        return await asyncio.wait_for(asyncio.gather(*tasks), 60)

    assert asyncio.run(main()) == [1] * WAITERS
    assert asyncio.run(a.changed(since=0)) == 1


def test_a_thousand_receive_a_thousand_items(new_name, start):
    name = new_name()
    queue = shm_array.Queue(64, name=name)
    producer = start(PUT, name, WAITERS)

    async def main():
        tasks = [asyncio.ensure_future(queue.get_async()) for _ in range(WAITERS)]
        await asleep(tasks)
        go(producer)
        return await asyncio.wait_for(asyncio.gather(*tasks), 60)

    assert sorted(asyncio.run(main())) == list(range(WAITERS))
    assert queue.empty()


def test_who_is_cancelled_takes_nothing_away():
    queue = shm_array.Queue()

    async def main():
        tasks = [asyncio.ensure_future(queue.get_async()) for _ in range(20)]
        await asleep(tasks)
        for number in range(10):
            queue.put(number)
        for task in tasks[::2]:
            task.cancel()
        got = await asyncio.wait_for(asyncio.gather(*tasks[1::2]), 60)
        assert all(task.cancelled() for task in tasks[::2])
        return got

    assert sorted(asyncio.run(main())) == list(range(10))


def test_cancelled_in_the_moment_of_waking():
    queue = shm_array.Queue()

    async def main():
        first, second = (asyncio.ensure_future(queue.get_async()) for _ in range(2))
        await asleep([first, second])
        (watch,) = _asyncio._watches[asyncio.get_running_loop()].values()
        queue.put("item")
        watch.ready()  # wakes the first ...
        first.cancel()  # ... which is cancelled before it runs
        assert await asyncio.wait_for(second, 60) == "item"

    asyncio.run(main())


def test_a_thousand_put_into_a_full_queue(new_name, start):
    name = new_name()
    queue = shm_array.Queue(8, name=name)

    async def main():
        before = threads_and_descriptors()
        tasks = [
            asyncio.ensure_future(queue.put_async(number if number % 100 else b"x" * 5000)) for number in range(WAITERS)
        ]
        for _ in range(3):
            await asyncio.sleep(0)
        assert sum(task.done() for task in tasks) == 8 and queue.full()
        threads, descriptors = threads_and_descriptors()
        assert threads <= before[0] + 1 and descriptors <= before[1] + 4 + WAITERS // 100 * 2
        cancelled = tasks[50:60]
        for task in cancelled:
            task.cancel()
        consumer = start(GET, name)
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
        assert all(task.cancelled() for task in cancelled)
        queue.shutdown()
        return consumer

    consumer = asyncio.run(main())
    expected = sorted(number for number in range(WAITERS) if number % 100 and not 50 <= number < 60)
    assert consumer.communicate(timeout=60)[0].split() == [str(WAITERS // 100), str(len(expected)), str(sum(expected))]


def test_a_finished_queue_ends_all_waits():
    queue = shm_array.Queue()

    async def main():
        tasks = [asyncio.ensure_future(queue.get_async()) for _ in range(5)]
        await asleep(tasks)
        queue.shutdown()
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)

    assert [type(answer) for answer in asyncio.run(main())] == [shm_array.ShutDown] * 5


def test_one_at_a_time_has_the_array(a):
    async def count():
        async with a.exclusive_async() as held:
            assert not held.owner_died
            before = a[0]
            await asyncio.sleep(0)
            a[0] = before + 1

    async def main():
        await asyncio.wait_for(asyncio.gather(*(count() for _ in range(50))), 60)
        async with a.shared_async(), a.shared_async():
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(a.exclusive_async(), 0.1)
        async with a.exclusive_async(rows=(0, 1)), a.exclusive_async(rows=(1, 3)):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(a.shared_async(rows=(0, 2)), 0.1)

    asyncio.run(main())
    assert a[0] == 50
    a.lock(0).release()


def test_a_death_is_told(a, name, start):
    holder = start(HOLD, name)
    assert holder.stdout.readline() == "held\n"

    async def main():
        waiting = asyncio.ensure_future(a.exclusive_async()._acquire())
        await asleep([waiting])
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with pytest.raises(shm_array.OwnerDied):
            await asyncio.wait_for(waiting, 60)
        async with a.exclusive_async(repair=lambda array: array.fill(0)) as held:
            assert held.owner_died
        await a.exclusive_async(rows=(0, 1))._acquire()

    with pytest.warns(ResourceWarning, match="given back"):
        asyncio.run(main())


def test_a_closed_array_ends_the_wait(a):
    async def main():
        task = asyncio.ensure_future(a.changed())
        await asleep([task])
        a.close()
        with pytest.raises(ValueError, match="closed"):
            await asyncio.wait_for(task, 60)

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["Lock", "Semaphore", "BoundedSemaphore"])
def test_locks_of_the_event_loop(kind):
    lock, inside = getattr(shm_array, kind)(), []

    async def enter():
        async with lock:
            inside.append(1)
            assert len(inside) == 1
            await asyncio.sleep(0)
            inside.pop()

    async def main():
        lock.acquire()
        tasks = [asyncio.ensure_future(enter()) for _ in range(30)]
        await asleep(tasks)
        threading.Timer(0.05, lock.release).start()
        await asyncio.wait_for(asyncio.gather(*tasks), 60)

    asyncio.run(main())
    with pytest.raises(RuntimeError, match="RLock"):
        asyncio.run(shm_array.RLock().acquire_async())


def test_a_thousand_wait_for_an_event():
    event = shm_array.Event()

    async def main():
        tasks = [asyncio.ensure_future(event.wait_async()) for _ in range(WAITERS)]
        await asleep(tasks)
        threading.Timer(0.05, event.set).start()
        return await asyncio.wait_for(asyncio.gather(*tasks), 60)

    assert asyncio.run(main()) == [True] * WAITERS


def test_a_message_by_pipe():
    one, other = shm_array.Pipe()

    async def main():
        task = asyncio.ensure_future(other.recv_async())
        await asleep([task])
        threading.Timer(0.05, one.send, ["word"]).start()
        assert await asyncio.wait_for(task, 60) == "word"
        one.close()
        with pytest.raises(EOFError):
            await asyncio.wait_for(other.recv_async(), 60)

    asyncio.run(main())


def test_the_loop_goes_on_meanwhile(a):
    async def main():
        task = asyncio.ensure_future(a.changed())
        for _ in range(1000):  # where it does not go on, the first of them never ends
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
