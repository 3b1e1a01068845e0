"""A photograph in shared memory, filtered in place by two C processes, one of which is killed half way.

    photograph.py FILTER PICTURE

FILTER is the compiled filter.c, whose head explains how a block survives the death of the process that works on it;
PICTURE is the PNG file to write.
"""

import contextlib
import functools
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

import shm_array

ROWS_A_BLOCK = 50
KILLED_IN = 5  # the block in which one process is killed
TO_DO, BEGUN, DONE = range(3)
KERNEL = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))

say = functools.partial(print, flush=True)  # at once, for the C processes print too


def main(filter_program, picture_path):
    with contextlib.ExitStack() as stack:
        prefix = f"quickstart-{os.getpid()}"

        def create(part, shape, dtype):
            array = shm_array.create(f"{prefix}.{part}", shape, dtype)
            stack.callback(array.unlink)
            return array

        with stopwatch() as loading, Image.open(photograph_path()) as image:
            picture = create("picture", (image.height, image.width, 3), np.uint8)
            picture[...] = image
        original = picture.copy()
        blocks = create("blocks", -(-len(picture) // ROWS_A_BLOCK), [("state", "i4"), ("pid", "i4"), ("ms", "f8")])
        create("journal", (ROWS_A_BLOCK, *picture.shape[1:]), np.uint8)
        keep_seams(picture, create("seams", (len(blocks), 2, *picture.shape[1:]), np.uint8))
        say(f"{photograph_path().name}, {picture.shape[0]} x {picture.shape[1]} pixels, now lies in")
        say(f"/dev/shm/{picture.name}: process {os.getpid()} put it there in {loading.ms:.1f} ms")

        with stopwatch() as filtering:
            even = start(filter_program, prefix, 0, 2)
            odd = start(filter_program, prefix, 1, 2, KILLED_IN, stdout=subprocess.PIPE)
            say(f"C process {even.pid} filters the even blocks of {ROWS_A_BLOCK} rows, {odd.pid} the odd ones")
            kill_half_way(odd, picture, blocks)
            again = start(filter_program, prefix, 1, 2)
            say(f"C process {again.pid} is started in its place")
            for process in (even, again):
                if process.wait() != 0:
                    sys.exit(f"C process {process.pid} failed with exit code {process.returncode}")

        for number, block in enumerate(blocks):
            assert block["state"] == DONE, f"block {number} was not filtered"
            say(f"block {number:2}, rows {number * ROWS_A_BLOCK:3} on: process {block['pid']}, {block['ms']:.2f} ms")
        with stopwatch() as checking:
            assert np.array_equal(picture, embossed(original)), "the result is not what numpy makes of it"
        with stopwatch() as saving:
            Image.fromarray(picture).save(picture_path)
        say("every pixel is what numpy computes from the original")
        say(f"filtering took {filtering.ms:.0f} ms with death and restart, checking {checking.ms:.0f} ms, ", end="")
        say(f"writing the PNG {saving.ms:.0f} ms")


def photograph_path():
    """Where matplotlib keeps it; matplotlib itself is not needed, and so not imported."""
    package = Path(importlib.util.find_spec("matplotlib").origin).parent
    return package / "mpl-data" / "sample_data" / "grace_hopper.jpg"


def start(program, *arguments, **options):
    return subprocess.Popen([program, *map(str, arguments)], text=True, **options)


def keep_seams(picture, seams):
    """The original row above and below each block; at the picture's edges, the edge itself."""
    for number in range(len(seams)):
        first = number * ROWS_A_BLOCK
        seams[number, 0] = picture[max(first - 1, 0)]
        seams[number, 1] = picture[min(first + ROWS_A_BLOCK, len(picture) - 1)]


def kill_half_way(process, picture, blocks):
    """Wait until a process says that it is half way through its block, and kill it there."""
    words = process.stdout.readline().strip()
    assert words == f"half way through block {KILLED_IN}", words
    assert blocks[KILLED_IN]["state"] == BEGUN
    holder = picture.stat().lock_pid
    assert holder == process.pid, f"the lock is held by process {holder}"
    process.kill()
    process.wait()
    assert process.returncode == -signal.SIGKILL
    say(f"C process {process.pid} was killed with SIGKILL {words}, while it held the lock")


def embossed(original):
    """What the filter is to come to, computed by numpy over the whole picture."""
    height, width, _ = original.shape
    padded = np.pad(original.astype(int), ((1, 1), (1, 1), (0, 0)), mode="edge")
    total = sum(KERNEL[y][x] * padded[y : y + height, x : x + width] for y in range(3) for x in range(3))
    return total.clip(0, 255).astype(np.uint8)


@contextlib.contextmanager
def stopwatch():
    class Watch:
        ms = None

    start = time.perf_counter()
    yield Watch
    Watch.ms = (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    main(*sys.argv[1:])
