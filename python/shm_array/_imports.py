"""Doing something when a module has been imported: at once if it is there already, else when somebody imports it.

Packages that this one has something to tell are not imported for that: many users have none of them.
"""

import sys
from importlib.machinery import PathFinder


def when_imported(name, action):
    """Call `action` with the module of that name, as soon as there is one."""
    if name in sys.modules:
        action(sys.modules[name])
    else:
        _waiting.setdefault(name, []).append(action)


_waiting = {}


class _Finder:
    """Lets Python's own finder find the module, and has the actions run when it has been executed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _waiting:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                for action in _waiting.pop(name, ()):
                    action(module)

            spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _Finder)
