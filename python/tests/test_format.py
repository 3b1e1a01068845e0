"""docs/format.md is enough to write another implementation: here is one, of what its tables and its words say.

It knows no offset and no size but from the document's tables, and nothing of the package; the tests let it meet live arrays.
"""

import ast
import fcntl
import os
import re
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import shm_array
from test_npy import fill_with_something

DOCUMENT = (Path(__file__).parents[2] / "docs/format.md").read_text(encoding="utf-8")
F_OFD_GETLK, F_OFD_SETLK = 36, 37  # Linux; Python has names for them from 3.9 on, not everywhere
CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
SIGNED = {"created_ns", "strides"}


def table(heading):
    """The cells of the first table below a heading."""
    section = DOCUMENT.split(f"\n{heading}\n", 1)[1]
    rows = re.search(r"(?m)(^\|.*\n)+", section)[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


CONSTANTS = {name: int(value) if value.isdigit() else value.encode() for name, value, _ in table("## Constants")}
PLACES = {name: int(offset) for offset, name, _ in table("## The last page")}


class Record:
    """One of the document's records, over bytes: its fields are attributes, lists of 8-byte words where longer."""

    def __init__(self, name, data):
        self.fields = [(int(offset), int(size), field) for offset, size, field, _ in table(f"### {name}")]
        self.size = sum(size for _, size, _ in self.fields)
        self.data = bytearray(data[: self.size])
        assert len(self.data) == self.size

    def __getattr__(self, wanted):
        for offset, size, field in self.fields:
            if field == wanted:
                data = bytes(self.data[offset : offset + size])
                if field in ("magic", "id", "boot_id"):
                    return data
                code = CODES.get(size, "Q")
                code = code.lower() if field in SIGNED else code
                numbers = struct.unpack(f"={size // struct.calcsize('=' + code)}{code}", data)
                return numbers[0] if len(numbers) == 1 and size in CODES else list(numbers)
        raise AttributeError(wanted)

    def put(self, **values):
        for wanted, value in values.items():
            offset, size = next((offset, size) for offset, size, field in self.fields if field == wanted)
            if not isinstance(value, bytes):
                numbers = value if isinstance(value, list) else [value]
                code = CODES.get(size, "Q").lower() if wanted in SIGNED else CODES.get(size, "Q")
                value = struct.pack(f"={len(numbers)}{code}", *numbers)
            self.data[offset : offset + len(value)] = value
        return self

    def offset(self, wanted):
        return next(offset for offset, _, field in self.fields if field == wanted)

    def crc_behind(self):
        return zlib.crc32(self.data[4:])


def fingerprint():
    blank = bytes(8192)
    words, slot, layout, header = (Record(name, blank) for name in ("Words", "Slot", "Layout", "Header"))
    numbers = [words.size, slot.size, layout.size, header.size, words.offset("readers"), slot.offset("shared")]
    numbers += [layout.offset("shape"), header.offset("slots"), PLACES["LAYOUTS"], PLACES["HEADER"]]
    numbers += struct.unpack("=I", bytes([1, 2, 3, 4]))
    result = 0x811C9DC5
    for number in numbers:
        result = (result ^ number) * 0x01000193 % 2**32
    return result


def test_the_document_tells_the_fingerprint_of_this_machine():
    if sys.byteorder != "little":
        pytest.skip("the document tells that of little-endian machines")
    assert f"machine it is {fingerprint():#010x}." in DOCUMENT


class Segment:
    """A segment, read as "Opening" says."""

    def __init__(self, path):
        self.file = open(path, "r+b", buffering=0)
        assert self.lock(fcntl.F_RDLCK, CONSTANTS["ATTACH"])
        length = os.fstat(self.file.fileno()).st_size
        self.page_offset = length - CONSTANTS["PAGE"]
        page = self.read(self.page_offset, CONSTANTS["PAGE"])
        trailer = self.trailer = Record("Trailer", page[PLACES["TRAILER"] :])
        assert trailer.magic == CONSTANTS["MAGIC"]
        assert trailer.crc == zlib.crc32(trailer.data[: trailer.offset("crc")])
        assert (trailer.version_major, trailer.fingerprint) == (CONSTANTS["VERSION_MAJOR"], fingerprint())
        assert trailer.control_offset + trailer.control_len == trailer.file_len == length
        assert trailer.control_offset % CONSTANTS["CONTROL_ALIGNMENT"] == 0
        header = self.header = Record("Header", page[PLACES["HEADER"] :])
        assert header.crc == header.crc_behind()
        assert [header.kind] == [int(kind) for kind, what in table("## Kinds") if "array" in what]
        assert header.features_read_compatible == header.features_incompatible == 0
        assert header.data_offset + header.capacity_bytes <= trailer.control_offset
        texts = [self.text("dtype"), self.text("tag"), self.text("metadata")]
        assert header.texts_crc == zlib.crc32(b"".join(texts))
        self.dtype, self.tag, self.metadata = (text.decode() for text in texts)

    def read(self, offset, length):
        data = os.pread(self.file.fileno(), length, offset)
        assert len(data) == length
        return data

    def text(self, which):
        offset, length = getattr(self.header, which + "_offset"), getattr(self.header, which + "_len")
        return self.read(self.trailer.control_offset + offset, length)

    @property
    def words(self):
        return Record("Words", self.read(self.page_offset + PLACES["WORDS"], CONSTANTS["PAGE"]))

    @property
    def layout(self):
        size = Record("Layout", bytes(4096)).size
        offset = self.page_offset + PLACES["LAYOUTS"] + (self.words.layout & 1) * size
        layout = Record("Layout", self.read(offset, size))
        assert layout.crc == layout.crc_behind()
        return layout

    def slot(self, number):
        size = Record("Slot", bytes(4096)).size
        return Record("Slot", self.read(self.trailer.control_offset + self.header.slots_offset + number * size, size))

    def elements(self):
        layout = self.layout
        dtype = np.dtype(ast.literal_eval(self.dtype) if self.dtype.startswith("[") else self.dtype)
        shape, strides = layout.shape[: layout.ndim], layout.strides[: layout.ndim]
        assert dtype.itemsize == layout.itemsize
        data = self.read(self.header.data_offset, self.header.capacity_bytes)
        return np.ndarray(shape, dtype, data, strides=strides)

    def lock(self, kind, byte):
        try:
            fcntl.fcntl(self.file, F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, byte, 1, 0))
        except BlockingIOError:
            return False
        return True

    def is_alive(self, identity):
        number, incarnation = (identity & 0x3FF) - 1, identity >> 10
        if self.slot(number).incarnation % 2**20 != incarnation:
            return False
        asked = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, CONSTANTS["SLOT"] + number, 1, 0)
        kind, _, start, length, pid = struct.unpack("hhqqi4x", fcntl.fcntl(self.file, F_OFD_GETLK, asked))
        return (kind, start, length, pid) == (fcntl.F_WRLCK, CONSTANTS["SLOT"] + number, 1, -1)


IDENTITY = (1 << 30) - 1


@pytest.fixture
def look():
    """A function that opens an array as the document says."""
    opened = []

    def look(name):
        opened.append(Segment(f"/dev/shm/{name}"))
        return opened[-1]

    yield look
    for segment in opened:
        segment.file.close()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">i2", "?", "M8[25s]", [("x", "<f4"), ("größe", ">u2", (3,))]], ids=str)
def test_the_document_reads_a_live_array(name, look, dtype, order):
    a = shm_array.create(name, (3, 4), dtype, order, metadata={"unit": "K"})
    fill_with_something(a)
    segment = look(name)
    assert np.array_equal(segment.elements(), a)
    assert segment.elements().dtype == np.dtype(dtype)
    assert segment.layout.strides[:2] == list(a.strides)
    assert segment.layout.fortran == (order == "F")
    assert (segment.tag, ast.literal_eval(segment.metadata)) == ("", {"unit": "K"})
    stat = a.stat()
    assert segment.header.id == stat.id
    assert (segment.header.creator_pid, segment.header.creator_uid) == (os.getpid(), os.geteuid())
    assert segment.header.slots == CONSTANTS["DEFAULT_SLOTS"]


def test_the_document_follows_a_resize(name, look):
    a = shm_array.create(name, (2, 3), "i4", capacity=5)
    segment = look(name)
    before = segment.words.layout
    with a.lock() as held:
        held.resize(4)[...] = 7
    assert segment.words.layout == before + 1
    assert segment.layout.shape[:2] == [4, 3] and segment.layout.capacity == 5
    assert segment.words.front_stale == 0
    assert segment.read(segment.header.data_offset, 4 * 3 * 4) == np.full((4, 3), 7, "i4").tobytes()


def test_the_document_tells_who_holds_the_lock_and_who_lives(name, look, start):
    a = shm_array.create(name, 4, "f8")
    segment = look(name)
    assert segment.words.lock == 0
    holder = start(
        "import sys, shm_array\n"
        "a = shm_array.open(sys.argv[1], 'r+')\n"
        "held = a.lock()\n"
        "print('held', flush=True); sys.stdin.read()",
        name,
    )
    assert holder.stdout.readline() == "held\n"
    identity = segment.words.lock & IDENTITY
    slot = segment.slot((identity & 0x3FF) - 1)
    assert (slot.pid, segment.words.writer) == (holder.pid, identity)
    assert segment.words.begun == segment.words.ended + 1
    assert segment.is_alive(identity)
    holder.kill()
    holder.wait()
    assert not segment.is_alive(identity)
    with pytest.raises(shm_array.OwnerDied):
        a.lock(timeout=5)
    assert segment.words.lock >> 30 & 1, "INCONSISTENT stays until somebody recovers"
    a.recover()
    assert segment.words.lock == 0


def test_the_document_tells_who_shares_the_lock(name, look):
    a = shm_array.create(name, 4, "f8")
    segment = look(name)
    with a.shared():
        words = segment.words
        slots = [i for i in range(segment.header.slots) if words.readers[i // 64] >> i % 64 & 1]
        (slot,) = (segment.slot(i) for i in slots)
        assert [count >> 32 for count in slot.shared] == [slot.incarnation] * 7
        assert sum(count & 0xFFFFFFFF for count in slot.shared) == 1
        assert slot.pid == os.getpid()
    assert all(count & 0xFFFFFFFF == 0 for count in segment.slot(slots[0]).shared)


def test_who_is_attached_by_the_document_keeps_a_last_close_array(name, look):
    a = shm_array.create(name, 4, "f8", lifetime="last-close")
    segment = look(name)
    a.close()
    del a
    shm_array.collect()
    assert os.path.exists(f"/dev/shm/{name}"), "the attach byte is locked"
    segment.file.close()
    shm_array.collect()
    assert not os.path.exists(f"/dev/shm/{name}")


def build(path, elements, slots=8):
    """A segment, written as "Creating" says, by the document alone."""
    shape, strides = list(elements.shape), list(elements.strides)
    front = f"{{'descr': {elements.dtype.str!r}, 'fortran_order': False, 'shape': {elements.shape}, }}".encode()
    front = b"\x93NUMPY\x01\x00" + struct.pack("<H", 4086) + front.ljust(4085) + b"\n"
    align = CONSTANTS["CONTROL_ALIGNMENT"]
    control_offset = -(-(len(front) + elements.nbytes) // align) * align
    slot = Record("Slot", bytes(4096)).size
    control = bytearray(align)
    page = align - CONSTANTS["PAGE"]
    dtype = elements.dtype.str.encode()
    control[page - len(dtype) : page] = dtype
    layout = Record("Layout", bytes(4096)).put(
        ndim=elements.ndim, itemsize=elements.itemsize, capacity=shape[0], shape=shape, strides=strides
    )
    layout.put(crc=layout.crc_behind())
    header = Record("Header", bytes(4096)).put(
        kind=1, id=os.urandom(16), data_offset=len(front), capacity_bytes=elements.nbytes, control_alignment=align,
        slots=slots, ranges_offset=slots * slot, ranges=slots, dtype_offset=page - len(dtype), dtype_len=len(dtype),
        tag_offset=page, metadata_offset=page, texts_crc=zlib.crc32(dtype),
    )  # fmt: skip
    header.put(crc=header.crc_behind())
    trailer = Record("Trailer", bytes(4096)).put(
        control_offset=control_offset, control_len=align, file_len=control_offset + align, fingerprint=fingerprint(),
        version_major=CONSTANTS["VERSION_MAJOR"], version_minor=CONSTANTS["VERSION_MINOR"], magic=CONSTANTS["MAGIC"],
    )  # fmt: skip
    trailer.put(crc=zlib.crc32(trailer.data[: trailer.offset("crc")]))
    for place, record in (("LAYOUTS", layout), ("HEADER", header), ("TRAILER", trailer)):
        start = page + PLACES[place]
        control[start : start + record.size] = record.data
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    os.posix_fallocate(file, 0, control_offset + align)
    os.pwrite(file, front + elements.tobytes(), 0)
    os.pwrite(file, control, control_offset)
    os.close(file)


def test_the_library_takes_a_segment_that_the_document_built(name, look):
    elements = np.arange(12, dtype=">f4").reshape(3, 4)
    build(f"/dev/shm/{name}", elements)
    a = shm_array.open(name, "r+")
    assert a.dtype == elements.dtype and np.array_equal(a, elements)
    with a.lock(timeout=0):
        a[1] = -1
    assert np.load(f"/dev/shm/{name}")[1].tolist() == [-1] * 4
    assert (a.generation, a.stat().slots) == (1, 8)
    assert look(name).words.ended == 1
