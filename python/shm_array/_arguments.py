"""A caller's arguments, as the library wants them: in range, or a ValueError or TypeError that names the argument."""

import operator
import os


def as_name(name):
    if name is None:
        return None
    if isinstance(name, os.PathLike):
        name = "file://" + os.path.abspath(os.fspath(name))
    encoded = os.fsencode(name)
    if b"\0" in encoded:
        raise ValueError(f"the name {name!r} contains a null character")
    return encoded


def as_shape(shape):
    try:
        lengths = (operator.index(shape),)
    except TypeError:
        if isinstance(shape, (str, bytes)) or not hasattr(shape, "__iter__"):
            raise TypeError(
                f"shape is {shape!r}, expected a number, or a sequence of numbers; the name comes first in create(), "
                "and as name=... in zeros(), full() and their like"
            ) from None
        lengths = tuple(shape)
    return tuple(whole("a length in shape", length) for length in lengths)


def whole(label, value, bits=64):
    """A whole number that C can hold."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{label} is {value!r}, expected a whole number") from None
    if not 0 <= number < 2**bits:
        raise ValueError(f"{label} is {value}, expected a whole number from 0 on, below 2**{bits}")
    return number


def as_bytes(data):
    """A copy of a buffer, and of nothing else: bytes(5) are five zeros."""
    return data if type(data) is bytes else bytes(memoryview(data))


def nanoseconds(seconds):
    return int(min(seconds, 2**33) * 1e9)


def one_of(label, word, flags):
    if word not in flags:
        raise ValueError(f"{label} is {word!r}, expected one of {', '.join(map(repr, flags))}")
    return flags[word]
