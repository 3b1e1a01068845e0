"""A live shared array is a .npy file: numpy alone, in a process without this package, reads and writes the same."""

import numpy as np
import pytest

import shm_array

DTYPES = {
    "bool": "?", "int8": "i1", "uint8": "u1", "int16": "i2", "big-endian int16": ">i2", "int32": "i4", "uint32": "u4",
    "int64": "i8", "big-endian uint64": ">u8", "float16": "f2", "float32": "f4", "float64": "f8",
    "big-endian float64": ">f8", "longdouble": "g", "complex64": "c8", "big-endian complex128": ">c16",
    "bytes": "S7", "text": "U5", "big-endian text": ">U5", "void": "V6", "datetime": "M8[ns]",
    "datetime in steps": "M8[25s]", "timedelta": "m8[D]", "big-endian datetime": ">M8[us]",
    "structured": [("x", "<f4"), ("y", ">i4", (3,)), ("label", "S4")],
    "nested": [("position", [("x", "<f8"), ("y", "<f8")], (2,)), ("größe", "u1")],
    "padded": np.dtype([("a", "u1"), ("b", "f8")], align=True),
    "titled": [(("a title", "a"), "i4")],
}  # fmt: skip

# Loads both files without the package, compares all elements, and writes the first into the last of the live array.
PROGRAM = """
import sys
import numpy as np
live, expected = sys.argv[1], np.load(sys.argv[2])
for mode in (None, "r+", "r", "c"):
    got = np.load(live, mmap_mode=mode)
    assert got.dtype == expected.dtype, (mode, got.dtype)
    assert got.shape == expected.shape and got.strides == expected.strides, (mode, got.shape, got.strides)
    assert np.array_equal(got, expected), mode
got = np.load(live, mmap_mode="r+")
got[-1, -1] = got[0, 0]
got.flush()
assert "shm_array" not in sys.modules
"""


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_numpy_alone_agrees_element_by_element(name, tmp_path, run, dtype, order):
    a = shm_array.create(name, (3, 4), dtype, order)
    assert a.dtype == np.dtype(dtype)
    fill_with_something(a)
    np.save(tmp_path / "expected.npy", a)
    assert str(a[0, 0]) != str(a[-1, -1])
    run(PROGRAM, f"/dev/shm/{name}", tmp_path / "expected.npy", environment={"PYTHONPATH": ""})
    assert str(a[0, 0]) == str(a[-1, -1])
    assert np.array_equal(shm_array.open(name), a)


def fill_with_something(array):
    """Different valid elements of any dtype, through all fields."""
    if array.dtype.names:
        for field in array.dtype.names:
            fill_with_something(array[field])
    elif array.dtype.kind == "b":
        array[...] = np.arange(array.size).reshape(array.shape) % 2
    elif array.dtype.kind in "SUV":
        array[...] = np.array([b"%d" % i for i in range(array.size)]).astype(array.dtype).reshape(array.shape)
    else:
        array[...] = np.arange(1, array.size + 1).reshape(array.shape)


def test_the_file_stays_valid_while_it_grows(name):
    a = shm_array.create(name, (2, 3), "i4", capacity=5, fill=1)
    with a.lock() as held:
        held.resize(5)[...] = 2
    assert np.load(f"/dev/shm/{name}").tolist() == [[2, 2, 2]] * 5
