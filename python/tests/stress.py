"""A great many children, of every start method, are handed arrays, locks and queues; some are killed on the way.

    python tests/stress.py [children]       1,000 by default, a third of them of each start method

Each child adds 1 to all of an array under the array's own lock, 1 to a count that a Lock guards, works on one task of a
JoinableQueue while it has a permit of a BoundedSemaphore, and sends the result through a Queue. One in twenty kills
itself in the middle of one of these, and one in fifty is killed from outside, at any moment.

At the end all elements must be equal, nobody's work may be lost, all permits must be back, every task must be done, at
most as many twice as were killed; and no name, file, descriptor, mapping or process may be left, in this process and in
the server that forks.
"""

import collections
import multiprocessing
import os
import random
import signal
import sys
import time
from multiprocessing import forkserver

import shm_array

AT_ONCE = 8
PERMITS = 3
MOMENTS = ["array", "lock", "permit", "task", "result"]  # at which a child may kill itself

Shared = collections.namedtuple("Shared", "array lock count permits tasks results")


def put_right(array):
    array[1:] = array[0]


def work(shared, fatal_moment=None):
    def at(moment):
        if moment == fatal_moment:
            os.kill(os.getpid(), signal.SIGKILL)

    with shared.array.lock(repair=put_right):
        shared.array[:500] += 1
        at("array")
        shared.array[500:] += 1
    with shared.lock:
        shared.count[0] += 1
        at("lock")
    with shared.permits:
        at("permit")
        task = shared.tasks.get(timeout=60)
        at("task")
        shared.results.put((task, task * task))
        at("result")
        shared.tasks.task_done()


def make(prefix, children):
    forever = {"lifetime": "last-close"}
    return Shared(
        shm_array.create(f"{prefix}-array", 1000, int, **forever),
        shm_array.Lock(name=f"{prefix}-lock", **forever),
        shm_array.create(None, 1, int),  # travels as a descriptor
        shm_array.BoundedSemaphore(PERMITS, name=f"{prefix}-permits", **forever),
        shm_array.JoinableQueue(children + 1, item_bytes=128, name=f"{prefix}-tasks", **forever),
        shm_array.Queue(2 * children, item_bytes=128),  # some results come twice
    )


def run_children(shared, children):
    """How many were killed."""
    chance = random.Random(children)
    methods = multiprocessing.get_all_start_methods()
    running, killed = collections.deque(), 0

    def reap(most):
        count = 0
        while len(running) > most:
            process = running.popleft()
            process.join(120)
            assert process.exitcode in (0, -signal.SIGKILL), f"a child ended with {process.exitcode}"
            count += process.exitcode == -signal.SIGKILL
            process.close()
        return count

    for number in range(children):
        shared.tasks.put(number)
        moment = chance.choice(MOMENTS) if chance.random() < 0.05 else None
        context = multiprocessing.get_context(methods[number % 3])
        process = context.Process(target=work, args=(shared, moment))
        process.start()
        running.append(process)
        if chance.random() < 0.02:
            time.sleep(chance.random() * 0.2)
            process.kill()
        killed += reap(AT_ONCE - 1)
    return killed + reap(0)


def examine(shared, children, killed):
    done = collections.Counter()
    while not shared.tasks.join(0):  # those of the killed, for whom nobody else is left
        task = shared.tasks.get(timeout=60)
        shared.results.put((task, task * task))
        shared.tasks.task_done()
    while not shared.results.empty():
        task, square = shared.results.get()
        assert square == task * task
        done[task] += 1
    assert sorted(done) == list(range(children)), "a task is lost"
    twice = sum(done.values()) - children
    assert twice <= killed, f"{twice} tasks were done twice, and {killed} children were killed"

    shared.array.recover(put_right)
    with shared.lock:
        counted = int(shared.count[0])
    assert (shared.array == shared.array[0]).all(), "half an addition is seen"
    for name, sum_of_all in (("the array", int(shared.array[0])), ("the count", counted)):
        assert children - killed <= sum_of_all <= children, f"{name} has {sum_of_all}"
    for back in range(PERMITS):  # whoever asks for one finds those of the dead
        assert shared.permits.acquire(timeout=60), f"{back} permits of {PERMITS} are back"
    shared.permits.release(PERMITS)
    return twice


def held():
    """Descriptors of this process and of the server that forks, and mappings of arrays here."""
    server = forkserver._forkserver._forkserver_pid
    descriptors = [len(os.listdir(f"/proc/{pid}/fd")) for pid in (os.getpid(), server)]
    with open("/proc/self/maps") as file:
        mapped = sum("/dev/shm/" in line or "memfd:" in line for line in file)
    return (*descriptors, mapped)


def run(children):
    prefix = f"stress-{os.getpid()}"
    for method in multiprocessing.get_all_start_methods():  # their helpers stay
        process = multiprocessing.get_context(method).Process(target=time.sleep, args=(0,))
        process.start()
        process.join()
        process.close()
    warm = make(f"{prefix}-warm", 1)
    work_done = run_children(warm, 1)
    assert work_done == 0
    examine(warm, 1, 0)
    del warm
    before = held()

    shared = make(prefix, children)
    begun = time.monotonic()
    killed = run_children(shared, children)
    seconds = time.monotonic() - begun
    twice = examine(shared, children, killed)
    del shared
    assert not multiprocessing.active_children()
    patience = time.monotonic() + 60
    while any(now > once for now, once in zip(held(), before)):  # a child may not be quite gone, for the server
        is_patient = time.monotonic() < patience
        assert is_patient, f"descriptors here, of the server, and mappings: {held()}, and {before} at first"
        time.sleep(0.01)
    shm_array.collect()
    left = [name for name in os.listdir("/dev/shm") if name.startswith(prefix)]
    for name in left:  # those who were killed on their way hold leases
        shm_array.unlink(name)
    assert killed or not left, left
    print(
        f"{children} children in {seconds:.0f} s, {killed} of them killed, {twice} tasks done twice: "
        "every addition and every task is there, and nothing is left"
    )


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
