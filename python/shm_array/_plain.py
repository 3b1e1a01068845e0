"""Results that are plain ndarrays, in private memory: of whatever does not look into the shared memory any more.

numpy makes each result in the type of its operands, unless they ask for something else. What is asked here costs
nothing where an element or a slice is looked at: neither __getitem__ nor __array_finalize__ is a Python function. Nor
is __array_function__: it would make each of numpy's functions that is no ufunc 1.1 us slower, and catch a few more.
"""

import functools

import numpy as np


def _as_of_plain(name):
    """A method of ndarray that makes something new of its elements, and makes it plain."""
    method = getattr(np.ndarray, name)

    @functools.wraps(method, assigned=("__name__", "__doc__"))
    def of_plain(self, *args, **kwargs):
        return method(np.asarray(self), *args, **kwargs)

    return of_plain


class Plain(np.ndarray):
    """An ndarray whose slices and other views are of its own class, and whose results are plain ndarrays."""

    __slots__ = ()

    # Below ndarray's own: where both take part, numpy makes the result plain at once, and calls no __array_wrap__.
    __array_priority__ = -1.0

    def __array_wrap__(self, array, context=None, return_scalar=None):
        if array is self:  # the target of an in-place operation
            return self
        if return_scalar is None:  # numpy 1 does not say
            return_scalar = array.ndim == 0
        return array[()] if return_scalar else array.view(np.ndarray)

    argmax, argmin = _as_of_plain("argmax"), _as_of_plain("argmin")
    argsort, argpartition = _as_of_plain("argsort"), _as_of_plain("argpartition")
    choose, compress, take = _as_of_plain("choose"), _as_of_plain("compress"), _as_of_plain("take")
    dot, repeat = _as_of_plain("dot"), _as_of_plain("repeat")
    flatten, copy, __copy__ = _as_of_plain("flatten"), _as_of_plain("copy"), _as_of_plain("__copy__")
    __deepcopy__ = _as_of_plain("__deepcopy__")
    __reduce__, __reduce_ex__ = _as_of_plain("__reduce__"), _as_of_plain("__reduce_ex__")

    def astype(self, *args, **kwargs):
        plain = np.asarray(self)
        result = plain.astype(*args, **kwargs)
        return self if result is plain else result
