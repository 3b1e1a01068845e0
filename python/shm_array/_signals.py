"""Up to 64 named bits: a control channel between processes.

control = shm_array.Signals(["start", "stop", "reload"], name="control")     # the controller
control.set("start")

control = shm_array.Signals.open("control")                                  # its workers
while "stop" not in control.wait("stop", "reload", consume=True): ...
"""

import ctypes
import threading

from . import _asyncio, _library
from ._library import library
from ._object import Object
from ._waiting import NOT_YET, checked, in_slices

_BITS = 64


class Signals(Object):
    """Bits that any process sets and clears, and any number wait for; who is killed holds up nobody.

    names  of the bits, at most 64, of at most 31 bytes each; bits without a name have numbers, from 0 to 63
    name, exist_ok, lifetime, permissions   as of create()
    slots  how many processes can take part at the same time (None: 256)

    An Event is the bit 0 of one that has no names.
    """

    _kind = "event"
    _Handle = _library.EventHandle

    def __init__(self, names=(), *, name=None, exist_ok=False, lifetime="until-unlinked", permissions=None, slots=None):
        if isinstance(names, (str, bytes)):
            raise TypeError(f"names is {names!r}, expected a sequence such as [{names!r}]; what others open is name=")
        encoded = [_encoded(each) for each in names]
        texts = (ctypes.c_char_p * len(encoded))(*encoded) if encoded else None
        self._create(name, lifetime, exist_ok, texts, len(encoded), permissions=permissions, slots=slots)

    def _begin(self, handle):
        super()._begin(handle)
        found = (library.shm_event_bit_name(handle, bit) for bit in range(_BITS))
        self._names = {bit: text.decode() for bit, text in enumerate(found) if text}
        self._numbers = {text: bit for bit, text in self._names.items()}

    @property
    def names(self):
        """The names of the bits, in the order of the bits."""
        return tuple(self._names.values())

    def set(self, *bits):
        """Set bits, given by name or number, and wake who waits for them."""
        self._check(library.shm_event_set(self._handle, self._mask(bits)))

    def clear(self, *bits):
        """Clear bits: who waits for them waits again."""
        self._check(library.shm_event_clear(self._handle, self._mask(bits)))

    def pulse(self, *bits):
        """Reach all who wait for these bits at this moment, and nobody who comes later: nothing stays set."""
        self._check(library.shm_event_pulse(self._handle, self._mask(bits)))

    def is_set(self, *bits):
        """Whether all of these bits are set."""
        mask = self._mask(bits)
        return self.stat().bits & mask == mask

    @property
    def now(self):
        """The bits that are set, as a set of names or numbers."""
        return self._words(self.stat().bits)

    def wait(self, *bits, all=False, consume=False, timeout=None):
        """Wait for any of these bits, or for all of them: those that came, as a set of names or numbers.

        consume  clear what came: of several who wait, one gets it
        timeout  seconds, or None to wait for ever; 0 only looks

        The set is empty if the time is up. A bit that is set and cleared again before this process looks is not seen:
        to reach those who wait, pulse(). (The main thread looks for Ctrl-C once a second; a pulse in just that moment
        passes by.) close() in another thread does not end a wait that is under way.
        """
        attempt, came = self._attempt(bits, all, consume)
        is_main = threading.current_thread() is threading.main_thread()
        code = in_slices(attempt, checked(timeout), 1 if is_main else 3600)
        if code in NOT_YET:
            return set()
        self._check(code)
        return self._words(came.value)

    async def wait_async(self, *bits, all=False, consume=False):
        """What wait() does, while the event loop goes on; for bits that stay set, not for pulses."""
        attempt, came = self._attempt(bits, all, consume)
        mask, until = self._mask(bits), _library.EVENT_ALL if all else _library.EVENT_ANY

        def once():
            code = attempt(0)
            if code in NOT_YET:
                return None
            self._check(code)
            return self._words(came.value)

        def descriptor():
            number = ctypes.c_int()
            self._check(library.shm_event_notify_fd(self._handle, mask, until, ctypes.byref(number)))
            return number.value

        return await _asyncio.until(once, _asyncio.Source(self, (mask, until, consume), descriptor, consume))

    def _attempt(self, bits, all, consume):
        mask, came = self._mask(bits), ctypes.c_uint64()
        flags = (_library.EVENT_ALL if all else _library.EVENT_ANY) | (_library.EVENT_CONSUME if consume else 0)
        return lambda time: library.shm_event_wait(self._handle, mask, flags, time, ctypes.byref(came)), came

    def _mask(self, bits):
        mask = 0
        for bit in bits:
            number = self._numbers.get(bit, bit)
            number = number.__index__() if hasattr(number, "__index__") else -1
            if not 0 <= number < _BITS:
                known = ", ".join(self.names) or "numbers from 0 to 63"
                raise ValueError(f"there is no bit {bit!r}: {known}")
            mask |= 1 << number
        return mask

    def _words(self, mask):
        return {self._names.get(bit, bit) for bit in range(_BITS) if mask >> bit & 1}


def _encoded(name):
    if not isinstance(name, str) or "\0" in name:
        raise ValueError(f"a bit's name is {name!r}, expected a text without a null character")
    return name.encode()
