"""The C library, as ctypes sees it: every function of include/shm_array.h, and with _structs.py all that is in it.

The library is looked for in this order; the first that is named or there is the one:

1. the path in the environment variable SHM_ARRAY_LIBRARY,
2. libshm_array.so beside this file, where a wheel puts it,
3. wherever the loader finds it: LD_LIBRARY_PATH, ld.so.conf.

tests/test_declarations.py compares this file with the header, so that neither can drift.
"""

import ctypes
import errno
import os
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p

from . import _errors
from ._structs import *  # noqa: F403

ABI_VERSION = 1  # the least that will do: functions are added, and none is ever taken away or changed


def _load():
    named = os.environ.get("SHM_ARRAY_LIBRARY")
    beside = os.path.join(os.path.dirname(__file__), "libshm_array.so")
    path = named or (beside if os.path.exists(beside) else "libshm_array.so")
    try:
        library = ctypes.CDLL(path)
        version = library.shm_array_abi_version()
    except (OSError, AttributeError) as error:
        raise ImportError(
            f"the C library of shm_array could not be loaded: {error}. Build it with `cargo build --release`, and set "
            "SHM_ARRAY_LIBRARY to the path of libshm_array.so"
        ) from None
    if version < ABI_VERSION:
        raise ImportError(
            f"{path} has version {version} of the C interface, and this package needs {ABI_VERSION} or later: build "
            "it anew, or set SHM_ARRAY_LIBRARY to the right one"
        )
    return library


library = _load()


class Handle(c_void_p):
    """A `shm_array_t *` that closes itself when the last Python object that uses it is gone.

    The library writes straight into it, through an out parameter, so that there is no moment at which an exception
    (a KeyboardInterrupt, say) could lose an open handle. Nothing closes one by hand: another thread may be inside a
    call with it, and ctypes keeps the arguments of a call alive until the call returns. Who still has it when it is
    closed, a finaliser in a circle of garbage, has NULL, which is an error to the library and no crash.
    """

    __hash__ = object.__hash__  # ctypes takes it away; a Handle is only ever itself

    def __del__(self, close=library.shm_array_close):  # bound early: at the interpreter's end no global is certain
        address, self.value = self.value, None
        close(address)


class ListHandle(c_void_p):
    """A `shm_array_list_t *` that closes itself."""

    def __del__(self, close=library.shm_array_list_close):
        close(self)


def _handle_of(kind, close):
    """The class for a kind of object's handles, which close themselves as a Handle does."""

    class ObjectHandle(c_void_p):
        __hash__ = object.__hash__

        def __del__(self, close=close):
            address, self.value = self.value, None
            close(address)

    ObjectHandle.__name__ = ObjectHandle.__qualname__ = kind + "Handle"
    return ObjectHandle


SemaphoreHandle = _handle_of("Semaphore", library.shm_semaphore_close)
EventHandle = _handle_of("Event", library.shm_event_close)
BarrierHandle = _handle_of("Barrier", library.shm_barrier_close)
QueueHandle = _handle_of("Queue", library.shm_queue_close)
PipeHandle = _handle_of("Pipe", library.shm_pipe_close)
TopicHandle = _handle_of("Topic", library.shm_topic_close)
FramesHandle = _handle_of("Frames", library.shm_frames_close)

INTEGERS = POINTER(c_int64)
ATOMIC_FETCH = (c_int, Handle, c_size_t, INTEGERS, c_size_t, c_void_p, c_void_p)
FUNCTIONS = {
    "shm_array_create": (c_int, c_char_p, c_char_p, c_size_t, POINTER(c_uint64), POINTER(Options), POINTER(Handle)),
    "shm_array_open": (c_int, c_char_p, c_uint32, POINTER(Handle)),
    "shm_array_open_view": (c_int, c_char_p, c_uint32, POINTER(Handle), POINTER(View)),
    "shm_array_open_id": (c_int, c_char_p, c_uint32, POINTER(c_uint8), POINTER(Handle)),
    "shm_array_open_fd": (c_int, c_int, c_uint32, POINTER(Handle)),
    "shm_array_fd": (c_int, Handle, POINTER(c_int)),
    "shm_array_view": (c_int, Handle, POINTER(View)),
    "shm_array_slice": (c_int, Handle, c_size_t, INTEGERS, INTEGERS, INTEGERS, POINTER(Handle)),
    "shm_array_lock": (c_int, Handle, c_uint32, c_int64),
    "shm_array_unlock": (c_int, Handle),
    "shm_array_recover": (c_int, Handle),
    "shm_array_lock_range": (c_int, Handle, c_uint64, c_uint64, c_uint32, c_int64),
    "shm_array_unlock_range": (c_int, Handle, c_uint64, c_uint64),
    "shm_array_recover_range": (c_int, Handle, c_uint64, c_uint64),
    "shm_array_condition_wait": (c_int, Handle, c_uint32, c_int64),
    "shm_array_condition_notify": (c_int, Handle, c_uint32, c_uint32),
    "shm_array_resize": (c_int, Handle, c_uint64),
    "shm_array_generation": (c_int, Handle, POINTER(c_uint64)),
    "shm_array_snapshot": (
        c_int,
        Handle,
        c_uint64,
        c_uint64,
        c_void_p,
        c_size_t,
        c_int64,
        c_uint32,
        POINTER(c_uint64),
    ),
    "shm_array_atomic_load": (c_int, Handle, c_size_t, INTEGERS, c_size_t, c_void_p),
    "shm_array_atomic_store": (c_int, Handle, c_size_t, INTEGERS, c_size_t, c_void_p),
    "shm_array_atomic_exchange": ATOMIC_FETCH,
    "shm_array_atomic_compare_exchange": (
        c_int,
        Handle,
        c_size_t,
        INTEGERS,
        c_size_t,
        c_void_p,
        c_void_p,
        POINTER(c_int),
    ),
    "shm_array_atomic_fetch_add": ATOMIC_FETCH,
    "shm_array_atomic_fetch_min": ATOMIC_FETCH,
    "shm_array_atomic_fetch_max": ATOMIC_FETCH,
    "shm_array_atomic_fetch_and": ATOMIC_FETCH,
    "shm_array_atomic_fetch_or": ATOMIC_FETCH,
    "shm_array_atomic_fetch_xor": ATOMIC_FETCH,
    "shm_array_stat": (c_int, Handle, POINTER(Stat)),
    "shm_array_append": (c_int, Handle, c_uint64, c_void_p, c_size_t),
    "shm_array_trim": (c_int, Handle),
    "shm_array_copy_in": (c_int, Handle, c_uint64, c_void_p, c_size_t),
    "shm_array_advise": (c_int, Handle, c_uint32, c_uint64, c_uint64),
    "shm_array_sync": (c_int, Handle, c_uint32, c_uint64, c_uint64),
    "shm_array_placement": (c_uint32, Handle),
    "shm_array_wait": (c_int, Handle, c_uint64, c_int64, POINTER(c_uint64)),
    "shm_array_last_publish": (c_int, Handle, POINTER(Publish)),
    "shm_array_notify_fd": (c_int, Handle, c_uint64, POINTER(c_int)),
    "shm_array_name": (c_char_p, Handle),
    "shm_array_metadata": (c_char_p, Handle),
    "shm_array_close": (None, Handle),
    "shm_array_unlink": (c_int, c_char_p),
    "shm_array_funlink": (c_int, Handle),
    "shm_array_identity": (c_int, Handle, POINTER(Identity)),
    "shm_array_lease": (c_int, Handle, c_int64),
    "shm_array_arrived": (c_int, Handle),
    "shm_array_list": (c_int, POINTER(ListHandle)),
    "shm_array_list_next": (c_int, ListHandle, POINTER(Entry)),
    "shm_array_list_close": (None, ListHandle),
    "shm_array_collect": (c_int, c_int64, POINTER(c_uint64)),
    "shm_array_strerror": (c_char_p, c_int),
    "shm_array_error_detail": (c_char_p,),
    "shm_array_version": (c_char_p,),
    "shm_array_abi_version": (c_uint32,),
    "shm_barrier_create": (c_int, c_char_p, c_uint32, POINTER(ObjectOptions), POINTER(BarrierHandle)),
    "shm_barrier_open": (c_int, c_char_p, c_uint32, POINTER(BarrierHandle)),
    "shm_barrier_open_fd": (c_int, c_int, c_uint32, POINTER(BarrierHandle)),
    "shm_barrier_fd": (c_int, BarrierHandle, POINTER(c_int)),
    "shm_barrier_join": (c_int, BarrierHandle),
    "shm_barrier_wait": (c_int, BarrierHandle, c_int64, POINTER(c_uint32)),
    "shm_barrier_reset": (c_int, BarrierHandle),
    "shm_barrier_stat": (c_int, BarrierHandle, POINTER(BarrierStat)),
    "shm_barrier_name": (c_char_p, BarrierHandle),
    "shm_barrier_unlink": (c_int, c_char_p),
    "shm_barrier_close": (None, BarrierHandle),
    "shm_event_create": (c_int, c_char_p, POINTER(c_char_p), c_size_t, POINTER(ObjectOptions), POINTER(EventHandle)),
    "shm_event_open": (c_int, c_char_p, c_uint32, POINTER(EventHandle)),
    "shm_event_open_fd": (c_int, c_int, c_uint32, POINTER(EventHandle)),
    "shm_event_fd": (c_int, EventHandle, POINTER(c_int)),
    "shm_event_bit": (c_int, EventHandle, c_char_p, POINTER(c_uint64)),
    "shm_event_bit_name": (c_char_p, EventHandle, c_uint32),
    "shm_event_set": (c_int, EventHandle, c_uint64),
    "shm_event_clear": (c_int, EventHandle, c_uint64),
    "shm_event_pulse": (c_int, EventHandle, c_uint64),
    "shm_event_wait": (c_int, EventHandle, c_uint64, c_uint32, c_int64, POINTER(c_uint64)),
    "shm_event_notify_fd": (c_int, EventHandle, c_uint64, c_uint32, POINTER(c_int)),
    "shm_event_stat": (c_int, EventHandle, POINTER(EventStat)),
    "shm_event_name": (c_char_p, EventHandle),
    "shm_event_unlink": (c_int, c_char_p),
    "shm_event_close": (None, EventHandle),
    "shm_frames_create": (
        c_int,
        c_char_p,
        c_char_p,
        c_size_t,
        POINTER(c_uint64),
        c_uint32,
        POINTER(ObjectOptions),
        POINTER(FramesHandle),
    ),
    "shm_frames_open": (c_int, c_char_p, c_uint32, POINTER(FramesHandle)),
    "shm_frames_open_fd": (c_int, c_int, c_uint32, POINTER(FramesHandle)),
    "shm_frames_fd": (c_int, FramesHandle, POINTER(c_int)),
    "shm_frames_begin_write": (c_int, FramesHandle, POINTER(Frame)),
    "shm_frames_publish": (c_int, FramesHandle, POINTER(Frame), POINTER(c_uint64)),
    "shm_frames_cancel": (c_int, FramesHandle, POINTER(Frame)),
    "shm_frames_acquire": (c_int, FramesHandle, c_uint64, c_int64, POINTER(Frame)),
    "shm_frames_release": (c_int, FramesHandle, POINTER(Frame)),
    "shm_frames_copy_latest": (c_int, FramesHandle, c_uint64, c_void_p, c_size_t, c_int64, POINTER(Frame)),
    "shm_frames_notify_fd": (c_int, FramesHandle, c_uint64, POINTER(c_int)),
    "shm_frames_stat": (c_int, FramesHandle, POINTER(FramesStat)),
    "shm_frames_name": (c_char_p, FramesHandle),
    "shm_frames_unlink": (c_int, c_char_p),
    "shm_frames_close": (None, FramesHandle),
    "shm_pipe_create": (c_int, c_char_p, c_uint64, c_uint32, POINTER(ObjectOptions), POINTER(PipeHandle)),
    "shm_pipe_open": (c_int, c_char_p, c_uint32, POINTER(PipeHandle)),
    "shm_pipe_open_fd": (c_int, c_int, c_uint32, POINTER(PipeHandle)),
    "shm_pipe_fd": (c_int, PipeHandle, POINTER(c_int)),
    "shm_pipe_write": (c_int, PipeHandle, c_void_p, c_size_t, c_int64, POINTER(c_size_t)),
    "shm_pipe_read": (c_int, PipeHandle, c_void_p, c_size_t, c_int64, POINTER(c_size_t)),
    "shm_pipe_peek": (c_int, PipeHandle, c_int64, POINTER(c_void_p), POINTER(c_size_t)),
    "shm_pipe_consume": (c_int, PipeHandle, c_size_t),
    "shm_pipe_reserve": (c_int, PipeHandle, c_int64, POINTER(c_void_p), POINTER(c_size_t)),
    "shm_pipe_commit": (c_int, PipeHandle, c_size_t),
    "shm_pipe_count": (c_int, PipeHandle, POINTER(c_uint64)),
    "shm_pipe_name": (c_char_p, PipeHandle),
    "shm_pipe_stat": (c_int, PipeHandle, POINTER(PipeStat)),
    "shm_pipe_unlink": (c_int, c_char_p),
    "shm_pipe_notify_fd": (c_int, PipeHandle, POINTER(c_int)),
    "shm_pipe_close": (None, PipeHandle),
    "shm_notify_close": (c_int, c_int),
    "shm_object_lease": (c_int, c_int, c_int64),
    "shm_object_arrived": (c_int, c_int),
    "shm_queue_create": (
        c_int,
        c_char_p,
        c_uint64,
        c_uint64,
        c_char_p,
        c_uint32,
        c_uint32,
        POINTER(ObjectOptions),
        POINTER(QueueHandle),
    ),
    "shm_queue_open": (c_int, c_char_p, c_uint32, POINTER(QueueHandle)),
    "shm_queue_open_typed": (c_int, c_char_p, c_char_p, c_uint32, POINTER(QueueHandle)),
    "shm_queue_open_fd": (c_int, c_int, c_uint32, POINTER(QueueHandle)),
    "shm_queue_fd": (c_int, QueueHandle, POINTER(c_int)),
    "shm_queue_send": (c_int, QueueHandle, c_void_p, c_size_t, c_uint32, c_int64),
    "shm_queue_send_many": (
        c_int,
        QueueHandle,
        POINTER(c_void_p),
        POINTER(c_size_t),
        c_size_t,
        c_uint32,
        c_int64,
        POINTER(c_size_t),
    ),
    "shm_queue_receive": (c_int, QueueHandle, c_void_p, c_size_t, c_int64, POINTER(c_size_t)),
    "shm_queue_receive_many": (
        c_int,
        QueueHandle,
        c_void_p,
        c_size_t,
        c_size_t,
        c_int64,
        POINTER(c_size_t),
        POINTER(c_size_t),
    ),
    "shm_queue_reserve": (c_int, QueueHandle, c_int64, POINTER(Message)),
    "shm_queue_commit": (c_int, QueueHandle, POINTER(Message)),
    "shm_queue_cancel": (c_int, QueueHandle, POINTER(Message)),
    "shm_queue_take": (c_int, QueueHandle, c_int64, POINTER(Message)),
    "shm_queue_release": (c_int, QueueHandle, POINTER(Message)),
    "shm_queue_give_back": (c_int, QueueHandle, POINTER(Message)),
    "shm_queue_send_array": (c_int, QueueHandle, Handle, c_int64, c_uint32, c_int64),
    "shm_queue_receive_array": (c_int, QueueHandle, c_uint32, c_int64, POINTER(Handle)),
    "shm_queue_finish": (c_int, QueueHandle),
    "shm_queue_count": (c_int, QueueHandle, POINTER(c_uint64)),
    "shm_queue_dtype": (c_char_p, QueueHandle),
    "shm_queue_name": (c_char_p, QueueHandle),
    "shm_queue_stat": (c_int, QueueHandle, POINTER(QueueStat)),
    "shm_queue_unlink": (c_int, c_char_p),
    "shm_queue_notify_fd": (c_int, QueueHandle, POINTER(c_int)),
    "shm_queue_notify_room_fd": (c_int, QueueHandle, POINTER(c_int)),
    "shm_queue_close": (None, QueueHandle),
    "shm_semaphore_create": (c_int, c_char_p, c_uint32, c_uint32, POINTER(ObjectOptions), POINTER(SemaphoreHandle)),
    "shm_semaphore_open": (c_int, c_char_p, c_uint32, POINTER(SemaphoreHandle)),
    "shm_semaphore_open_fd": (c_int, c_int, c_uint32, POINTER(SemaphoreHandle)),
    "shm_semaphore_fd": (c_int, SemaphoreHandle, POINTER(c_int)),
    "shm_semaphore_wait": (c_int, SemaphoreHandle, c_int64),
    "shm_semaphore_post": (c_int, SemaphoreHandle, c_uint32),
    "shm_semaphore_value": (c_int, SemaphoreHandle, POINTER(c_uint32)),
    "shm_semaphore_stat": (c_int, SemaphoreHandle, POINTER(SemaphoreStat)),
    "shm_semaphore_notify_fd": (c_int, SemaphoreHandle, POINTER(c_int)),
    "shm_semaphore_name": (c_char_p, SemaphoreHandle),
    "shm_semaphore_unlink": (c_int, c_char_p),
    "shm_semaphore_close": (None, SemaphoreHandle),
    "shm_topic_create": (
        c_int,
        c_char_p,
        c_uint64,
        c_uint64,
        c_char_p,
        c_uint32,
        POINTER(ObjectOptions),
        POINTER(TopicHandle),
    ),
    "shm_topic_open": (c_int, c_char_p, c_uint32, POINTER(TopicHandle)),
    "shm_topic_open_typed": (c_int, c_char_p, c_char_p, c_uint32, POINTER(TopicHandle)),
    "shm_topic_open_fd": (c_int, c_int, c_uint32, POINTER(TopicHandle)),
    "shm_topic_fd": (c_int, TopicHandle, POINTER(c_int)),
    "shm_topic_publish": (c_int, TopicHandle, c_void_p, c_size_t, c_int64),
    "shm_topic_subscribe": (c_int, TopicHandle, c_int64),
    "shm_topic_receive": (c_int, TopicHandle, c_void_p, c_size_t, c_int64, POINTER(c_size_t), POINTER(c_uint64)),
    "shm_topic_notify_fd": (c_int, TopicHandle, POINTER(c_int)),
    "shm_topic_notify_room_fd": (c_int, TopicHandle, POINTER(c_int)),
    "shm_topic_finish": (c_int, TopicHandle),
    "shm_topic_count": (c_int, TopicHandle, POINTER(c_uint64)),
    "shm_topic_dtype": (c_char_p, TopicHandle),
    "shm_topic_name": (c_char_p, TopicHandle),
    "shm_topic_stat": (c_int, TopicHandle, POINTER(TopicStat)),
    "shm_topic_unlink": (c_int, c_char_p),
    "shm_topic_close": (None, TopicHandle),
}


def _declare():
    for name, (result, *arguments) in FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError(
                f"{library._name} has no function {name}: it is older than this package. Build it anew, or set "
                "SHM_ARRAY_LIBRARY to the right one"
            ) from None
        function.restype = result
        function.argtypes = arguments


_declare()


def version():
    """The version of the C library that was loaded, such as "0.1.0"."""
    return library.shm_array_version().decode()


_EXCEPTION_OF = {
    ERR_FORMAT: _errors.FormatError,
    ERR_CORRUPT: _errors.CorruptError,
    ERR_VERSION: _errors.VersionError,
    ERR_DTYPE: _errors.DtypeError,
    ERR_PANIC: _errors.InternalError,
    errno.EINVAL: _errors.ArgumentError,
    errno.EOWNERDEAD: _errors.OwnerDied,
}


def error(code, name=None):
    """The exception for a code that a function has just returned on this thread."""
    words = (library.shm_array_error_detail() or library.shm_array_strerror(code)).decode(errors="replace")
    if code < 0:
        return _EXCEPTION_OF.get(code, _errors.Error)(words)
    return _EXCEPTION_OF.get(code, OSError)(code, words, name)


def check(code, name=None):
    """Raise what a nonzero return code stands for; `name` is the array's, where there is one."""
    if code != 0:
        raise error(code, name)
