"""Four processes fill one array of 2000 x 10 numbers: each takes blocks of 100 rows, and writes the block's offset."""

import collections
import multiprocessing
import os
import time

import numpy as np

import shm_array

ROWS, COLUMNS, BLOCK, PROCESSES = 2000, 10, 100, 4


def fill(name, offset):
    array = shm_array.open(name, "r+")
    array[offset : offset + BLOCK] = offset
    return os.getpid()


def main():
    array = shm_array.create(f"quickstart-{os.getpid()}.blocks", (ROWS, COLUMNS))
    try:
        start = time.perf_counter()
        offsets = range(0, ROWS, BLOCK)
        with multiprocessing.Pool(PROCESSES, maxtasksperchild=1) as pool:  # one share each, however fast it is
            share = len(offsets) // PROCESSES
            pids = pool.starmap(fill, [(array.name, offset) for offset in offsets], chunksize=share)
        elapsed = (time.perf_counter() - start) * 1e3
        expected = np.arange(ROWS) // BLOCK * BLOCK
        assert np.array_equal(array, np.broadcast_to(expected[:, None], array.shape)), "a block has wrong numbers"
        for pid, count in collections.Counter(pids).items():
            print(f"process {pid} filled {count} blocks of {BLOCK} rows")
        print(f"all {ROWS} x {COLUMNS} numbers are right, after {elapsed:.0f} ms with starting the processes")
    finally:
        array.unlink()


if __name__ == "__main__":
    main()
