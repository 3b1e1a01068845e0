"""What goes wrong, as exceptions.

The library answers with an errno or with a code of its own. An errno becomes the OSError that Python has for it:
FileNotFoundError, FileExistsError, PermissionError, TimeoutError. A code of the library's own becomes a subclass of
Error, and is a ValueError too where something that was handed in is at fault. The words are the library's: what was
wrong, what was expected, what to do.
"""


class Error(Exception):
    """The base of the errors that only this library knows; an ordinary OSError is not among them."""


class FormatError(Error, ValueError):
    """The file is neither a shared array nor a .npy file."""


class CorruptError(Error, ValueError):
    """The file is a shared array, but a damaged one: truncated, or with flipped bits."""


class VersionError(Error, ValueError):
    """The array was made by a newer version of the library, or on another type of machine."""


class DtypeError(Error, ValueError):
    """The dtype is not understood, or cannot be shared: its elements point into one process's own memory."""


class InternalError(Error, RuntimeError):
    """A bug in the library, caught before it could do harm. Please report it."""


class ArgumentError(Error, OSError, ValueError):
    """An argument makes no sense: a name with a slash, 65 dimensions, an unknown flag (errno EINVAL)."""


class ArrivalError(Error, OSError):
    """An array that was handed over by reference is not to be had where it was received (errno ESTALE or ENOENT).

    The receiver runs on another machine or in a container with another /dev/shm, or the array was unlinked on its way.
    """


class OwnerDied(Error, OSError):
    """A process died while it held the lock for writing: elements may be half written (errno EOWNERDEAD).

    The lock is not held when this is raised. Everybody who locks is told, until somebody declares the elements whole
    again: Array.recover(), or the `repair` of Array.lock().
    """
