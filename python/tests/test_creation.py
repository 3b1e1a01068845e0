"""Shared arrays made from other arrays and from files, as numpy makes ordinary ones; and as a numpy.memmap."""

import mmap
import os
from pathlib import Path

import numpy as np
import pytest

import shm_array

SOURCES = {
    "C order": np.arange(24.0).reshape(4, 6),
    "Fortran order": np.asfortranarray(np.arange(24.0).reshape(4, 6)),
    "strided": np.arange(48.0).reshape(4, 12)[::-1, ::2],
    "structured": np.array([(1, 2.5), (3, 4.5)], [("n", "i2"), ("x", "f8")]),
    "text": np.array(["one", "größer"]),
    "big-endian": np.arange(5, dtype=">i4"),
    "list": [[1, 2], [3, 4]],
    "number": 7.5,
    "nothing": np.empty((3, 0)),
    "read only": np.broadcast_to(np.arange(3), (2, 3)),
}


@pytest.mark.parametrize("named", [False, True], ids=["anonymous", "named"])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_copies_have_the_same_elements_dtype_shape_and_order(name, source, named):
    a = shm_array.copy(source, name if named else None)
    plain = np.asarray(source)
    assert type(a) is shm_array.Array and a.flags.writeable
    assert a.dtype == plain.dtype and a.shape == plain.shape and np.array_equal(a, plain)
    assert a.flags.f_contiguous == plain.flags.f_contiguous or not plain.flags.forc
    assert not np.shares_memory(a, plain)
    assert shm_array.exists(name) == named


def test_asarray_copies_only_what_is_not_shared_yet(new_name):
    name = new_name()
    a = shm_array.asarray([1, 2, 3], name)
    assert shm_array.asarray(a) is a and shm_array.asarray(a, name) is a
    part = a[1:]
    assert shm_array.asarray(part) is part
    other = shm_array.asarray(a, new_name())
    assert not np.shares_memory(other, a) and other.tolist() == [1, 2, 3]
    for private in (a[[0, 2]], shm_array.open(name, "c"), np.asarray(a)):
        assert not np.shares_memory(shm_array.asarray(private), private)


def test_options_of_create_go_through(name):
    a = shm_array.copy(np.ones(3), name, lifetime="last-close", metadata={"unit": "K"}, order="F", capacity=5)
    assert a.metadata == {"unit": "K"} and a.stat().lifetime == "last-close"
    a.close()
    del a
    assert not Path("/dev/shm", name).exists()


def test_a_copy_that_fails_leaves_nothing(name):
    with pytest.raises(shm_array.DtypeError):
        shm_array.copy([object()], name)
    shm_array.copy([1], name)
    with pytest.raises(FileExistsError):
        shm_array.copy([2], name)
    assert shm_array.open(name).tolist() == [1]


def test_as_numpy_makes_them():
    prototype = np.zeros((2, 3), "f4", order="F")
    for ours, theirs in (
        (shm_array.zeros((2, 3), "i2"), np.zeros((2, 3), "i2")),
        (shm_array.full(3, 7), np.full(3, 7)),
        (shm_array.full((2, 3), [1, 2, 3], "f4", "F"), np.full((2, 3), [1, 2, 3], "f4", "F")),
    ):
        assert np.array_equal(ours, theirs) and ours.dtype == theirs.dtype and ours.strides == theirs.strides
    for ours, theirs in (
        (shm_array.empty(5), np.empty(5)),
        (shm_array.empty_like(prototype), np.empty_like(prototype)),
        (shm_array.empty_like(prototype, int, "C"), np.empty_like(prototype, int, "C")),
        (shm_array.empty_like(prototype, shape=4), np.empty_like(prototype, shape=4)),
    ):
        assert (ours.shape, ours.dtype, ours.strides) == (theirs.shape, theirs.dtype, theirs.strides)


@pytest.mark.parametrize("order", ["C", "F"])
def test_from_a_npy_file(tmp_path, name, order):
    source = np.asarray(np.arange(24.0).reshape(4, 6), order=order)
    np.save(tmp_path / "a.npy", source)
    a = shm_array.from_file(tmp_path / "a.npy", name)
    assert np.array_equal(a, source) and a.strides == source.strides and a.flags.writeable
    os.unlink(tmp_path / "a.npy")
    assert shm_array.open(name)[3, 5] == 23


def test_from_a_file_of_bare_elements(tmp_path, name):
    path = tmp_path / "bare"
    np.arange(10, dtype="i2").tofile(path)
    assert shm_array.from_file(path, dtype="i2").tolist() == list(range(10))
    assert shm_array.from_file(path, dtype="i2", offset=4).tolist() == list(range(2, 10))
    assert shm_array.from_file(path, dtype="i2", shape=(2, 4), offset=4, order="F")[1, 0] == 3
    assert shm_array.from_file(path, dtype="i2", shape=0).shape == (0,)
    with pytest.raises(ValueError):
        shm_array.from_file(path, name, dtype="i2", shape=11)
    with pytest.raises(shm_array.FormatError):
        shm_array.from_file(path, name)
    with pytest.raises(FileNotFoundError):
        shm_array.from_file(tmp_path / "none", name)
    assert not shm_array.exists(name)


def test_adopt(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    a = shm_array.adopt(tmp_path / "a.npy")
    with a.lock():
        a[0] = 9
    assert np.load(tmp_path / "a.npy").tolist() == shm_array.adopt(tmp_path / "a.npy").tolist() == [9, 1, 2]


def test_exists(new_name, tmp_path):
    name = new_name()
    assert not shm_array.exists(name) and not shm_array.exists(tmp_path / "a.npy")
    shm_array.create(name, 3)
    shm_array.create(tmp_path / "a.npy", 3)
    assert shm_array.exists(name) and shm_array.exists(f"shm://{name}") and shm_array.exists(tmp_path / "a.npy")
    shm_array.unlink(name)
    assert not shm_array.exists(name)
    with pytest.raises(shm_array.ArgumentError):
        shm_array.exists("a/b")


def test_flush(tmp_path, name):
    a = shm_array.create(tmp_path / "a.npy", 3)
    a[0] = 1
    a[1:].flush()
    shm_array.create(name, 3).flush()
    a.close()
    with pytest.raises(ValueError, match="closed"):
        a.flush()


@pytest.mark.parametrize(
    "view",
    [lambda a: a, lambda a: a[1:, ::2], lambda a: a.T, lambda a: a[::-1], lambda a: a[2:2], lambda a: a[0, 0, ...]],
)
@pytest.mark.parametrize("kind", ["name", "file", "anonymous"])
def test_memmap(name, tmp_path, kind, view):
    place = {"name": name, "file": tmp_path / "a.npy", "anonymous": None}[kind]
    a = shm_array.create(place, (4, 6), fill=np.arange(24.0).reshape(4, 6))
    ours = view(a)
    theirs = ours.memmap()
    assert type(theirs) is np.memmap and isinstance(theirs._mmap, mmap.mmap) and theirs.mode == "r+"
    assert theirs.tolist() == ours.tolist() and theirs.strides == ours.strides and theirs.dtype == ours.dtype
    theirs += 1
    assert theirs.tolist() == ours.tolist()
    theirs.flush()
    if kind == "name":
        assert theirs.filename == f"/dev/shm/{name}"
    again = np.memmap(theirs.filename, float, "r", a.memmap().offset, (4, 6)) if kind != "anonymous" else a
    assert np.array_equal(again, a)


def test_memmap_keeps_a_last_close_array_and_has_its_mode(name):
    a = shm_array.create(name, 3, lifetime="last-close", fill=2)
    reader = shm_array.open(name).memmap()
    with pytest.raises(ValueError):
        reader[0] = 1
    with pytest.raises(ValueError, match="private"):
        shm_array.open(name, "c").memmap()
    del a
    assert Path("/dev/shm", name).exists() and reader.tolist() == [2, 2, 2]
    del reader
    shm_array.collect()
    assert not Path("/dev/shm", name).exists()


def test_the_name_where_the_shape_belongs_is_told():
    calls = [
        lambda: shm_array.zeros("t", 3), lambda: shm_array.zeros(None, (10,)), lambda: shm_array.create((3, 4), "t"),
        lambda: shm_array.full("t", 3), lambda: shm_array.empty(1.5),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(TypeError, match=r"shape is .*, expected a number, or a sequence .* name=\.\.\. in zeros"):
            call()


def test_resize_tells_where_it_is():
    a = shm_array.create(None, 3, capacity=9)
    with pytest.raises(ValueError, match="held.resize"):
        a.resize(9)
    with a.lock() as held:
        assert held.resize(9).shape == (9,)


def test_a_copy_never_overwrites_what_is_there(name):
    a = shm_array.create(name, 3, fill=5.0)
    for call in (shm_array.copy, shm_array.asarray):
        with pytest.raises(ValueError, match="exist_ok would overwrite"):
            call(np.zeros(3), name, exist_ok=True)
    assert shm_array.exists(name) and (a == 5).all()


def test_without_a_lock_it_is_filled_all_the_same(name):
    for each in (name, None):
        assert (shm_array.full(3, 7, name=each, untracked=True) == 7).all()


def test_paths_are_text_or_bytes(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.arange(3))
    assert list(shm_array.from_file(os.fsencode(path))) == [0, 1, 2]
    assert list(shm_array.adopt(os.fsencode(path))) == [0, 1, 2]


def test_bare_elements_must_be_there(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"12345678")
    with pytest.raises(ValueError, match="no bytes"):
        shm_array.from_file(path, dtype="V0")
    with pytest.raises(ValueError, match="offset is 9, expected 0 to 8"):
        shm_array.from_file(path, dtype="u1", offset=9)


def test_memmap_of_no_elements(tmp_path):
    np.save(tmp_path / "none.npy", np.empty((0, 3)))
    assert shm_array.open(tmp_path / "none.npy").memmap().shape == (0, 3)
