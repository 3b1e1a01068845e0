"""What is left in a queue that nobody can use any more: arrays in which long items lie, and others that were sent.

Each is kept by a lease, for the receiver who may still come. When the queue has no name (any more), and the last
process has closed it, nobody comes: so who closes it last receives them all, and lets them go. If that process is
killed, they stay until the lease ends, and collect() removes them then.
"""

import ctypes
import errno
import fcntl
import os
import struct

from . import _library
from ._library import library

# Begins the message that stands for an item of a JoinableQueue that is longer than item_bytes; the name of the array in
# which it lies follows. Drawn once: no pickle begins so, and other bytes do by an accident of 1 in 2**128 only.
LONG_MARK = bytes.fromhex("d5a1c37e906b4f28b11f3ce2840d9a67")

LONG = b"shm_array.item."  # names of arrays in which long items lie

_ATTACH_BYTE = 1 << 62  # see docs/format.md


def leave(queue, close):
    """Close a queue by that function; see above."""
    own = None
    try:
        if queue._handle is not None:
            got = queue.stat()
            if got.count + got.out:
                # A description of its own, which locks nothing: later it shows whether others use the queue.
                descriptor = queue._fresh_descriptor()
                own = os.open(f"/proc/self/fd/{descriptor.number}", os.O_RDWR | os.O_CLOEXEC)
                del descriptor
    except OSError:  # not open for writing, say, or no descriptor left: the leases end by themselves
        pass
    finally:
        close()
    if own is not None:
        try:
            if not os.fstat(own).st_nlink and _is_unused(own):
                _let_go(own, queue.item_bytes)
        finally:
            os.close(own)


def _is_unused(descriptor):
    """Whether no process, this one included, has it open or mapped."""
    whole_byte = (fcntl.F_WRLCK, os.SEEK_SET, _ATTACH_BYTE, 1, 0), (fcntl.F_UNLCK, os.SEEK_SET, _ATTACH_BYTE, 1, 0)
    try:
        for lock in whole_byte:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", *lock))
    except OSError:
        return False
    return True


def _let_go(descriptor, item_bytes):
    handle = _library.QueueHandle()
    if library.shm_queue_open_fd(descriptor, _library.OBJECT_WRITE, ctypes.byref(handle)) != 0:
        return
    room, length = ctypes.create_string_buffer(item_bytes), ctypes.c_size_t()
    while True:
        array = _library.Handle()  # of the one before, it goes now
        code = library.shm_queue_receive(handle, room, item_bytes, 0, ctypes.byref(length))
        if code == 0 and room.raw.startswith(LONG_MARK + LONG):
            name = room.raw[len(LONG_MARK) : length.value]
            if library.shm_array_open(name, _library.WRITE, ctypes.byref(array)) == 0:
                library.shm_array_arrived(array)
        elif code == errno.EBADMSG:
            code = library.shm_queue_receive_array(handle, _library.WRITE, 0, ctypes.byref(array))
        if code not in (0, errno.ENOENT, errno.ESTALE):  # gone already, and its message dropped
            return
