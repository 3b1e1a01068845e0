"""The example of the five ways and the benchmarks run, on small arrays, and come to the right sums."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PACKAGE

CHECKOUT = Path(PACKAGE).parent


@pytest.mark.parametrize(
    "program, words",
    [
        ("examples/python/five_ways.py", ["np.memmap", "pickle", "mmap", "RawArray", "fork", "shm_array, born shared"]),
        ("benches/python/sums.py", ["shm_array", "shared_memory", "np.save", "RawArray"]),
    ],
)
def test_programs(program, words):
    arguments = [sys.executable, str(CHECKOUT / program), "2", "1"]
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    ended = subprocess.run(arguments, env=environment, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    for word in words:
        assert any(line.startswith(word) and line.split()[-1].replace(".", "").isdigit() for line in lines), (
            ended.stdout
        )
