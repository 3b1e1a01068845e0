"""Five ways of showing one big numpy array to several processes, side by side, and then a sixth.

    python examples/python/five_ways.py [MiB]

A program has an ordinary array of 1024 MiB and wants two worker processes to sum half of it each. Each way runs in a
process of its own. Printed is the time from the ordinary array to the two sums, workers started on the way, and the
peak of the memory that the program and its workers take together, what they share counted once (PSS).
"""

import ctypes
import mmap
import multiprocessing
import multiprocessing.sharedctypes
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

import shm_array

fork = multiprocessing.get_context("fork")  # as it was in the days of these ways


def halves(array):
    middle = len(array) // 2
    return array[:middle], array[middle:]


# 1. np.memmap: write the array into a file, and map the file everywhere.


def sum_of_file(path, half):
    return halves(np.memmap(path, float, "r"))[half].sum()


def memmap(data):
    with tempfile.TemporaryDirectory() as directory, fork.Pool(2) as pool:
        path = os.path.join(directory, "data")
        file = np.memmap(path, data.dtype, "w+", shape=data.shape)
        file[:] = data
        file.flush()
        return pool.starmap(sum_of_file, [(path, 0), (path, 1)])


# 2. pickle: hand the array to the pool, which writes it through a pipe.


def pickled(data):
    with fork.Pool(2) as pool:
        return pool.map(np.sum, halves(data))


# 3. mmap: anonymous memory that forked children share.


def anonymous_mmap(data):
    shared = np.frombuffer(mmap.mmap(-1, data.nbytes), data.dtype)
    shared[:] = data

    def sum_half(half, results):
        results.put((half, halves(shared)[half].sum()))

    results = fork.SimpleQueue()
    workers = [fork.Process(target=sum_half, args=(half, results)) for half in (0, 1)]
    for worker in workers:
        worker.start()
    sums = dict(results.get() for _ in workers)
    for worker in workers:
        worker.join()
    return [sums[0], sums[1]]


# 4. RawArray: the standard library's shared memory, which an initializer puts into a global of each worker.


def remember(raw):
    global remembered
    remembered = np.frombuffer(raw)


def sum_of_remembered(half):
    return halves(remembered)[half].sum()


def raw_array(data):
    raw = multiprocessing.sharedctypes.RawArray(ctypes.c_double, data.size)
    np.frombuffer(raw)[:] = data
    with fork.Pool(2, initializer=remember, initargs=(raw,)) as pool:
        return pool.map(sum_of_remembered, [0, 1])


# 5. fork: children see the parent's globals; whatever anybody writes is a private copy from then on.


def copy_on_write(data):
    global remembered
    remembered = data
    with fork.Pool(2) as pool:
        return pool.map(sum_of_remembered, [0, 1])


# 6. shm_array: the array, or any view of it, is an argument like any other. Works with spawn and forkserver too.


def shared_array(data):
    with shm_array.asarray(data) as shared, fork.Pool(2) as pool:
        return pool.map(np.sum, halves(shared))


def born_shared(data):
    """The same, where the program makes its array in shared memory to begin with."""
    with fork.Pool(2) as pool:
        return pool.map(np.sum, halves(data))


WAYS = {
    "np.memmap": memmap,
    "pickle, through a Pool": pickled,
    "mmap, inherited": anonymous_mmap,
    "RawArray, by initializer": raw_array,
    "fork, copy on write": copy_on_write,
    "shm_array, copied in": shared_array,
    "shm_array, born shared": born_shared,
}


def run(way, count):
    """In a process of its own: prints the seconds, and then the sums."""
    make = shm_array.empty if way == "shm_array, born shared" else np.empty
    data = make(count)
    data[:] = 1
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    sums = WAYS[way](data)
    seconds = time.perf_counter() - start
    assert sums == [count // 2, count - count // 2], sums
    print(seconds, flush=True)


def pss(pid):
    """MiB that a process and its descendants take, each shared page divided among those who share it."""
    total = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total = next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = file.read().split()
        total += sum(map(pss, children))
    except (OSError, StopIteration):  # it has just ended
        pass
    return total


def measure(way, count, watch):
    """Seconds, and with `watch` the peak of the memory, which costs some of the time."""
    command = [sys.executable, __file__, "--run", way, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        peak = 0
        while watch and process.poll() is None:
            peak = max(peak, pss(process.pid))
            time.sleep(0.01)
        seconds = float(process.stdout.readline())
    assert process.returncode == 0
    return seconds, peak


def main():
    mebibytes = float(sys.argv[1]) if len(sys.argv) > 1 else 1024
    count = int(mebibytes * 2**20 / 8)
    print(f"{mebibytes:g} MiB of float64, two workers\n\n{'':28}{'ms':>8}{'peak MiB':>10}")
    for way in WAYS:
        seconds, _ = measure(way, count, watch=False)
        _, peak = measure(way, count, watch=True)
        print(f"{way:28}{seconds * 1000:8.0f}{peak:10.0f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2], int(sys.argv[3]))
    else:
        main()
