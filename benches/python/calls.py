"""What calls cost from Python: locks, queues, pipes, opening an array; beside multiprocessing's and SharedArray's.

    python benches/python/calls.py            SHM_ARRAY_PURE=1 leaves the compiled module out

Microseconds each, medians over rounds in which the candidates take turns; in brackets how much of the first
candidate's time that is. SHM_ARRAY_LIBRARY names the library, SHM_ARRAY_HOT the compiled module.
"""

import multiprocessing
import os
import statistics
import time
import timeit
from multiprocessing import shared_memory

import numpy as np

import shm_array
from shm_array import _quick

try:
    import SharedArray
except ImportError:
    SharedArray = None

ROUNDS = 15
FORK = multiprocessing.get_context("fork")


def race(title, candidates, number):
    """Rounds of `number` calls of each candidate in turn, and a line of medians, the first of them as the measure."""
    timers = {name: call if hasattr(call, "timeit") else timeit.Timer(call) for name, call in candidates.items()}
    times = {name: [] for name in timers}
    for _ in range(ROUNDS):
        for name, timer in timers.items():
            times[name].append(timer.timeit(number) / number * 1e6)
    medians = {name: statistics.median(each) for name, each in times.items()}
    first = next(iter(medians.values()))
    cells = (f"{name} {time:.3g} ({time / first:.2f}x)" for name, time in medians.items())
    print(f"{title:30}" + ", ".join(cells), flush=True)


def methods(lock):
    def call():
        lock.acquire()
        lock.release()

    return call


def in_with(lock):
    def call():
        with lock:
            pass

    return call


def locks():
    theirs, lock = multiprocessing.Lock(), shm_array.Lock()
    array = shm_array.create(None, 1000)

    def locked():
        with array.lock():
            pass

    race("lock, unlock", {"mp.Lock": methods(theirs), "Lock": methods(lock)}, 20_000)
    race("with lock", {"mp.Lock": in_with(theirs), "Lock": in_with(lock), "array.lock()": locked}, 20_000)
    theirs, lock = multiprocessing.RLock(), shm_array.RLock()
    race("with rlock", {"mp.RLock": in_with(theirs), "RLock": in_with(lock)}, 20_000)
    theirs, lock = multiprocessing.Semaphore(), shm_array.Semaphore()
    race("with semaphore", {"mp.Semaphore": in_with(theirs), "Semaphore": in_with(lock)}, 20_000)


def here(queue, item):
    return lambda: (queue.put(item), queue.get())


def queues():
    for title, item in ("put, get 64 B", b"x" * 64), ("put, get a dict", {"n": 1, "words": ["a", "b"]}):
        theirs, simple, ours = multiprocessing.Queue(), multiprocessing.SimpleQueue(), shm_array.Queue()
        race(
            title,
            {"mp.Queue": here(theirs, item), "mp.SimpleQueue": here(simple, item), "Queue": here(ours, item)},
            2_000,
        )
        theirs.close()
        theirs.join_thread()


def pipes():
    for size in 64, 1024, 4000, 30_000:
        data = b"x" * size
        ends = {"mp.Pipe": multiprocessing.Pipe(False), "Pipe": shm_array.Pipe(False)}
        calls = {
            name: lambda reader=reader, writer=writer: (writer.send_bytes(data), reader.recv_bytes())
            for name, (reader, writer) in ends.items()
        }
        if size == 64:
            queue = shm_array.Queue()
            calls["Queue.send_bytes"] = lambda queue=queue: (queue.send_bytes(data), queue.recv_bytes())
        race(f"send, receive {size} B", calls, 2_000)


class Stream:
    """Messages to another process, one after the other: seconds until the last has been answered."""

    def __init__(self, pair, data):
        self.end, other = pair
        self.data = data
        self.child = FORK.Process(target=self.receive, args=(other,), daemon=True)
        self.child.start()

    @staticmethod
    def receive(other):
        while count := int.from_bytes(other.recv_bytes(), "little"):
            for _ in range(count):
                other.recv_bytes()
            other.send_bytes(b"done")

    def timeit(self, number):
        start = time.perf_counter()
        self.end.send_bytes(number.to_bytes(8, "little"))
        for _ in range(number):
            self.end.send_bytes(self.data)
        self.end.recv_bytes()
        return time.perf_counter() - start

    def close(self):
        self.end.send_bytes(bytes(8))
        self.child.join()


class Echo(Stream):
    """A message to another process, and an answer as long."""

    @staticmethod
    def receive(other):
        while len(data := other.recv_bytes()) != 8:
            other.send_bytes(data)

    def timeit(self, number):
        start = time.perf_counter()
        for _ in range(number):
            self.end.send_bytes(self.data)
            self.end.recv_bytes()
        return time.perf_counter() - start


def between_processes():
    for kind, title, number in (Stream, "a stream of", 2_000), (Echo, "there and back", 300):
        for size in 64, 4000, 65_536, 1_000_000:
            pairs = {"mp.Pipe": multiprocessing.Pipe(), "Pipe": shm_array.Pipe()}
            streams = {name: kind(pair, b"x" * size) for name, pair in pairs.items()}
            race(f"{title} {size} B", streams, number if size < 10_000 else number // 10)
            for stream in streams.values():
                stream.close()


def opening():
    for length in 1000, 1_000_000:
        name = f"bench-{os.getpid()}-{length}"
        made = shm_array.create(name, length)
        segment = shared_memory.SharedMemory(name + "-std", create=True, size=8 * length)
        theirs = SharedArray.create(f"shm://{name}-sa", length) if SharedArray else None

        def standard(name=segment.name, length=length):
            segment = shared_memory.SharedMemory(name)
            array = np.ndarray(length, float, segment.buf)
            element = array[0]
            del array
            segment.close()
            return element

        def ours(name=name):
            with shm_array.open(name, "r+") as array:
                return array[0]

        def ours_anew(name=name):  # under a name by which this process has not opened it
            with shm_array.open("shm://" + name, "r+") as array:
                return array[0]

        openers = {"mp.shared_memory": standard, "shm_array": ours, "shm_array, mapped anew": ours_anew}
        if SharedArray:
            openers["SharedArray"] = lambda name=name: SharedArray.attach(f"shm://{name}-sa")[0]
        race(f"open, element, close, {8 * length // 1000} kB", openers, 500)
        made.unlink()
        segment.close()
        segment.unlink()
        if SharedArray:
            del theirs
            SharedArray.delete(f"shm://{name}-sa")


if __name__ == "__main__":
    print("without the compiled module" if _quick.hot is None else "with the compiled module")
    locks()
    queues()
    pipes()
    between_processes()
    opening()
