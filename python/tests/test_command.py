"""python -m shm_array: list and collect by itself, all else through the program shm-array, if there is one."""

import sys

import pytest

import shm_array
from shm_array import __main__ as command

RUN = "import runpy, sys; runpy.run_module('shm_array', run_name='__main__', alter_sys=True)"


def test_list(name, run):
    a = shm_array.create(name, (3, 4), ">i2", lifetime="last-close")
    with a.lock():
        lines = run(RUN, "list", environment={"PATH": ""}).splitlines()
    assert lines[0].split()[:3] == ["NAME", "DTYPE", "SHAPE"]
    (line,) = [line for line in lines if line.startswith(name)]
    for words in (">i2", "3 x 4", "last-close", "yes", "KiB"):
        assert words in line, line


def test_collect(run):
    assert run(RUN, "collect", environment={"PATH": ""}).endswith("removed\n")


def test_all_else_needs_the_program_and_says_so(start):
    process = start(RUN, "doctor", environment={"PATH": ""})
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "`doctor` is done by the program shm-array, which is not on the PATH" in errors
    assert "Traceback" not in errors


def test_without_words_it_explains_itself(run):
    assert "python -m shm_array list" in run(RUN, environment={"PATH": ""})


@pytest.mark.parametrize("arguments", [("list",), ("doctor", "--fix")])
def test_the_program_does_it_where_it_is(tmp_path, run, arguments):
    program = tmp_path / "shm-array"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint('program', *sys.argv[1:])\n")
    program.chmod(0o755)
    assert run(RUN, *arguments, environment={"PATH": str(tmp_path)}) == f"program {' '.join(arguments)}\n"


@pytest.mark.parametrize(
    "size, words", [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 * 2**30, "3.0 GiB"), (5 * 2**40, "5.0 TiB")]
)
def test_sizes_are_readable(size, words):
    assert command.readable(size) == words
