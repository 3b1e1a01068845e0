"""From an ordinary array to the sums of its halves, made by two worker processes: shm_array beside every other way.

    python benches/python/sums.py [MiB] [rounds]

Times are medians of rounds in which all ways take turns, each in a process of its own. For all but fork, mmap and
RawArray, which cannot do it, the workers have been started before, and have said that they are there. Memory is the
peak of the program and its workers, shared pages counted once (PSS), in a run of its own. The last column is what a
worker needs from the message that it gets to an array that it can use, where there is such a moment.

Ways whose package is not installed are left out: joblib, SharedArray, ray.
"""

import multiprocessing
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import shared_memory
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np

import shm_array

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples" / "python"))
import five_ways  # noqa: E402
from five_ways import halves  # noqa: E402

fork = multiprocessing.get_context("fork")


def started_pool():
    pool = fork.Pool(2)
    pool.map(time.sleep, [0.1, 0.1], chunksize=1)
    return pool


def sum_half_of(attach, place, half):
    """In a worker: the sum, and the seconds until the array could be used."""
    start = time.perf_counter()
    array, keep = attach(*place)
    array[0]
    ready = time.perf_counter() - start
    total = halves(array)[half].sum()
    del array, keep
    return total, ready


def through_pool(pool, attach, *place):
    answers = pool.starmap(sum_half_of, [(attach, place, half) for half in (0, 1)], chunksize=1)
    return [total for total, _ in answers], max(ready for _, ready in answers)


def ticket(text):
    return pickle.loads(text), None


def shm(data, pool):
    with shm_array.asarray(data, f"sums-{os.getpid()}", lifetime="last-close") as shared:
        return through_pool(pool, ticket, bytes(pickle.dumps(shm_array.by_reference(shared, lease=1e-3))))


def shm_argument(data, pool):
    with shm_array.asarray(data, f"sums-{os.getpid()}", lifetime="last-close") as shared:
        return pool.map(np.sum, halves(shared), chunksize=1), None


def attach_standard(name, count):
    segment = shared_memory.SharedMemory(name)
    return np.ndarray(count, float, segment.buf), segment


def standard(data, pool):
    segment = shared_memory.SharedMemory(create=True, size=data.nbytes)
    try:
        np.ndarray(data.shape, data.dtype, segment.buf)[:] = data
        return through_pool(pool, attach_standard, segment.name, len(data))
    finally:
        segment.close()
        segment.unlink()


def attach_file(path):
    return np.memmap(path, float, "r"), None


def memmap(data, pool):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        file = np.memmap(os.path.join(directory, "data"), data.dtype, "w+", shape=data.shape)
        file[:] = data
        return through_pool(pool, attach_file, file.filename)


def attach_npy(path):
    return np.load(path, mmap_mode="r"), None


def npy(data, pool):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        np.save(os.path.join(directory, "data.npy"), data)
        return through_pool(pool, attach_npy, os.path.join(directory, "data.npy"))


def pickled(data, pool):
    return pool.map(np.sum, halves(data), chunksize=1), None


def attach_shared_array(name):
    import SharedArray

    return SharedArray.attach(name), None


def sharedarray_start():
    import SharedArray

    assert SharedArray
    return started_pool()


def sharedarray(data, pool):
    import SharedArray

    name = f"shm://sums-{os.getpid()}"
    shared = SharedArray.create(name, data.shape)
    try:
        shared[:] = data
        return through_pool(pool, attach_shared_array, name)
    finally:
        SharedArray.delete(name)


def joblib_start():
    import joblib

    parallel = joblib.Parallel(2)
    parallel(joblib.delayed(time.sleep)(0.2) for _ in range(2))
    return parallel


def joblib_sums(data, parallel):
    import joblib

    return parallel(joblib.delayed(np.sum)(half) for half in halves(data)), None


def joblib_with_ours(data, parallel):
    with shm_array.asarray(data, f"sums-{os.getpid()}", lifetime="last-close") as shared:
        return joblib_sums(shared, parallel)


def ray_start():
    import ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)

    @ray.remote
    def total(data, half):  # carries its text along: ray's workers do not import this file
        middle = len(data) // 2
        return (data[middle:] if half else data[:middle]).sum()

    ray.get([total.remote(np.ones(4), half) for half in (0, 1)])
    return total


def ray_sums(data, total):
    import ray

    place = ray.put(data)
    return ray.get([total.remote(place, half) for half in (0, 1)]), None


def nothing():
    pass


def without_start(way):
    return lambda data, _: (way(data), None)


WAYS = {  # what is started before, and then the way
    "shm_array": (started_pool, shm_argument),
    "shm_array, by_reference": (started_pool, shm),
    "shm_array with joblib": (joblib_start, joblib_with_ours),
    "shared_memory": (started_pool, standard),
    "pickle": (started_pool, pickled),
    "np.memmap on tmpfs": (started_pool, memmap),
    "np.save to tmpfs": (started_pool, npy),
    "SharedArray": (sharedarray_start, sharedarray),
    "joblib": (joblib_start, joblib_sums),
    "ray": (ray_start, ray_sums),
    "RawArray": (nothing, without_start(five_ways.raw_array)),
    "mmap, inherited": (nothing, without_start(five_ways.anonymous_mmap)),
    "fork, copy on write": (nothing, without_start(five_ways.copy_on_write)),
}


def run(way, count):
    data = np.ones(count)
    start, sums = WAYS[way]
    started = start()
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.perf_counter()
    result, ready = sums(data, started)
    seconds = time.perf_counter() - begin
    assert list(result) == [count // 2, count - count // 2], result
    print(seconds, ready, flush=True)
    if hasattr(started, "terminate"):
        started.terminate()
        started.join()


def measure(way, count, watch):
    """Seconds until the sums, seconds until the array was ready or None, peak MiB; None if the package is not there."""
    command = [sys.executable, __file__, "--run", way, str(count)]
    silent = {"stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **silent) as process:
        if process.stdout.readline() != "ready\n":
            return None
        process.stdin.write("go\n")
        process.stdin.flush()
        peak = 0
        while watch and process.poll() is None:
            peak = max(peak, five_ways.pss(process.pid))
            time.sleep(0.01)
        seconds, ready = process.stdout.readline().split()
    return float(seconds), None if ready == "None" else float(ready), peak


def main():
    mebibytes = float(sys.argv[1]) if len(sys.argv) > 1 else 1024
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    count = int(mebibytes * 2**20 / 8)
    peaks = {way: measured[2] for way in WAYS if (measured := measure(way, count, watch=True))}
    times = {way: [] for way in peaks}
    for _ in range(rounds):
        for way in times:
            times[way].append(measure(way, count, watch=False))
    print(f"{mebibytes:g} MiB of float64, medians of {rounds}\n\n{'':26}{'ms':>8}{'peak MiB':>10}{'to array, ms':>14}")
    for way, measured in times.items():
        total = statistics.median(seconds for seconds, _, _ in measured)
        readies = [ready for _, ready, _ in measured if ready is not None]
        ready = f"{statistics.median(readies) * 1000:14.2f}" if readies else ""
        print(f"{way:26}{total * 1000:8.0f}{peaks[way]:10.0f}{ready}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2], int(sys.argv[3]))
    else:
        main()
