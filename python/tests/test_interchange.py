"""Other packages look at the same elements: what they write is seen, what we write they see, and nothing is copied."""

import ctypes

import numpy as np
import pytest

import shm_array

FLOATS = ["float8_e4m3fn", "float8_e5m2", "bfloat16"]


@pytest.fixture
def a(name):
    a = shm_array.create(name, (4, 3), order="F")
    a[...] = np.arange(12).reshape(4, 3)
    return a


def test_the_buffer_protocol(a):
    view = memoryview(a.T)
    assert (view.shape, view.format, view.readonly) == ((3, 4), "d", False)
    view[1, 2] = 99
    assert a[2, 1] == 99
    flat = (ctypes.c_double * 12).from_buffer(a.T)
    flat[0] = 5
    assert a[0, 0] == 5
    assert memoryview(shm_array.open(a.name)).readonly


def test_dlpack(a):
    got = np.from_dlpack(a)
    assert np.shares_memory(got, a) and got.shape == a.shape and a.__dlpack_device__() == (1, 0)


def test_dlpack_keeps_the_read_only_flag(a):
    reader = shm_array.open(a.name)
    if np.lib.NumpyVersion(np.__version__) < "2.1.0":
        with pytest.raises(BufferError):
            reader.__dlpack__()
        return
    assert not np.from_dlpack(reader).flags.writeable
    capsule = reader.__dlpack__(max_version=(1, 0))
    assert "dltensor_versioned" in repr(capsule)


@pytest.mark.parametrize("dtype", FLOATS)
def test_extension_floats_stay_what_they_are(name, dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    a = shm_array.copy(np.array([0.5, -1, 2], getattr(ml_dtypes, dtype)), name)
    for got in (a, shm_array.open(name), shm_array.copy(a), shm_array.empty_like(a), a[::2], a.copy()):
        assert got.dtype == np.dtype(getattr(ml_dtypes, dtype))
    assert shm_array.open(name).astype(float).tolist() == [0.5, -1, 2]


def test_arrow_array(a):
    pyarrow = pytest.importorskip("pyarrow")
    column = shm_array.to_arrow(a[:, 1])
    assert column.to_pylist() == [1, 4, 7, 10] and column.type == pyarrow.float64()
    a[0, 1] = 50
    assert column[0].as_py() == 50
    through_the_c_interface = pyarrow.array(a[:, 2])
    a[0, 2] = 60
    assert through_the_c_interface[0].as_py() == 60
    lists = pyarrow.array(a.T)  # 3 lists of 4
    assert lists.type == pyarrow.list_(pyarrow.float64(), 4) and lists[1].as_py() == [50, 4, 7, 10]
    column.validate(full=True)
    lists.validate(full=True)


def test_arrow_table_and_polars_frame(a):
    pytest.importorskip("pyarrow")
    table = shm_array.to_arrow(a, ["x", "y", "z"])
    assert table.column_names == ["x", "y", "z"] and table["z"].to_pylist() == [2, 5, 8, 11]
    a[3, 2] = 70
    assert table["z"][3].as_py() == 70
    pytest.importorskip("polars")
    frame = shm_array.to_polars(a, ["x", "y", "z"])
    assert frame.shape == (4, 3) and frame["y"].to_list() == [1, 4, 7, 10]
    a[0, 1] = 80
    assert frame["y"][0] == 80
    assert shm_array.to_polars(a[:, 0]).to_list() == [0, 3, 6, 9]


def test_arrow_says_what_it_cannot_do_without_a_copy(name):
    pytest.importorskip("pyarrow")
    structured = shm_array.zeros(3, [("n", "i4"), ("x", "f8")])
    with pytest.raises(ValueError, match="column 'n'.* 12 bytes apart"):
        shm_array.to_arrow(structured)
    with pytest.raises(ValueError, match="order 'F'"):
        shm_array.to_arrow(shm_array.zeros((3, 2)))
    with pytest.raises(ValueError, match="no type"):
        shm_array.to_arrow(shm_array.zeros(3, ">i4"))
    with pytest.raises(ValueError, match="2 names for 3 columns"):
        shm_array.to_arrow(shm_array.zeros((4, 3), order="F"), ["x", "y"])
    with pytest.raises(ValueError, match="no columns"):
        shm_array.to_arrow(shm_array.zeros((2, 2, 2)))


def test_arrow_keeps_the_memory():
    pytest.importorskip("pyarrow")
    a = shm_array.full(1000, 7)
    column = shm_array.to_arrow(a)
    a.close()
    del a
    assert column[999].as_py() == 7


def test_pandas(a):
    pandas = pytest.importorskip("pandas")
    frame = shm_array.to_pandas(a, ["x", "y", "z"])
    assert np.shares_memory(frame.to_numpy(), a) and frame["y"].tolist() == [1, 4, 7, 10]
    a[0, 1] = 50
    assert frame["y"][0] == 50
    structured = shm_array.copy(np.array([(1, 0.5), (2, 1.5)], [("n", "i4"), ("x", "f8")]))
    frame = shm_array.to_pandas(structured)
    assert frame.columns.tolist() == ["n", "x"] and frame.dtypes.tolist() == [np.dtype("i4"), np.dtype("f8")]
    structured["x"][1] = 9
    assert frame["x"].tolist() == [0.5, 9] and np.shares_memory(frame["n"].to_numpy(), structured)
    series = shm_array.to_pandas(a[:, 0])
    assert type(series) is pandas.Series and np.shares_memory(series.to_numpy(), a)
