"""The quick way for the calls that programs make most often: a small module in C, _hot, where it has been compiled.

Each method is defined in Python, over ctypes, and complete. `@quicken` before a class puts functions of _hot in front
of some of its methods; they do the usual case, where there is nothing to wait for, and call the Python method in every
other. What they have to know of an object lies in its base class here: attributes like any others, which C reads too.

Without _hot, because no C compiler was there or the environment variable SHM_ARRAY_PURE is set, nothing is put in
front of anything. _hot is looked for beside this file, where a wheel puts it; or SHM_ARRAY_HOT is its path. Its sources
are in python/hot, beside the package, so that no folder can be taken for the module.
"""

import ctypes
import importlib.machinery
import importlib.util
import inspect
import os

from ._library import VIEW_WRITABLE, Handle, library


def _load():
    """The module, or None."""
    if os.environ.get("SHM_ARRAY_PURE", "0") != "0":
        return None
    path = os.environ.get("SHM_ARRAY_HOT")
    if path is None:
        try:
            from . import _hot
        except ImportError:
            return None
        return _hot
    loader = importlib.machinery.ExtensionFileLoader("shm_array._hot", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


hot = _load()

if hot is None:

    class Quick:
        """The base of locks, semaphores, queues and ends of pipes."""

    class QuickConnection:
        """The base of Connection."""

    class QuickOpened:
        """The base of Opened."""

        __slots__ = (
            "_identity", "_name", "closed", "data", "descriptor", "flags", "handle", "locks", "nbytes", "spare",
            "untracked",
        )  # fmt: skip

        def __init__(self):
            self._identity = self._name = self.descriptor = self.locks = self.spare = None
            self.closed = False

        @property
        def __array_interface__(self):
            """For numpy: all elements, as bytes."""
            read_only = not self.flags & VIEW_WRITABLE
            return {"version": 3, "typestr": "|u1", "shape": (self.nbytes,), "data": (self.data, read_only)}

    class QuickHeld:
        """The base of Held."""

        __slots__ = ("_array", "_handle", "_opened", "_range", "owner_died")

        def __del__(self):
            if self._handle is not None:
                self._forgotten()

    def quicken(what):
        return what

    def give_parts(*parts):
        pass

else:
    from_ctypes = (ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in hot.FUNCTIONS)
    hot.bind(*from_ctypes)  # the very same library: it has a state for each process
    Quick, QuickConnection, QuickOpened, QuickHeld = hot.Quick, hot.QuickConnection, hot.QuickOpened, hot.QuickHeld

    give_parts = hot.give_parts

    def quicken(what):
        """Put what there is in C in front of the methods of a class, or of a function."""
        if inspect.isfunction(what):
            return hot.put_in_front(hot.METHODS.index(("", what.__name__)), None, what, _described(what))
        cls, quick = what, {}
        for number, (class_name, name) in enumerate(hot.METHODS):
            if class_name == cls.__name__:
                found = vars(cls)[name]
                function = found.fget if isinstance(found, property) else found
                method = hot.put_in_front(number, cls, function, _described(function))
                quick[name] = property(method, doc=found.__doc__) if isinstance(found, property) else method
        for name, found in tuple(vars(cls).items()):
            other_name = getattr(found, "__name__", name)
            if name not in quick and other_name in quick and found is vars(cls)[other_name]:  # as in exclusive = lock
                quick[name] = quick[other_name]
        for name, method in quick.items():
            setattr(cls, name, method)
        return cls


def _described(function):
    """Signature and docstring, as C functions carry them: help() shows what it shows for the Python function."""
    signature = str(inspect.signature(function)).replace("(self", "($self", 1)
    return f"{function.__name__}{signature}\n--\n\n{function.__doc__ or ''}"


quicken(Handle)
