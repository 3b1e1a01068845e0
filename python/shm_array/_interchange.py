"""Shared arrays as what other packages call arrays, columns and tables, over the same elements.

numpy has done most of it: the buffer protocol, and DLPack, through which torch, jax and the rest take an Array. Arrow's
C data interface, pandas and polars come here. None of them copies; where one would have to, that is an error in words.

Arrow calls its arrays immutable. Here another process may write to them: hold the lock while Arrow looks, or agree.
"""

import numpy as np


def to_arrow(array, names=None):
    """A pyarrow.Table, or for one axis of plain numbers a pyarrow.Array, over the same elements.

    array  one axis: a pyarrow.Array. Two axes, order "F": a Table of a column for each second index
    names  of the columns; None: "0", "1", ...

    Raises ValueError where the elements of a column do not lie side by side, as Arrow wants them: in a structured
    array, or with two axes in order "C". ImportError without pyarrow.
    """
    import pyarrow

    if array.ndim == 1 and array.dtype.names is None:
        return _arrow_column(np.asarray(array), "the array")
    columns = {name: _arrow_column(part, f"column {name!r}") for name, part in _columns(array, names).items()}
    return pyarrow.table(columns)


def to_polars(array, names=None):
    """A polars.DataFrame, or for one axis a polars.Series, over the same elements; as to_arrow()."""
    import polars

    return polars.from_arrow(to_arrow(array, names))


def to_pandas(array, names=None):
    """A pandas.DataFrame, or for one axis of plain numbers a pandas.Series, over the same elements.

    array  one axis, structured: a column for each field. Two axes: a column for each second index
    names  of the columns; None: those of the fields, or 0, 1, ...

    What is written through the DataFrame's own arrays is seen by every process; assigning columns replaces them, in
    pandas' manner, by private ones. Raises ImportError without pandas.
    """
    import pandas

    plain = np.asarray(array)
    if plain.ndim == 1 and plain.dtype.names is None:
        return pandas.Series(plain, copy=False)
    if plain.ndim == 2 and plain.dtype.names is None:
        return pandas.DataFrame(plain, columns=names, copy=False)
    columns = {name: pandas.Series(part, copy=False) for name, part in _columns(array, names).items()}
    return pandas.DataFrame(columns, copy=False)


def arrow_c_array(array, requested_schema=None):
    """What Arrow's C data interface asks of an array: two capsules, over the same elements."""
    return _arrow_column(np.asarray(array), "the array").__arrow_c_array__(requested_schema)


def _columns(array, names):
    """The columns of a structured or two-dimensional array, by name."""
    plain = np.asarray(array)
    if plain.dtype.names is not None and plain.ndim == 1:
        parts = {field: plain[field] for field in plain.dtype.names}
    elif plain.ndim == 2:
        parts = {str(index): plain[:, index] for index in range(plain.shape[1])}
    else:
        raise ValueError(
            f"an array of {plain.ndim} axes and dtype {plain.dtype} has no columns: expected a structured array of one "
            "axis, or two axes"
        )
    if names is None:
        return parts
    names = [*names]
    if len(names) != len(parts):
        raise ValueError(f"{len(names)} names for {len(parts)} columns")
    return dict(zip(names, parts.values()))


def _arrow_column(plain, what):
    """One axis of numbers, or more of them as lists of a fixed length, over the same elements."""
    import pyarrow

    if not plain.flags.c_contiguous:
        raise ValueError(
            f"the elements of {what} lie {plain.strides[-1] if plain.ndim == 1 else plain.strides} bytes apart, and "
            f"Arrow wants them side by side, every {plain.itemsize}: make the array with order 'F', or one array for "
            "each column, or use to_pandas()"
        )
    if plain.dtype.kind not in "iuf" or plain.dtype.byteorder == ">":
        raise ValueError(f"Arrow has no type for elements of dtype {plain.dtype}: expected whole or floating numbers")
    column = pyarrow.Array.from_buffers(
        pyarrow.from_numpy_dtype(plain.dtype), plain.size, [None, pyarrow.py_buffer(plain.reshape(-1))]
    )
    for length in reversed(plain.shape[1:]):
        column = pyarrow.FixedSizeListArray.from_arrays(column, length)
    return column
