"""The lock of an array, taken while an event loop goes on."""

from . import _asyncio, _library
from ._lock import Held, attempt, settle
from ._opened import still_open
from ._waiting import NOT_YET


class Acquiring:
    """A lock that is on its way: `async with array.exclusive_async() as held: ...`, or await it for the Held."""

    def __init__(self, array, mode, repair, rows):
        self._array, self._mode, self._repair, self._rows = array, mode, repair, rows
        self._held = None

    def __await__(self):
        return self._acquire().__await__()

    async def _acquire(self):
        held = Held(self._array, self._rows)
        try:

            def once():
                code = attempt(held, self._mode, 0)
                return None if code in NOT_YET else code

            # Whoever wants everything waits in line; readers, and who wants some rows only, may pass by.
            one_by_one = self._rows is None and self._mode == _library.EXCLUSIVE
            code = await _asyncio.until(once, _asyncio.locks(still_open(self._array), one_by_one))
            settle(held, code, None, self._repair)
        except BaseException:
            held.release()
            raise
        return held

    async def __aenter__(self):
        self._held = await self._acquire()
        return self._held

    async def __aexit__(self, *exception):
        self._held.release()
