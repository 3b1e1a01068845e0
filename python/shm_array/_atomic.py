"""Operations on one element that no other process can come between."""

import ctypes
import operator

import numpy as np

from . import _library
from ._library import check, library
from ._opened import still_open


def load(array, index):
    opened, place = _find(array, index)
    result = np.empty((), array.dtype)
    check(library.shm_array_atomic_load(*place, _address(result)), opened.name)
    return result[()]


def store(array, index, value):
    opened, place = _find(array, index)
    operand = _operand(array, value)
    check(library.shm_array_atomic_store(*place, _address(operand)), opened.name)


def fetch(function, array, index, value):
    """Have `function` change the element, and return what it was before."""
    opened, place = _find(array, index)
    operand, previous = _operand(array, value), np.empty((), array.dtype)
    check(function(*place, _address(operand), _address(previous)), opened.name)
    return previous[()]


def compare_exchange(array, index, expected, desired):
    opened, place = _find(array, index)
    expected, desired = _operand(array, expected), _operand(array, desired)
    exchanged = ctypes.c_int()
    code = library.shm_array_atomic_compare_exchange(
        *place, _address(expected), _address(desired), ctypes.byref(exchanged)
    )
    check(code, opened.name)
    return bool(exchanged.value), expected[()]


def _find(array, index):
    """The Opened, and the element as the library's functions take it: handle, ndim, index, size."""
    opened = still_open(array)
    index = index if isinstance(index, tuple) else (index,)
    element = np.asarray(array)[(*map(operator.index, index), ...)]
    if element.ndim:
        raise IndexError(f"{len(index)} indices do not name one element of an array of {array.ndim} dimensions")
    view = _library.View(size=ctypes.sizeof(_library.View))
    check(library.shm_array_view(opened.handle, ctypes.byref(view)), opened.name)
    # What is asked for may be an element of a slice; the library wants its place in the whole array.
    number, rest = divmod(opened.place_of(element), max(view.itemsize, 1))
    if rest or element.itemsize != view.itemsize:
        raise TypeError(f"atomic operations are on whole elements; this is a part of one of {view.itemsize} bytes")
    order = "C" if view.flags & _library.VIEW_C_CONTIGUOUS else "F"
    where = np.unravel_index(number, view.shape[: view.ndim], order)
    return opened, (opened.handle, view.ndim, (ctypes.c_int64 * view.ndim)(*map(int, where)), element.itemsize)


def _operand(array, value):
    if isinstance(value, int):  # numpy says what does not fit
        return np.array(value, array.dtype)
    return np.array(np.asarray(value).astype(array.dtype, casting="same_kind").reshape(()))


def _address(scalar):
    return scalar.__array_interface__["data"][0]
