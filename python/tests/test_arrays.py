"""Making, opening and removing arrays, and what bad input gets."""

import errno
import os
import pickle
import stat
from pathlib import Path

import numpy as np
import pytest

import shm_array


def test_what_one_writes_the_other_reads(name):
    a = shm_array.create(name, (3, 4), np.float32)
    b = shm_array.open(name, "r+")
    a[1, 2] = 1.5
    assert b[1, 2] == 1.5
    b[0] = [1, 2, 3, 4]
    assert a.tolist() == [[1, 2, 3, 4], [0, 0, 1.5, 0], [0, 0, 0, 0]]


def test_elements_start_as_zero_or_as_asked(new_name):
    assert not shm_array.create(new_name(), 1000).any()
    assert (shm_array.create(new_name(), 1000, int, fill=-7) == -7).all()
    assert shm_array.create(new_name(), (2, 3), fill=[1, 2, 3]).tolist() == [[1, 2, 3], [1, 2, 3]]
    structured = shm_array.create(new_name(), 2, [("x", "f4"), ("y", "i2")], fill=(0.5, 3))
    assert structured.tolist() == [(0.5, 3), (0.5, 3)]


@pytest.mark.parametrize("order", ["C", "F"])
def test_order_and_shape_are_kept(name, order):
    a = shm_array.create(name, (3, 4, 5), "i2", order)
    a[...] = np.arange(60).reshape(3, 4, 5)
    b = shm_array.open(name)
    assert b.flags["C_CONTIGUOUS" if order == "C" else "F_CONTIGUOUS"]
    assert b.shape == (3, 4, 5) and b.strides == a.strides == np.empty((3, 4, 5), "i2", order).strides
    assert (b == np.arange(60).reshape(3, 4, 5)).all()


@pytest.mark.parametrize("shape", [(), 0, (0,), (3, 0, 2), (1,) * 32])
def test_odd_shapes(name, shape):
    a = shm_array.create(name, shape, "i4")
    b = shm_array.open(name, "r+")
    assert b.shape == a.shape == np.empty(shape).shape
    a[...] = 5
    assert (b == 5).all()


def test_more_dimensions_than_numpy_has_are_an_error(name):
    with pytest.raises(ValueError, match="65"):
        shm_array.create(name, (1,) * 65)


def test_subarray_dtype_adds_axes_as_in_numpy(name):
    assert shm_array.create(name, 5, np.dtype(("f4", (2, 3)))).shape == (5, 2, 3)


def test_extension_dtype_keeps_its_name(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    a = shm_array.create(name, 4, ml_dtypes.bfloat16, fill=1.5)
    b = shm_array.open(name)
    assert b.dtype == a.dtype == np.dtype(ml_dtypes.bfloat16)
    assert b.astype(float).tolist() == [1.5] * 4
    assert np.load(f"/dev/shm/{name}").dtype == np.dtype("V2")


def test_unknown_extension_dtype_is_shown_as_bytes(name, monkeypatch):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    shm_array.create(name, 4, ml_dtypes.float8_e5m2)
    monkeypatch.delattr(ml_dtypes, "float8_e5m2")
    with pytest.warns(UserWarning, match="float8_e5m2"):
        assert shm_array.open(name).dtype == np.dtype("V1")


REFUSED = [object, [("x", "i4"), ("y", object)], {"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [0, 2]}]
if hasattr(np.dtypes if hasattr(np, "dtypes") else np, "StringDType"):
    REFUSED.append(np.dtypes.StringDType())


@pytest.mark.parametrize("dtype", REFUSED, ids=str)
def test_dtypes_that_cannot_be_shared_are_refused_before_anything_is_made(name, dtype):
    with pytest.raises(shm_array.DtypeError, match="dtype"):
        shm_array.create(name, 3, dtype)
    assert not Path("/dev/shm", name).exists()


def test_mode_r_is_read_only_for_good(name):
    shm_array.create(name, 3, fill=1)
    a = shm_array.open(name)
    for view in (a, a[1:], a.view(np.ndarray), np.asarray(a), a.T[:2], a.view("i8")):
        with pytest.raises(ValueError):
            view[0] = 2
        with pytest.raises(ValueError):
            view.flags.writeable = True
    with pytest.raises((TypeError, BufferError)):
        (np.ctypeslib.ctypes.c_char * 8).from_buffer(a)
    assert a.tolist() == [1, 1, 1]


def test_a_writable_array_can_be_protected_and_released_again(name):
    a = shm_array.create(name, 3)
    a.flags.writeable = False
    with pytest.raises(ValueError):
        a[0] = 1
    a.flags.writeable = True
    a[0] = 1
    assert a[0] == 1


def test_mode_c_keeps_writes_private(name):
    shared = shm_array.create(name, 3, fill=1)
    private = shm_array.open(name, "c")
    private += 1
    assert private.tolist() == [2, 2, 2]
    assert shared.tolist() == [1, 1, 1]


def test_metadata(new_name):
    name = new_name()
    metadata = {"unit": "K", "axes": ["x", "y"], "size": 1.5, "größe": None}
    assert shm_array.create(name, 3, metadata=metadata).metadata == metadata
    assert shm_array.open(name).metadata == metadata
    assert shm_array.create(new_name(), 3).metadata is None
    with pytest.raises(ValueError):
        shm_array.create(new_name(), 3, metadata=float("nan"))
    with pytest.raises(TypeError):
        shm_array.create(new_name(), 3, metadata=object())


def test_permissions(new_name):
    name = new_name()
    shm_array.create(name, 3)
    assert stat.S_IMODE(os.stat(f"/dev/shm/{name}").st_mode) == 0o600
    name = new_name()
    shm_array.create(name, 3, permissions=0o640)
    assert stat.S_IMODE(os.stat(f"/dev/shm/{name}").st_mode) == 0o640


def test_names(name, tmp_path):
    assert shm_array.create(f"shm://{name}", 3).name in (name, f"shm://{name}")
    assert shm_array.open(name).shape == (3,)
    path = tmp_path / "array.npy"
    shm_array.create(path, 3, fill=2)
    assert shm_array.open(path).tolist() == shm_array.open(f"file://{path}").tolist() == [2, 2, 2]
    shm_array.unlink(path)
    assert not path.exists()


def test_anonymous_array_travels_as_a_descriptor(run):
    a = shm_array.create(None, 3, "i4", metadata="counts")
    assert a.name == ""
    program = """
import sys, shm_array
a = shm_array.open_fd(int(sys.argv[1]), "r+")
a += 5
print(a.metadata)
"""
    assert run(program, a.fileno(), pass_fds=[a.fileno()]) == "counts\n"
    assert a.tolist() == [5, 5, 5]


def test_fileno_is_one_descriptor_until_close(name):
    a = shm_array.create(name, 3)
    descriptor = a.fileno()
    assert a[1:].fileno() == descriptor
    assert os.fstat(descriptor).st_ino == os.stat(f"/dev/shm/{name}").st_ino
    a.close()
    with pytest.raises(OSError):
        os.fstat(descriptor)


def test_open_by_id_refuses_a_name_that_was_used_again(name):
    first = shm_array.create(name, 3)
    identity = first.stat().id
    assert shm_array.open(name, id=identity).shape == (3,)
    first.unlink()
    shm_array.create(name, 3)
    with pytest.raises(OSError) as caught:
        shm_array.open(name, id=identity)
    assert caught.value.errno == errno.ESTALE
    with pytest.raises(OSError) as caught:
        first.unlink()
    assert caught.value.errno == errno.ESTALE
    assert Path("/dev/shm", name).exists()
    with pytest.raises(ValueError, match="16"):
        shm_array.open(name, id=b"short")


def test_exist_ok(name):
    a = shm_array.create(name, 3, fill=1)
    assert shm_array.create(name, 3, exist_ok=True).tolist() == [1, 1, 1]
    with pytest.raises((OSError, ValueError)):
        shm_array.create(name, 4, exist_ok=True)
    with pytest.raises(ValueError, match="exist_ok"):
        shm_array.create(name, 3, fill=2, exist_ok=True)
    assert a.tolist() == [1, 1, 1]


def test_an_ordinary_npy_file_opens_and_can_be_adopted(tmp_path):
    path = tmp_path / "ordinary.npy"
    np.save(path, np.arange(6.0).reshape(2, 3))
    assert shm_array.open(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    private = shm_array.open(path, "c")
    private += 1
    assert np.load(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    adopted = shm_array.open(path, "r+", adopt=True)
    with adopted.lock():
        adopted[0, 0] = 9
    assert np.load(path).tolist() == shm_array.open(path).tolist() == [[9, 1, 2], [3, 4, 5]]


def test_growth_within_the_capacity(name):
    a = shm_array.create(name, (2, 3), "i4", capacity=10, fill=1)
    with a.lock() as held:
        grown = held.resize(4)
    assert grown.shape == (4, 3) and a.shape == (2, 3)
    grown[3] = 7
    assert shm_array.open(name).tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0], [7, 7, 7]]
    with pytest.raises(ValueError, match="given back"):
        held.resize(5)
    with a.lock() as held, pytest.raises(OSError, match="10"):
        held.resize(11)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_appended_within_the_capacity(name, order):
    shape, more = ((2, 3), np.arange(6).reshape(2, 3)) if order == "C" else ((3, 2), np.arange(6).reshape(3, 2))
    a = shm_array.create(name, shape, "i4", order, capacity=4, fill=7)
    with a.lock() as held:
        grown = held.append(more)
        with pytest.raises(OSError, match="capacity"):
            held.append(more)
        with pytest.raises(ValueError, match="cannot be appended"):
            held.append([[1, 2, 3, 4]] * 4)
        held.trim()
    expected = np.concatenate([np.full(shape, 7), more], axis=0 if order == "C" else 1)
    assert grown.tolist() == shm_array.open(name).tolist() == expected.tolist()
    with pytest.raises(ValueError, match="given back"):
        held.append(more)
    with pytest.raises(ValueError, match="given back"):
        held.trim()


def test_placement_and_memory(name, run, tmp_path, monkeypatch):
    a = shm_array.create(name, 2**24, memory="lazy")
    assert os.stat(f"/dev/shm/{name}").st_blocks * 512 < 2**26
    a.unlink()
    monkeypatch.setenv("SHM_ARRAY_DIR", str(tmp_path))
    a = shm_array.create(name, 3, placement="file", fill=4)
    assert (tmp_path / name).exists() and a.name == name
    text = pickle.dumps(shm_array.by_reference(a)).hex()
    program = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1])).tolist())"
    assert run(program, text, environment={"SHM_ARRAY_DIR": ""}) == "[4.0, 4.0, 4.0]\n"
    a.unlink()
    with pytest.raises(ValueError, match="placement"):
        shm_array.create(name, 3, placement="moon")


def test_stat(name):
    a = shm_array.create(name, 100, lifetime="last-close", slots=10)
    found = a.stat()
    assert found.creator_pid == os.getpid() and found.lifetime == "last-close" and found.slots >= 10
    assert found.capacity_bytes >= 800 and found.file_bytes == os.stat(f"/dev/shm/{name}").st_size
    assert len(found.id) == 16 and not found.inconsistent
    with a.lock():
        assert (a.stat().lock, a.stat().lock_pid) == ("exclusive", os.getpid())
        assert os.getpid() in a.stat().pids
    with a.shared():
        assert a.stat().lock == "shared"
    assert a.stat().lock is None


def test_list(name):
    a = shm_array.create(name, (3, 4), ">i2", lifetime="last-close")
    (entry,) = [entry for entry in shm_array.list() if entry.name.endswith(name)]
    assert (entry.shape, entry.dtype, entry.itemsize, entry.lifetime) == ((3, 4), ">i2", 2, "last-close")
    assert entry.id == a.stat().id and entry.attached
    assert entry.created == a.stat().created


def test_collect_removes_what_a_crash_left(name, run, start):
    program = """
import os, sys, shm_array
a = shm_array.create(sys.argv[1], 3, lifetime="last-close")
os.kill(os.getpid(), 9)
"""
    crashed = start(program, name)
    crashed.communicate()
    assert crashed.returncode == -9 and Path("/dev/shm", name).exists()
    shm_array.collect()
    assert not Path("/dev/shm", name).exists()
    with pytest.raises(ValueError, match="minimum_age"):
        shm_array.collect(-1)


def test_errors_are_the_ones_python_has(new_name, tmp_path):
    name = new_name()
    with pytest.raises(FileNotFoundError) as caught:
        shm_array.open(name)
    assert caught.value.filename == name
    with pytest.raises(FileNotFoundError):
        shm_array.unlink(name)
    shm_array.create(name, 3)
    with pytest.raises(FileExistsError):
        shm_array.create(name, 3)
    for bad in ("a/b", "..", "", "x" * 201):
        with pytest.raises(shm_array.ArgumentError):
            shm_array.create(bad, 3)
    with pytest.raises(ValueError, match="null"):
        shm_array.create("a\0b", 3)
    with pytest.raises(TypeError):
        shm_array.create(3, 3)
    with pytest.raises(ValueError, match="negative|from 0"):
        shm_array.create(new_name(), -1)
    with pytest.raises(ValueError, match="order"):
        shm_array.create(new_name(), 3, order="A")
    with pytest.raises(ValueError, match="lifetime"):
        shm_array.create(new_name(), 3, lifetime="for ever")
    with pytest.raises(ValueError, match="mode"):
        shm_array.open(name, "w")
    with pytest.raises((OSError, ValueError, MemoryError)):
        shm_array.create(new_name(), (2**40, 2**40))
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"not an array at all " * 500)
    with pytest.raises(shm_array.FormatError):
        shm_array.open(nonsense)
    assert issubclass(shm_array.FormatError, ValueError) and issubclass(shm_array.FormatError, shm_array.Error)


def test_a_fill_that_does_not_fit_makes_nothing(name):
    for fill in ([1, 2], "no number"):
        with pytest.raises(ValueError):
            shm_array.create(name, 3, fill=fill)
    assert not Path("/dev/shm", name).exists()


def test_a_library_that_is_not_there_is_named(start):
    process = start("import shm_array", environment={"SHM_ARRAY_LIBRARY": "/nowhere/libshm_array.so"})
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "ImportError" in errors and "/nowhere/libshm_array.so" in errors and "cargo build" in errors


def test_a_library_of_another_kind_is_refused(start):
    process = start("import shm_array", environment={"SHM_ARRAY_LIBRARY": "libm.so.6"})
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "ImportError" in errors and "libm.so.6" in errors
