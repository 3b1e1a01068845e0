"""No order of close, del, unlink, exceptions, threads and the interpreter's end crashes, leaks or warns.

Most of it runs in fresh interpreters: their exit code and their silence are the result.
"""

from pathlib import Path

import numpy as np
import pytest
from conftest import mapped

import shm_array


def test_views_outlive_everything(name):
    a = shm_array.create(name, (3, 4), fill=7)
    views = [a[1:], a.T, np.asarray(a), memoryview(a), np.frombuffer(a), a.view("u1"), a[0, 1:].reshape(3, 1)]
    a.close()
    a.unlink()
    del a
    while views:
        assert (np.asarray(views[0]).view("u1") == np.full(1, 7.0).view("u1")[-1]).any()
        assert mapped()
        views.pop()
    assert not mapped()


def test_memory_goes_with_the_last_array_over_it(name):
    a = shm_array.create(name, 1000)
    assert mapped()
    a.close()
    assert mapped() and a.closed
    a[0] = 1
    del a
    assert not mapped()


def test_with_closes(name):
    with shm_array.create(name, 3) as a:
        assert not a.closed
    assert a.closed
    with pytest.raises(ValueError, match="closed"):
        with a:
            pass
    a.close()
    a.unlink()


def test_closing_a_view_closes_the_array_and_no_other(name):
    a, b = shm_array.create(name, 3), shm_array.open(name, "r+")
    a[1:].close()
    assert a.closed and not b.closed
    with b.lock():
        pass


def test_last_close_goes_with_the_last_array_in_any_process(name, run):
    a = shm_array.create(name, 3, lifetime="last-close")
    run("import sys, shm_array; a = shm_array.open(sys.argv[1], 'r+'); a += 1; a.close()", name)
    assert a.tolist() == [1, 1, 1]
    part = a[1:]
    a.close()
    del a
    assert Path("/dev/shm", name).exists()
    del part
    assert not Path("/dev/shm", name).exists()


def test_until_unlinked_stays(name, run):
    run("import sys, shm_array; shm_array.create(sys.argv[1], 3, fill=4)", name)
    assert shm_array.open(name).tolist() == [4, 4, 4]


def test_a_reader_that_ends_never_removes_an_array(name, run):
    a = shm_array.create(name, 3, fill=2)
    for mode in ("r", "r+", "c"):
        run("import sys, shm_array; shm_array.open(*sys.argv[1:])", name, mode)
    assert shm_array.open(name).tolist() == a.tolist() == [2, 2, 2]


def test_the_resource_tracker_never_starts(name, run):
    program = """
import sys
from multiprocessing import resource_tracker
import shm_array
a = shm_array.create(sys.argv[1], 3)
with a.lock():
    a += 1
a.unlink()
assert resource_tracker._resource_tracker._pid is None
"""
    run(program, name)


ENDS = {
    "array in a global": "",
    "view in a global": "a = a[1:]",
    "closed": "a.close()",
    "closed and unlinked": "a.close(); a.unlink()",
    "unlinked and closed": "a.unlink(); a.close()",
    "closed, with a view": "b = a[1:]; a.close(); del a; b[0] = 1",
    "reference circle": "class C: pass\nc = C(); c.c = c; c.a = a; del a",
    "held lock": "held = a.lock()",
    "held lock, closed": "held = a.lock(); a.close()",
    "generator in the block": """
def locked():
    with a.lock():
        yield
g = locked(); next(g)
""",
    "memoryview": "m = memoryview(a); a.close(); del a; m[0]",
    "plain array at exit": """
import atexit
plain = np.asarray(a)
atexit.register(lambda: plain.fill(3))
""",
    "finaliser at the very end": """
class Late:
    def __init__(self, array): self.array = array
    def __del__(self): self.array[0] = 1; self.array.sum(); self.array.close()
late = Late(a)
sys.late = Late(a[1:])
""",
    "array that outlives all modules": "import builtins; builtins.kept = a[1:]",
    "lock that outlives all modules": "import builtins; builtins.kept = a.lock()",
    "daemon thread that writes": """
import threading
def write():
    while True:
        a[...] = 1
threading.Thread(target=write, daemon=True).start()
""",
    "daemon thread that locks": """
import threading
def write():
    while True:
        with a.lock():
            a[...] = 1
threading.Thread(target=write, daemon=True).start()
""",
    "daemon thread that waits for the lock": """
import threading, time
held = a.lock()
threading.Thread(target=a.lock, daemon=True).start()
time.sleep(0.1)
""",
    "threads that open and close": """
import threading
def work():
    for _ in range(200):
        b = shm_array.open(name, "r+")
        with b.lock():
            b += 1
        b.close()
        assert b[0] >= 1
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
assert a.tolist() == [800] * 3, a
""",
    "closed by many threads at once": """
import threading
for _ in range(100):
    b = shm_array.open(name, "r+")
    def work():
        try:
            with b.lock():
                b[0] = 1
        except ValueError:
            pass
        b.close()
    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
""",
    "forked child that exits": """
import os
child = os.fork()
if child == 0:
    a[0] = 1
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
assert a[0] == 1
""",
    "forked child that outlives": """
import os, time
if os.fork() == 0:
    time.sleep(0.1)
    a[0] = 1
    a.close()
    sys.exit()
""",
    "child forked while threads lock": """
import os, threading
stop = False
def work():
    while not stop:
        with a.lock():
            a[0] += 1
threads = [threading.Thread(target=work) for _ in range(3)]
[t.start() for t in threads]
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
for _ in range(30):
    child = os.fork()
    if child == 0:
        with a.lock(timeout=60):
            a[1] += 1
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop = True
[t.join() for t in threads]
assert a[1] == 30
""",
    "many of them": "many = [shm_array.open(name) for _ in range(2000)]; del many[::2]",
    "sys.modules emptied": "for key in list(sys.modules):\n    if key.startswith('shm_array'): del sys.modules[key]",
    "globals cleared": "b = a[1:]; globals().clear()",
    "os._exit": "import os; os._exit(0)",
}


@pytest.mark.parametrize("lifetime", ["until-unlinked", "last-close"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_ends(name, run, end, lifetime):
    run(
        f"""
import sys, warnings
import numpy as np
import shm_array
warnings.simplefilter("ignore", ResourceWarning)  # some of them drop a lock on purpose
name = sys.argv[1]
a = shm_array.create(name, 3, lifetime={lifetime!r})
{end}
""",
        name,
    )


@pytest.mark.parametrize(
    "end", ["", "view = a[1:]; a.close()", "held = a.lock()", "class C: pass\nc = C(); c.c = c; c.a = a"]
)
def test_last_close_is_gone_after_an_ordinary_end(name, run, end):
    setting = "import sys, warnings, shm_array\nwarnings.simplefilter('ignore', ResourceWarning)\n"
    run(f"{setting}a = shm_array.create(sys.argv[1], 3, lifetime='last-close')\n{end}", name)
    assert not Path("/dev/shm", name).exists()


def test_an_uncaught_exception_frees_the_lock(name, start):
    a = shm_array.create(name, 3)
    program = """
import sys, shm_array
a = shm_array.open(sys.argv[1], "r+")
held = a.lock()
raise KeyError("on purpose")
"""
    process = start(program, name)
    assert "on purpose" in process.communicate()[1] and process.returncode == 1
    with a.lock(timeout=0):
        pass
