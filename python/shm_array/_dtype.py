"""numpy's dtypes as the text that the library stores, and back.

The text is what numpy itself writes into the header of a .npy file: "<f8", or "[('x', '<f4'), ('y', '<i4', (3,))]".
An extension dtype such as ml_dtypes' bfloat16 is only "|V2", two bytes, there; its name travels beside it as a tag.
"""

import ast
import sys
import warnings

import numpy as np

from ._errors import DtypeError


def to_text(dtype):
    """The text and the tag ("" for none) of a dtype; DtypeError where elements of it cannot be shared."""
    if dtype.hasobject or dtype.kind == "T":
        raise DtypeError(
            f"elements of dtype {dtype} are pointers into one process's memory, and cannot be shared. Use a dtype of "
            "fixed size: a number, 'S20' or 'U20' for text, or a structure of those"
        )
    if dtype.isbuiltin == 2:  # numpy's word for "registered by another package"
        return f"|V{dtype.itemsize}", dtype.name
    try:
        descr = np.lib.format.dtype_to_descr(dtype)
        survives = np.lib.format.descr_to_dtype(descr) == dtype
    except (ValueError, TypeError):
        survives = False
    if not survives:
        raise DtypeError(
            f"dtype {dtype} cannot be written into a .npy header without a loss: it has overlapping or reordered "
            "fields, or an extension dtype as a field. Use a structure of plain fields in the order of their offsets"
        )
    return descr if isinstance(descr, str) else repr(descr), ""


simple = {}  # dtypes without fields and tag, by their text


def of_view(view):
    """The dtype that the library's struct tells of."""
    return of_texts(view.dtype, view.dtype_tag)


def of_texts(text, tag):
    """The dtype that two bytes objects stand for."""
    dtype = None if tag else simple.get(text)
    if dtype is None:
        dtype = from_text(text.decode(), tag.decode())
        if not tag and not text.startswith(b"["):
            simple[text] = dtype
    return dtype


def _level_of_the_caller():
    """How far above the function that asks the first frame is that is not this package's."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        frame, level = frame.f_back, level + 1
    return level


def from_text(text, tag):
    """The dtype that a text and a tag stand for; plain bytes of the right size, and a warning, for an unknown tag."""
    descr = ast.literal_eval(text) if text.startswith("[") else text
    dtype = np.lib.format.descr_to_dtype(descr)
    if not tag:
        return dtype
    try:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, tag))
    except (ImportError, AttributeError, TypeError) as error:
        words = f"elements of dtype {tag!r} are shown as bare bytes ({dtype}): {error}"
        warnings.warn(words, stacklevel=_level_of_the_caller())
        return dtype
