"""Shared arrays made as numpy makes ordinary ones: from another array, from a file, empty, of zeros, of one value.

All take `name` and the further options of create(). Without a name the memory is anonymous: it goes with its last user,
and multiprocessing hands it over as a descriptor.
"""

import os

import numpy as np

from ._arguments import as_shape
from ._library import check, library
from ._opened import opened_of
from .array import Array, create, open


def asarray(x, name=None, **options):
    """`x` as a shared array: `x` itself if its elements are shared already, else a copy of them.

    x        an array, or anything that numpy makes one of
    name     None, or the name for the copy. An array that is shared under another name is copied as well
    options  what create() takes beside

    Raises what create() raises.
    """
    if isinstance(x, Array) and not options and _is_shared(x) and name in (None, x.name):
        return x
    return copy(x, name, **options)


def copy(x, name=None, *, order="K", **options):
    """A shared copy of an array, of the same dtype and shape.

    order    "K": Fortran order if `x` has it, else C; "C" or "F"
    options  what create() takes beside: lifetime, metadata, capacity, ...

    The elements are filled in while the new array is locked. Raises what create() raises.
    """
    if options.get("exist_ok"):
        raise ValueError("a copy with exist_ok would overwrite the elements of an array that is in use")
    x = np.asanyarray(x)
    array = create(name, x.shape, x.dtype, _order(order, x), **options)
    try:
        if name is None or options.get("untracked"):
            _copy_in(array, x)
        else:
            with array.lock():
                _copy_in(array, x)
    except BaseException:
        if name is not None:
            array.unlink()
        raise
    return array


def empty(shape, dtype=float, order="C", *, name=None, **options):
    """A shared array of that shape, as numpy.empty; its elements are zeros, in fact."""
    return create(name, shape, dtype, order, **options)


def zeros(shape, dtype=float, order="C", *, name=None, **options):
    """A shared array of zeros, as numpy.zeros. The memory is ready, and nothing has been written to it."""
    return create(name, shape, dtype, order, **options)


def full(shape, fill_value, dtype=None, order="C", *, name=None, **options):
    """A shared array of one value, as numpy.full; `fill_value` may be anything that broadcasts to the shape."""
    if dtype is None:
        dtype = np.asarray(fill_value).dtype
    return create(name, shape, dtype, order, fill=fill_value, **options)


def empty_like(prototype, dtype=None, order="K", *, shape=None, name=None, **options):
    """A shared array of another array's shape and dtype, as numpy.empty_like."""
    prototype = np.asanyarray(prototype)
    shape = prototype.shape if shape is None else shape
    return create(name, shape, prototype.dtype if dtype is None else dtype, _order(order, prototype), **options)


def from_file(path, name=None, *, dtype=None, shape=None, offset=0, order="C", **options):
    """A shared array with the elements of a file.

    path           a .npy file; or, with `dtype`, a file of bare elements, as numpy.fromfile reads it
    dtype, shape   of bare elements. Without a shape: one axis, to the end of the file
    offset         bytes before the first bare element
    order          of bare elements: "C", or "F"
    options        what create() takes beside

    To use a .npy file where it lies, without reading it, open() it, or adopt() it. Raises FileNotFoundError, ValueError
    (not a .npy file, or cut short), DtypeError, and what create() raises.
    """
    path = os.path.abspath(os.fsdecode(path))
    if dtype is None:
        return copy(open(f"file://{path}", untracked=True), name, **options)
    dtype = np.dtype(dtype)
    if dtype.itemsize == 0:
        raise ValueError(f"dtype is {dtype}, whose elements have no bytes: give one with a length")
    if shape is None:
        size = os.path.getsize(path)
        if not 0 <= offset <= size:
            raise ValueError(f"offset is {offset}, expected 0 to {size}, which is where {path} ends")
        shape = ((size - offset) // dtype.itemsize,)
    if 0 in as_shape(shape):  # a mapping of nothing is an error to numpy
        return create(name, shape, dtype, order, **options)
    return copy(np.memmap(path, dtype, "r", offset, as_shape(shape), order), name, **options)


def adopt(path):
    """Make an ordinary .npy file a shared and lockable array, in place, and return it, writable.

    The file stays a valid .npy. One that is adopted already is opened. Raises what open() raises.
    """
    path = os.fsdecode(path)
    return open(path if "://" in path else f"file://{os.path.abspath(path)}", "r+", adopt=True)


def exists(name):
    """Whether there is something of that name, or at that path, that open() would find."""
    try:
        open(name, untracked=True)
    except FileNotFoundError:
        return False
    return True


def _copy_in(array, source):
    """All the copying of other arrays into shared ones happens here; with several threads where the bytes lie alike."""
    alike = source.strides == array.strides and (source.flags.c_contiguous or source.flags.f_contiguous)
    if alike and source.size:
        start = source.__array_interface__["data"][0]
        check(library.shm_array_copy_in(opened_of(array).handle, 0, start, source.nbytes), array.name)
    else:
        np.copyto(array, source, casting="no")


def _is_shared(array):
    try:
        return opened_of(array).mode != "c"
    except ValueError:
        return False


def _order(order, like):
    if order == "K":
        return "F" if like.flags.fnc else "C"
    return order
