"""From an ordinary array to the sums of its halves, made by two worker processes: shm_array beside every other way.

    python benches/python/sums.py [MiB] [rounds]

Times are medians of rounds in which all ways take turns, each in a process of its own. For all but fork, mmap and
RawArray, which cannot do it, the workers have been started before, and have said that they are there. Memory is the
peak of the program and its workers, shared pages counted once (PSS), in a run of its own. The last column is what a
worker needs from the message that it gets to an array that it can use, where there is such a moment.

Below the table stand the aims, and where the time of shm_array goes. Ways whose package is not installed are left out:
joblib, SharedArray, ray (python/requirements-benches.txt has them all).
"""

import multiprocessing
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import shared_memory
from pathlib import Path

import numpy as np

import shm_array
from shm_array._creation import _copy_in

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


def shm_in_parts(data, pool):
    """What shm_argument() does, step by step; prints the milliseconds of each."""
    marks = [time.perf_counter()]
    shared = shm_array.empty_like(data, name=f"sums-{os.getpid()}", lifetime="last-close")
    marks.append(time.perf_counter())
    _copy_in(shared, data)
    marks.append(time.perf_counter())
    sums = pool.map(np.sum, halves(shared), chunksize=1)
    marks.append(time.perf_counter())
    shared.close()
    del shared
    marks.append(time.perf_counter())
    print(*((after - before) * 1000 for before, after in zip(marks, marks[1:])), flush=True)
    return sums, None


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


def ray_directory(pid):
    return Path(tempfile.gettempdir(), f"sums-ray-{pid}")


def ray_start():
    import ray

    ray.init(
        num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False, _temp_dir=str(ray_directory(os.getpid()))
    )

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


AIMS = {"shared_memory": 1 / 3, "pickle": 1 / 10, "np.save to tmpfs": 1, "ray": 1}  # of their times


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


IN_PARTS = "shm_array, in parts"
PARTS = ["memory", "copy", "hand over and sum", "close"]


def run(way, count):
    data = np.ones(count)
    start, sums = (started_pool, shm_in_parts) if way == IN_PARTS else WAYS[way]
    try:
        started = start()
    except ImportError as error:
        print(f"no {error.name}", flush=True)
        return
    # Memory is touched and freed first: the host of a virtual machine takes its time to give what nobody has touched for
    # some seconds, and that would be measured, whatever the way.
    np.ones(count)
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
    """What a way prints, as words, and the peak MiB; None if its package is not there."""
    command = [sys.executable, __file__, "--run", way, str(count)]
    with tempfile.TemporaryFile("w+") as errors:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        with subprocess.Popen(command, text=True, **pipes) as process:
            answer = process.stdout.readline()
            if answer.startswith("no "):
                return None
            if answer == "ready\n":
                process.stdin.write("go\n")
                process.stdin.flush()
            peak = 0
            while watch and process.poll() is None:
                peak = max(peak, five_ways.pss(process.pid))
                time.sleep(0.01)
            words = process.stdout.read().split()
        shutil.rmtree(ray_directory(process.pid), ignore_errors=True)
        errors.seek(0)
        if process.returncode != 0 or not words:
            raise RuntimeError(f"{way} ended with {process.returncode}:\n{errors.read()}")
    return words, peak


def median(numbers):
    return statistics.median(map(float, numbers))


def main():
    mebibytes = float(sys.argv[1]) if len(sys.argv) > 1 else 1024
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    count = int(mebibytes * 2**20 / 8)
    peaks = {way: measured[1] for way in WAYS if (measured := measure(way, count, watch=True))}
    words = {way: [] for way in (*peaks, IN_PARTS)}
    for _ in range(rounds):
        for way in words:
            words[way].append(measure(way, count, watch=False)[0])
    parts = [median(measured[index] for measured in words[IN_PARTS]) for index in range(len(PARTS))]
    times = {way: median(seconds for seconds, _ in words[way]) * 1000 for way in peaks}
    readies = {way: median(ready for _, ready in words[way]) * 1000 for way in peaks if words[way][0][1] != "None"}

    print(f"{mebibytes:g} MiB of float64, medians of {rounds}\n\n{'':26}{'ms':>8}{'peak MiB':>10}{'to array, ms':>14}")
    for way, milliseconds in times.items():
        ready = f"{readies[way]:14.2f}" if way in readies else ""
        print(f"{way:26}{milliseconds:8.0f}{peaks[way]:10.0f}{ready}")
    print(f"\nshm_array beside {'':9}{'is':>8}{'aim':>10}")
    for peer, aim in AIMS.items():
        if peer in times:
            print(f"{peer:26}{times['shm_array'] / times[peer]:8.2f}{aim:10.2f}")
    print(f"{'to array, ms':26}{readies['shm_array, by_reference']:8.2f}{3:10.2f}")
    print("\nwhere its time goes, ms: " + ", ".join(f"{part} {took:.1f}" for part, took in zip(PARTS, parts)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2], int(sys.argv[3]))
    else:
        main()
