"""The ctypes declarations are the header's, to the byte: names, numbers, structs, and every function's arguments.

A C compiler is the judge: from the ctypes table a C program is written that compiles and runs only if the header says
the same. The header's own list of functions is held against the table, so that none can be forgotten.
"""

import ast
import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shm_array import _library
from shm_array._library import library as loaded

HEADER = Path(__file__).resolve().parents[2] / "include" / "shm_array.h"
STRUCTS = {
    "shm_array_options_t": _library.Options,
    "shm_array_view_t": _library.View,
    "shm_array_stat_t": _library.Stat,
    "shm_array_publish_t": _library.Publish,
    "shm_array_entry_t": _library.Entry,
    "shm_array_identity_t": _library.Identity,
    "shm_object_options_t": _library.ObjectOptions,
    "shm_semaphore_stat_t": _library.SemaphoreStat,
    "shm_event_stat_t": _library.EventStat,
    "shm_barrier_stat_t": _library.BarrierStat,
    "shm_queue_stat_t": _library.QueueStat,
    "shm_queue_message_t": _library.Message,
    "shm_pipe_stat_t": _library.PipeStat,
    "shm_topic_stat_t": _library.TopicStat,
    "shm_frames_stat_t": _library.FramesStat,
    "shm_frame_t": _library.Frame,
}
OBJECTS = ["semaphore", "event", "barrier", "queue", "pipe", "topic", "frames"]
C_TYPES = {
    None: "void",
    ctypes.c_int: "int",
    ctypes.c_uint8: "uint8_t",
    ctypes.c_uint32: "uint32_t",
    ctypes.c_uint64: "uint64_t",
    ctypes.c_int64: "int64_t",
    ctypes.c_size_t: "size_t",
    ctypes.c_char_p: "char *",
    ctypes.c_void_p: "void *",
    _library.Handle: "shm_array_t *",
    _library.ListHandle: "shm_array_list_t *",
    **{getattr(_library, f"{kind.capitalize()}Handle"): f"shm_{kind}_t *" for kind in OBJECTS},
    **{struct: name for name, struct in STRUCTS.items()},
}


def c_type(declared):
    if declared in C_TYPES:
        return C_TYPES[declared]
    return C_TYPES[declared._type_] + " *"  # a POINTER(...)


def constants():
    """The package's name and value of each constant, under the header's name."""
    of_objects = tuple(f"{word.upper()}_" for word in ["object", "kind", *OBJECTS])
    return {
        f"SHM_{name}" if name.startswith(of_objects) else f"SHM_ARRAY_{name}": value
        for name, value in vars(_library).items()
        if name.isupper() and type(value) is int and name != "ABI_VERSION"
    }


def functions_in_header():
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", HEADER.read_text(), flags=re.DOTALL)
    return set(re.findall(r"\b(shm_\w+)\s*\(", text))


def constants_in_header():
    return set(re.findall(r"^#define (SHM_\w+) +\S", HEADER.read_text(), flags=re.MULTILINE))


def run_c(tmp_path, statements):
    """What a C program of these statements prints."""
    source, program = tmp_path / "declarations.c", tmp_path / "declarations"
    # How a call is made does not depend on const, so it is taken out of the header, and need not be in the table.
    lines = ["#include <stdbool.h>", "#include <stddef.h>", "#include <stdint.h>", "#include <stdio.h>"]
    lines += ["#define const", "#include <shm_array.h>", "int main(void)", "{", *statements, "    return 0;", "}"]
    source.write_text("\n".join(lines) + "\n")
    compiler = shutil.which("cc") or pytest.fail("these tests need a C compiler: none is installed as `cc`")
    library = Path(loaded._name)
    subprocess.run(
        [compiler, "-std=c11", "-Wall", "-Werror", f"-I{HEADER.parent}", source, library, "-o", program], check=True
    )
    environment = {"LD_LIBRARY_PATH": str(library.parent)}
    return subprocess.run([program], check=True, capture_output=True, text=True, env=environment).stdout.splitlines()


def test_structs_lie_in_memory_as_in_c(tmp_path):
    statements, expected = [], []
    for name, struct in STRUCTS.items():
        statements.append(f'    printf("{name} %zu\\n", sizeof({name}));')
        expected.append(f"{name} {ctypes.sizeof(struct)}")
        for field, _ in struct._fields_:
            size = f"sizeof((({name} *)0)->{field})"
            statements.append(f'    printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), {size});')
            place = getattr(struct, field)
            expected.append(f"{name}.{field} {place.offset} {place.size}")
    assert run_c(tmp_path, statements) == expected


def test_constants_have_the_values_of_c(tmp_path):
    statements = [f'    printf("{name} %lld\\n", (long long){name});' for name in constants()]
    assert run_c(tmp_path, statements) == [f"{name} {value}" for name, value in constants().items()]


def test_everything_in_the_header_is_declared():
    assert set(_library.FUNCTIONS) == functions_in_header()
    assert set(constants()) == constants_in_header()


def test_functions_have_the_types_of_c(tmp_path):
    statements = []
    for name, (result, *arguments) in _library.FUNCTIONS.items():
        parameters = ", ".join(map(c_type, arguments)) or "void"
        statements.append(f"    {c_type(result)} (*a_{name})({parameters}) = {name}; (void)a_{name};")
    run_c(tmp_path, statements)


@pytest.mark.parametrize("path", sorted(Path(_library.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_the_oldest_python_can_read_it(path):
    ast.parse(path.read_text(), feature_version=(3, 9))
