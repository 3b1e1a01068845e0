"""The constants and structs of include/shm_array.h, under its names without SHM_ARRAY_ and in Python's spelling.

_library.py has the functions, and all of this under its own name as well. tests/test_declarations.py compares both with
the header.
"""

from ctypes import Structure, c_char_p, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p

# open flags
READ = 1
WRITE = 2
COPY_ON_WRITE = 4
UNTRACKED = 8
ADOPT = 16
POPULATE = 32
MLOCK = 64
# create flags
FORTRAN = 256
LAST_CLOSE = 512
OR_OPEN = 1024
LAZY = 2048
RESERVE = 4096
UNNAMED = 8192
WAKES_READERS = 16384
# placements
PLACE_AUTO = 0
PLACE_SHM = 1
PLACE_FILE = 2
PLACE_MEMFD = 3
# advice
ADVICE_NORMAL = 0
ADVICE_SEQUENTIAL = 1
ADVICE_RANDOM = 2
ADVICE_WILL_NEED = 3
ADVICE_DONE_WITH = 4
# ways of writing to disk
SYNC_START = 1
SYNC_WAIT = 2
# policies for machines with several memory nodes
NUMA_BIND = 1
NUMA_INTERLEAVE = 2
NUMA_LOCAL = 3
# lock modes
EXCLUSIVE = 1
SHARED = 2
SNAPSHOT_MAY_LOCK = 1
# view.flags
VIEW_C_CONTIGUOUS = 1
VIEW_F_CONTIGUOUS = 2
VIEW_ALIGNED = 4
VIEW_WRITABLE = 8
VIEW_SHARED = 16
# codes of the library's own
ERR_FORMAT = -10
ERR_CORRUPT = -20
ERR_VERSION = -30
ERR_DTYPE = -40
ERR_PANIC = -90
MAX_NDIM = 64
CONDITIONS = 16
NONE = -(2**63)
# objects that are no arrays; what begins with one of their names is the header's SHM_..., all else SHM_ARRAY_...
OBJECT_READ = 1
OBJECT_WRITE = 2
OBJECT_LAST_CLOSE = 512
OBJECT_OR_OPEN = 1024
OBJECT_WAKES_READERS = 16384
KIND_ARRAY = 1
KIND_SEMAPHORE = 2
KIND_EVENT = 3
KIND_BARRIER = 4
KIND_QUEUE = 5
KIND_PIPE = 6
KIND_TOPIC = 7
KIND_FRAMES = 8
SEMAPHORE_SIGNALLING = 1
SEMAPHORE_OWNED = 2
SEMAPHORE_MAX_VALUE = 2147483647
EVENT_ANY = 1
EVENT_ALL = 2
EVENT_CONSUME = 4
EVENT_NAME_ROOM = 32
QUEUE_SPSC = 1
QUEUE_AGAIN = 1
QUEUE_ARRAY = 2
QUEUE_FINISHED = 4
QUEUE_MAX_CAPACITY = 262144
QUEUE_MAX_PRIORITIES = 8
PIPE_READER = 16
PIPE_WRITER = 32
PIPE_ATOMIC = 4096
TOPIC_KEEP = 1
TOPIC_FINISHED = 4


class Options(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("flags", c_uint32),
        ("permissions", c_uint32),
        ("capacity", c_uint64),
        ("slots", c_uint32),
        ("reserved", c_uint32),
        ("metadata", c_char_p),
        ("dtype_tag", c_char_p),
        ("directory", c_char_p),
        ("placement", c_uint32),
        ("numa", c_uint32),
        ("numa_nodes", c_uint64),
    ]


class View(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("data", c_void_p),
        ("dtype", c_char_p),
        ("dtype_tag", c_char_p),
        ("itemsize", c_uint64),
        ("count", c_uint64),
        ("nbytes", c_uint64),
        ("flags", c_uint32),
        ("ndim", c_uint32),
        ("shape", c_uint64 * MAX_NDIM),
        ("strides", c_int64 * MAX_NDIM),
    ]


class Stat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("id", c_uint8 * 16),
        ("generation", c_uint64),
        ("data_offset", c_uint64),
        ("capacity_bytes", c_uint64),
        ("file_bytes", c_uint64),
        ("created_ns", c_int64),
        ("creator_pid", c_uint32),
        ("flags", c_uint32),
        ("slots", c_uint32),
        ("lock", c_uint32),
        ("lock_pid", c_uint32),
        ("inconsistent", c_uint32),
        ("attached", c_uint32),
        ("placement", c_uint32),
        ("pids", c_uint32 * 64),
        ("allocated_bytes", c_uint64),
        ("published_ns", c_int64),
        ("published_age_ns", c_uint64),
        ("publisher_pid", c_uint32),
        ("publisher_alive", c_uint32),
    ]


class Publish(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("generation", c_uint64),
        ("published_ns", c_int64),
        ("age_ns", c_uint64),
        ("pid", c_uint32),
        ("alive", c_uint32),
    ]


class Entry(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("dtype", c_char_p),
        ("itemsize", c_uint64),
        ("file_bytes", c_uint64),
        ("generation", c_uint64),
        ("created_ns", c_int64),
        ("id", c_uint8 * 16),
        ("flags", c_uint32),
        ("attached", c_uint32),
        ("lock_pid", c_uint32),
        ("ndim", c_uint32),
        ("shape", c_uint64 * MAX_NDIM),
        ("kind", c_uint32),
        ("placement", c_uint32),
        ("reserved", c_uint32),
    ]


class Identity(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("id", c_uint8 * 16),
        ("device", c_uint64),
        ("inode", c_uint64),
        ("data_offset", c_uint64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class ObjectOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("flags", c_uint32),
        ("permissions", c_uint32),
        ("slots", c_uint32),
        ("reserved", c_uint32),
    ]


class SemaphoreStat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("kind", c_uint32),
        ("value", c_uint32),
        ("limit", c_uint32),
        ("holders", c_uint32),
        ("reclaimed", c_uint64),
        ("pids", c_uint32 * 64),
        ("held", c_uint32 * 64),
    ]


class EventStat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("bits", c_uint64),
        ("generation", c_uint64),
        ("usable", c_uint64),
    ]


class BarrierStat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("phase", c_uint64),
        ("participants", c_uint32),
        ("arrived", c_uint32),
        ("broken", c_uint32),
        ("members", c_uint32),
        ("pids", c_uint32 * 64),
    ]


class QueueStat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("id", c_uint8 * 16),
        ("capacity", c_uint64),
        ("message_bytes", c_uint64),
        ("itemsize", c_uint64),
        ("count", c_uint64),
        ("out", c_uint64),
        ("sent", c_uint64),
        ("file_bytes", c_uint64),
        ("created_ns", c_int64),
        ("creator_pid", c_uint32),
        ("flags", c_uint32),
        ("priorities", c_uint32),
        ("reserved", c_uint32),
    ]


class Message(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("data", c_void_p),
        ("len", c_size_t),
        ("priority", c_uint32),
        ("flags", c_uint32),
        ("token", c_uint64),
    ]


class PipeStat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("id", c_uint8 * 16),
        ("capacity", c_uint64),
        ("count", c_uint64),
        ("written", c_uint64),
        ("file_bytes", c_uint64),
        ("created_ns", c_int64),
        ("creator_pid", c_uint32),
        ("flags", c_uint32),
        ("readers", c_uint32),
        ("writers", c_uint32),
    ]


class TopicStat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("id", c_uint8 * 16),
        ("capacity", c_uint64),
        ("message_bytes", c_uint64),
        ("itemsize", c_uint64),
        ("published", c_uint64),
        ("behind", c_uint64),
        ("file_bytes", c_uint64),
        ("created_ns", c_int64),
        ("creator_pid", c_uint32),
        ("flags", c_uint32),
        ("subscribers", c_uint32),
        ("reserved", c_uint32),
    ]


class FramesStat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("dtype", c_char_p),
        ("itemsize", c_uint64),
        ("frame_bytes", c_uint64),
        ("latest", c_uint64),
        ("buffers", c_uint32),
        ("pinned", c_uint32),
        ("writing", c_uint32),
        ("slots", c_uint32),
        ("reserved", c_uint32),
        ("ndim", c_uint32),
        ("shape", c_uint64 * MAX_NDIM),
    ]


class Frame(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("data", c_void_p),
        ("bytes", c_uint64),
        ("number", c_uint64),
        ("missed", c_uint64),
        ("buffer", c_uint32),
        ("reserved", c_uint32),
    ]
