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
    "take": lambda a: a.take([0, 1], 0),
    "numpy.take": lambda a: np.take(a, [0, 1], 0),
    "dot": lambda a: a.dot(a.T),
    "dot with a plain one": lambda a: np.dot(np.ones((6, 4)), a),
    "plain one after it": lambda a: np.dot(a, np.ones((6, 4))),
    "inner with a plain one": lambda a: np.inner(a, np.ones((4, 6))),
    "outer": lambda a: np.outer(a[0], a[1]),
    "einsum": lambda a: np.einsum("ij,kj", a, a),
    "tensordot": lambda a: np.tensordot(a, a),
    "concatenate": lambda a: np.concatenate([a, a]),
    "stack": lambda a: np.stack([a, a]),
    "where": lambda a: np.where(a > 3, a, 0),
    "sort": lambda a: np.sort(a, axis=0),
    "argsort": lambda a: a.argsort(),
    "argmax": lambda a: a.argmax(axis=0),
    "argmin": lambda a: np.argmin(a, axis=0),
    "argpartition": lambda a: a.argpartition(2),
    "choose": lambda a: (a.astype("i8") % 2).choose([a, a]),
    "compress": lambda a: a.compress([True, False, True, True], 0),
    "repeat": lambda a: np.repeat(a, 2),
    "tile": lambda a: np.tile(a, 2),
    "extract": lambda a: np.extract(a > 2, a),
    "unique": lambda a: np.unique(a),
    "median": lambda a: np.median(a, axis=0),
    "solution": lambda a: np.linalg.solve(np.eye(4), a),
    "fft": np.fft.fft,
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


# What numpy makes like its argument, and gives no way to make it plain that would not cost every other function: the
# docstring of Array names them. They own private memory.
LIKE_THE_ARGUMENT = {
    "array[[0, 2]]": lambda a: a[[0, 2]],
    "array[array > 0]": lambda a: a[a > 0],
    "byteswap": lambda a: a.byteswap(),
    "ravel": lambda a: a.ravel("F"),
    "reshape": lambda a: a.T.reshape(24),
    "dot": lambda a: np.dot(a, a.T),
    "inner": lambda a: np.inner(a, a),
    "zeros_like": np.zeros_like,
    "roll": lambda a: np.roll(a, 1),
    "correlate": lambda a: np.correlate(a[0], a[1]),
    "take_along_axis": lambda a: np.take_along_axis(a, np.argsort(a, axis=0), 0),
    "nan_to_num": np.nan_to_num,
    "gradient": lambda a: np.gradient(a)[0],
    "piecewise": lambda a: np.piecewise(a, [a > 1], [1]),
}


@pytest.mark.parametrize("words", LIKE_THE_ARGUMENT)
def test_what_is_like_its_argument_is_said_to_be(a, words):
    result = LIKE_THE_ARGUMENT[words](a)
    assert words in shm_array.Array.__doc__
    assert not np.shares_memory(result, a)
    if type(result) is shm_array.Array:  # another numpy may make it plain
        with pytest.raises(ValueError, match="a copy in private memory"):
            result.lock()
    assert type(np.asarray(result)) is np.ndarray
