"""An Array is a numpy array: what lies in the shared memory is one, what does not is a plain ndarray."""

import copy
import pickle

import numpy as np
import pytest

import shm_array


@pytest.fixture
def a(name):
    a = shm_array.create(name, (4, 6))
    a[...] = np.arange(24).reshape(4, 6)
    return a


SHARED = {
    "slice": lambda a: a[1:, ::2],
    "row": lambda a: a[2],
    "transpose": lambda a: a.T,
    "reshape": lambda a: a.reshape(6, 4),
    "ravel": lambda a: a.ravel(),
    "view": lambda a: a.view("i8"),
    "in place": lambda a: a.__iadd__(1),
    "out": lambda a: np.add(a, 1, out=a),
    "out of plain arrays": lambda a: np.add(np.ones((4, 6)), 1, out=a),
}
PRIVATE = {
    "sum": lambda a: a + a,
    "mixed sum": lambda a: np.ones((4, 6)) + a,
    "ufunc": np.sqrt,
    "comparison": lambda a: a > 3,
    "reduction": lambda a: a.sum(axis=0),
    "kept dimensions": lambda a: a.sum(keepdims=True),
    "mean": lambda a: a.mean(axis=1),
    "accumulate": lambda a: a.cumsum(),
    "two results": lambda a: np.modf(a)[1],
    "matrix product": lambda a: a @ a.T,
    "copy": lambda a: a.copy(),
    "copied slice": lambda a: a[1:].copy("F"),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "astype": lambda a: a.astype("f4"),
    "astype of the same": lambda a: a.astype(float),
    "flatten": lambda a: a.flatten(),
    "sort": lambda a: np.sort(a),
    "concatenate": lambda a: np.concatenate([a, a]),
    "where": lambda a: np.where(a > 3, a, 0),
    "clip": lambda a: a.clip(2, 5),
    "pickle": lambda a: pickle.loads(pickle.dumps(a)),
    "old pickle": lambda a: pickle.loads(pickle.dumps(a[1:], 2)),
}
SCALAR = {
    "element": lambda a: a[1, 2],
    "sum": lambda a: a.sum(),
    "mean": np.mean,
    "ufunc of no dimensions": lambda a: a[0, 0, ...] + 1,
    "norm": np.linalg.norm,
}


@pytest.mark.parametrize("operation", SHARED.values(), ids=SHARED)
def test_views_are_shared(a, operation):
    result = operation(a)
    assert type(result) is shm_array.Array
    assert np.shares_memory(result, a) and result.name == a.name


@pytest.mark.parametrize("operation", PRIVATE.values(), ids=PRIVATE)
def test_results_are_plain_and_private(a, operation):
    expected = operation(np.array(a))
    result = operation(a)
    assert type(result) is np.ndarray
    assert not np.shares_memory(result, a)
    assert result.dtype == expected.dtype and np.array_equal(result, expected)


@pytest.mark.parametrize("operation", SCALAR.values(), ids=SCALAR)
def test_scalars_are_scalars(a, operation):
    expected = operation(np.array(a))
    assert type(operation(a)) is type(expected) and operation(a) == expected


def test_targets_are_returned_themselves(a):
    assert np.add(a, 1, out=a) is a
    row = a[0]
    assert a.sum(axis=0, out=row) is row
    plain = np.empty((4, 6))
    assert np.add(a, a, out=plain) is plain
    scalar = np.empty(())
    assert np.sum(a, out=scalar) is scalar


def test_pickle_can_leave_the_elements_to_its_caller(a):
    buffers = []
    text = pickle.dumps(a, 5, buffer_callback=buffers.append)
    assert len(buffers) == 1 and len(text) < a.nbytes
    result = pickle.loads(text, buffers=buffers)
    assert type(result) is np.ndarray and np.array_equal(result, a)


def test_astype_without_a_copy_is_the_array_itself(a):
    assert a.astype(float, copy=False) is a


def test_a_private_array_of_the_class_says_that_it_is_private(a):
    private = a[[0, 2]]
    assert not np.shares_memory(private, a)
    for use in (private.lock, private.shared, private.close, private.stat, lambda: private.name):
        with pytest.raises(ValueError, match="private memory"):
            use()


def test_the_class_makes_no_array_by_itself():
    with pytest.raises(TypeError, match="create"):
        shm_array.Array((3,))


def test_nothing_is_done_in_python_on_the_way_to_an_element():
    assert not {"__getitem__", "__setitem__", "__array_finalize__", "__array_ufunc__"} & set(vars(shm_array.Array))
    assert vars(shm_array.Array)["__slots__"] == ()
