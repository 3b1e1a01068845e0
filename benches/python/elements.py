"""What it costs that an array is a shared one: elements, slices and ufuncs, beside a plain ndarray and np.memmap.

    python benches/python/elements.py

Nanoseconds each, medians over rounds in which the candidates take turns. SHM_ARRAY_LIBRARY names the library.
"""

import os
import statistics
import tempfile
import timeit

import numpy as np

import shm_array

ROUNDS = 15


def race(title, candidates, number):
    """Rounds of `number` calls of each candidate in turn, and a line of medians, the first of them as the measure."""
    timers = {name: timeit.Timer(call) for name, call in candidates.items()}
    times = {name: [] for name in timers}
    for _ in range(ROUNDS):
        for name, timer in timers.items():
            times[name].append(timer.timeit(number) / number * 1e9)
    medians = {name: statistics.median(each) for name, each in times.items()}
    first = next(iter(medians.values()))
    cells = (f"{name} {ns:.0f} ({ns / first:.2f}x)" for name, ns in medians.items())
    print(f"{title:24}" + ", ".join(cells), flush=True)


def arrays(directory):
    plain = np.arange(1000.0)
    file = np.memmap(os.path.join(directory, "a"), float, "w+", shape=1000)
    return {"ndarray": plain, "Array": shm_array.asarray(plain), "np.memmap": file}


def main():
    with tempfile.TemporaryDirectory() as directory:
        kinds = arrays(directory)
        for title, operation, number in (
            ("element", lambda a: lambda: a[5], 100_000),
            ("slice", lambda a: lambda: a[5:50], 100_000),
            ("a + 1, 1000 elements", lambda a: lambda: a + 1, 20_000),
            ("a + 1, 1 element", lambda a, one=slice(0, 1): (lambda b: lambda: b + 1)(a[one]), 20_000),
            ("sum, 1000 elements", lambda a: lambda: a.sum(), 20_000),
        ):
            race(title, {name: operation(a) for name, a in kinds.items()}, number)
        del kinds


if __name__ == "__main__":
    main()
