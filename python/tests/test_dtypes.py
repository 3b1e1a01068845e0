"""The library's own reading of dtypes against numpy's: names, random dtypes of every kind, and damaged texts.

The library writes each dtype as numpy writes it into a .npy header, so the two can be compared letter by letter. What is
random here is the same in every run: a seed is the number in the test's name.
"""

import ast
import ctypes
import random
import warnings
from collections import namedtuple

import numpy as np
import pytest

import shm_array
from shm_array._library import Handle, View, check, library

DTYPES_A_SEED = 60
DAMAGED_A_SEED = 400

NUMBERS = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "f16", "c8", "c16", "c32"]
UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]
CODES = "?bhilqpBHILQPefdgFDGSUVMmc"
NAMES = [
    "bool", "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
    "float64", "complex64", "complex128", "byte", "ubyte", "short", "ushort", "intc", "uintc", "int", "int_", "intp",
    "uint", "uintp", "longlong", "ulonglong", "half", "single", "double", "float", "longdouble", "csingle", "cdouble",
    "complex", "clongdouble", "str", "str_", "bytes", "bytes_", "void", "datetime64", "timedelta64",
]  # fmt: skip
SCALARS = ["<f8", "=i4", "M8[25ns]", "m8", "|S10", "<U5", "datetime64[s]", *NAMES]
STRUCTURES = [
    "[('x', '<f4'), ('y', '<i4', (3,))]",
    "[(('t','n'), '>u2', (2, 3)), ('', '|V4'), ('z', [('a', '<M8[25s]')])]",
    "[('a', ('<f4', (3,)), (2,))]",
    "[('', '<f4', (2,)), ('a', '<f4')]",
    "[('é', '?'), ('it\\'s', 'b1')]",
]
DAMAGE = "<>=|fiucbSUVMmOT1234569[](),' \"\\téa:{}-"
FIELD_NAMES = ["x", "größe", "温度", "it's", 'say "x"', "it's \"x\"", "a\\b", "a\nb\tc\r", "\x00\x7f\xa0\xad", "e\u0301",
               "\u200b\u2028\ue000\U000e0001", "\U0001f600", " ", "(", "')", "x" * 100]  # fmt: skip

Told = namedtuple("Told", "text tag itemsize")


def told(text):
    """What the library makes of a dtype's text; DtypeError if it makes nothing of it."""
    handle, view = Handle(), View(size=ctypes.sizeof(View))
    check(library.shm_array_create(None, text.encode(), 1, (ctypes.c_uint64 * 1)(0), None, ctypes.byref(handle)))
    check(library.shm_array_view(handle, ctypes.byref(view)))
    return Told(view.dtype.decode(), view.dtype_tag.decode(), view.itemsize)


def written(dtype):
    """What numpy writes into a header."""
    descr = np.lib.format.dtype_to_descr(dtype)
    return descr if isinstance(descr, str) else repr(descr)


def read(text):
    """What numpy reads in a header: a dtype, or None for an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python and numpy, about what they will not read any more some day
        try:
            return np.lib.format.descr_to_dtype(ast.literal_eval(text) if text.lstrip()[:1] in ("[", "(") else text)
        except (SyntaxError, TypeError, ValueError, OverflowError):
            return None


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_what_it_is_in_numpy(name):
    assert told(name) == (written(np.dtype(name)), "", np.dtype(name).itemsize)


@pytest.mark.parametrize("order", ["", "<", ">", "=", "|"])
def test_a_code_in_any_byte_order_is_what_it_is_in_numpy(order):
    for code in [*CODES, *NUMBERS, "S7", "U7", "V7", "M8", "m8", "M8[s]", "m8[25us]", "M8[1D]", "m8[generic]"]:
        dtype = np.dtype(order + code)
        assert told(order + code) == (written(dtype), "", dtype.itemsize), order + code


def random_scalar(dice):
    order = dice.choice("<>=|")
    kind = dice.choice(["number", "number", "text", "time"])
    if kind == "number":
        return np.dtype(order + dice.choice(NUMBERS))
    if kind == "text":
        return np.dtype(order + dice.choice("SUV") + str(dice.choice([1, 2, 3, 7, 1000])))
    count = dice.choice(["", "1", "2", "25", "2147483647"])
    return np.dtype(f"{order}{dice.choice('Mm')}8" + dice.choice(["", f"[{count}{dice.choice(UNITS)}]"]))


def random_part(dice, depth):
    """The dtype of a field: a number, text, or another structure; often several of it."""
    part = random_structure(dice, depth + 1) if depth < 3 and dice.random() < 0.3 else random_scalar(dice)
    for _ in range(dice.choice([0, 0, 0, 1, 1, 2])):
        if 0 < part.itemsize < 100_000:
            part = np.dtype((part, tuple(dice.randint(1, 3) for _ in range(dice.randint(1, 3)))))
    return part


def random_structure(dice, depth=0):
    """Packed, aligned like a C struct, or with gaps anywhere; some fields have titles, some no bytes."""
    names = dice.sample(FIELD_NAMES, dice.choice([0, 1, 2, 3, 5]))
    titles = [f"title of {name}" if dice.random() < 0.2 else None for name in names]
    formats = [random_part(dice, depth) for _ in names]
    if names and dice.random() < 0.2:
        formats[-1] = np.dtype(dice.choice([("f8", (2, 0)), "S0", ">U0"]))
    layout = dice.choice(["packed", "aligned", "gaps"])
    if layout != "gaps":
        fields = {"names": names, "titles": titles, "formats": formats}
        return np.dtype(fields, align=layout == "aligned")
    offsets, end = [], 0
    for part in formats:
        offsets.append(end + dice.choice([0, 1, 4, 7]))
        end = offsets[-1] + part.itemsize
    itemsize = end + dice.choice([0, 0, 3, 8])
    return np.dtype({"names": names, "titles": titles, "formats": formats, "offsets": offsets, "itemsize": itemsize})


@pytest.mark.parametrize("seed", range(6))
def test_any_dtype_comes_back_whole_with_and_without_the_library(new_name, seed):
    dice = random.Random(seed)
    for _ in range(DTYPES_A_SEED):
        dtype = random_scalar(dice) if dice.random() < 0.2 else random_structure(dice)
        text = written(dtype)
        assert told(text) == (text, "", dtype.itemsize)

        dtype = np.empty(0, dtype).dtype  # numpy 2 makes arrays of ">M8", without a unit, in native order
        text = written(dtype)
        name, shape, order = new_name(), dice.choice([(), (0,), (3,), (2, 3), (2, 1, 3)]), dice.choice("CF")
        a = shm_array.create(name, shape, dtype, order)
        assert (a.dtype, a.shape) == (dtype, shape)
        content = dice.getrandbits(8 * a.nbytes + 1).to_bytes(a.nbytes + 1, "little")[: a.nbytes]
        with open(f"/dev/shm/{name}", "r+b") as file:
            file.seek(a.stat().data_offset)
            file.write(content)
        modes = ["r", "r+", "c"] if a.nbytes else []
        for got in [a, shm_array.open(name), *(np.load(f"/dev/shm/{name}", mmap_mode=mode) for mode in [None, *modes])]:
            assert (written(got.dtype), got.dtype, got.shape) == (text, dtype, shape)
            assert got.tobytes(order) == content
        a.unlink()


def test_every_type_of_ml_dtypes_is_known_by_its_name(new_name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    types = [kind for kind in vars(ml_dtypes).values() if isinstance(kind, type) and issubclass(kind, np.generic)]
    assert types
    for dtype in map(np.dtype, types):
        assert told(dtype.name) == (f"|V{dtype.itemsize}", dtype.name, dtype.itemsize)
        a = shm_array.create(new_name(), 3, dtype)
        assert a.dtype == shm_array.open(a.name).dtype == dtype


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_library_understands_numpy_understands_the_same_way(seed):
    dice = random.Random(seed)
    understood = 0
    for _ in range(DAMAGED_A_SEED):
        text = dice.choice(dice.choice([SCALARS, STRUCTURES]))
        for _ in range(dice.choice([1, 1, 2])):
            start = dice.randrange(len(text) + 1)
            text = text[:start] + dice.choice(DAMAGE) + text[start + dice.choice([0, 1]) :]
        try:
            got = told(text)
        except shm_array.DtypeError as error:
            assert len(str(error)) > 20, text
            continue
        if not got.tag:  # "int8" may have become "int4"
            understood += 1
            dtype = read(text)
            assert dtype is not None and got == (written(dtype), "", dtype.itemsize), text
    assert 0 < understood < DAMAGED_A_SEED


def test_a_structure_too_wide_for_a_header_is_refused_with_the_figures(name):
    fields = [(f"field {i}", "<f4") for i in range(400)]
    with pytest.raises(shm_array.DtypeError, match="bytes long.* 8192|room for"):
        shm_array.create(name, 3, fields)
    assert shm_array.create(name, 3, fields[:250]).dtype == np.dtype(fields[:250])
    assert np.load(f"/dev/shm/{name}").dtype == np.dtype(fields[:250])
