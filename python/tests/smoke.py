"""What must work wherever the wheel is installed: run by itself, with nothing but numpy beside it."""

import json
import multiprocessing
import os
import subprocess
import sys

import numpy as np

import shm_array
from shm_array import _quick


def double(array):
    with array.lock():
        array *= 2
    return array[1:]


def main():
    here = os.path.dirname(shm_array.__file__)
    assert os.path.exists(os.path.join(here, "libshm_array.so")) and not os.environ.get("SHM_ARRAY_LIBRARY")
    command = [sys.executable, "-m", "shm_array", "doctor", "--json"]  # done by the program that came with it
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    assert json.loads(said)["findings"]
    name = f"smoke-{os.getpid()}"
    a = shm_array.asarray(np.arange(6.0).reshape(2, 3), name, lifetime="last-close")
    try:
        for method in multiprocessing.get_all_start_methods():
            with multiprocessing.get_context(method).Pool(2) as pool:
                back = pool.apply(double, (a,))
            assert np.shares_memory(back, a), method
        assert (a == np.arange(6.0).reshape(2, 3) * 2 ** len(multiprocessing.get_all_start_methods())).all()
        assert any(entry.name == name for entry in shm_array.list())
        assert np.array_equal(np.load(f"/dev/shm/{name}"), a) and type(a + 1) is np.ndarray
        assert np.from_dlpack(a).shape == (2, 3) and a.memmap().shape == (2, 3)
    finally:
        a.unlink()
    lock, queue, (end, other) = shm_array.RLock(), shm_array.Queue(), shm_array.Pipe()
    for number in range(1000):
        with lock, a.lock():
            assert lock.acquire(timeout=1) and a.generation
            lock.release()
        queue.put(number, timeout=1)
        end.send_bytes(bytes(number))
        assert queue.get(block=False) == number and other.recv_bytes() == bytes(number)
    versions = f"Python {sys.version.split()[0]}, numpy {np.__version__}, library {shm_array.version()}"
    print(f"{versions}, {'without' if _quick.hot is None else 'with'} the compiled module: good")


if __name__ == "__main__":
    main()
