"""What every test gets: names of its own, fresh Python processes, an end to every hang, and a look at what is left.

After each test nothing may remain in /dev/shm but under the names that were handed out, which are removed here; and
this process may have no more mappings and descriptors of arrays than before.
"""

import faulthandler
import gc
import itertools
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = str(Path(__file__).resolve().parent.parent)
PREFIX = f"pytest-{os.getpid()}-"
WATCHDOG_SECONDS = 120

_numbers = itertools.count(1)


def pytest_configure(config):
    config.own_stderr = os.dup(2)  # before pytest captures it: the watchdog's last words must come through


def left_behind():
    return {path.name for path in Path("/dev/shm").iterdir() if PREFIX in path.name}


def mapped():
    """This process's mappings of arrays, of whatever name: one that is made here never shows its name."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in lines if "/dev/shm/" in line or "memfd:" in line]


def descriptors():
    """This process's descriptors of arrays."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(link)
        except FileNotFoundError:  # the descriptor that lists the directory
            continue
        if target.startswith(("/dev/shm/", "/memfd:")):
            found.add(f"{link.name} is {target}")
    return found


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True, file=request.config.own_stderr)
    before = set(mapped()) | descriptors()
    handed_out = request.node.handed_out = []
    yield
    request.node.funcargs.clear()  # pytest would keep the arrays among them a little longer
    gc.collect()
    for name in handed_out:
        Path("/dev/shm", name).unlink(missing_ok=True)
    assert left_behind() == set(), "left in /dev/shm"
    assert set(mapped()) | descriptors() <= before, "still mapped or open after the test"
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def new_name(request):
    """A function that makes a name that nobody else uses."""

    def make():
        request.node.handed_out.append(f"{PREFIX}{next(_numbers)}")
        return request.node.handed_out[-1]

    return make


@pytest.fixture
def name(new_name):
    """One such name."""
    return new_name()


@pytest.fixture
def long_items(new_name, monkeypatch):
    """A function that lists the arrays of this test in which long items of queues lie; what is left of them fails it."""
    monkeypatch.setattr(secrets, "token_hex", lambda count: new_name())
    return lambda: [path.name for path in Path("/dev/shm").glob(f"shm_array.item.{PREFIX}*")]


@pytest.fixture
def start():
    """A function that starts a fresh Python process on a program text, with sys.argv[1:] as given."""
    running = []

    def start(program, *arguments, environment=(), **options):
        command = [sys.executable, "-X", "faulthandler", "-W", "error", "-c", program, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": PACKAGE, **dict(environment)}
        process = subprocess.Popen(command, env=environment, text=True, stdout=-1, stderr=-1, stdin=-1, **options)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start):
    """A function that runs such a process to its end, which must be a good one without a word on stderr: its output."""

    def run(program, *arguments, **options):
        process = start(program, *arguments, **options)
        output, errors = process.communicate(timeout=WATCHDOG_SECONDS)
        assert (process.returncode, errors) == (0, ""), f"exit code {process.returncode}, and on stderr:\n{errors}"
        return output

    return run


def pid_in(text):
    """The numbers in an error message, to look for a process in."""
    return {int(number) for number in re.findall(r"\d+", text)}
