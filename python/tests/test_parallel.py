"""parallel_for: rows of an array for a pool."""

import numpy as np
import pytest

import shm_array


def add_start(block, start):
    block += start
    return start, block.shape


def fail(block, start):
    raise ArithmeticError(start)


@pytest.mark.parametrize("axis", [2, -3])
def test_parallel_for_along_an_axis_that_is_not_there(axis, name):
    array = shm_array.create(name, (10, 7))
    with pytest.raises(IndexError, match=f"axis is {axis}, and the array has 2 dimensions"):
        shm_array.parallel_for(array, add_start, axis, workers=1)
    assert not array.any()


@pytest.mark.parametrize("workers", [0, -1])
def test_parallel_for_by_nobody(workers, name):
    with pytest.raises(ValueError, match=f"workers is {workers}"):
        shm_array.parallel_for(shm_array.create(name, 10), add_start, workers=workers)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_parallel_for(name, axis):
    array = shm_array.create(name, (10, 7), "i8")
    seen = []
    results = shm_array.parallel_for(array, add_start, axis, workers=2, progress=lambda *done: seen.append(done))
    length = array.shape[axis]
    starts = [start for start, _ in results]
    assert starts == sorted(starts) and sum(shape[axis] for _, shape in results) == length
    assert seen[-1] == (length, length)
    lanes = np.asarray(array) if axis == 0 else array.T
    expected = [max(start for start in starts if start <= row) for row in range(length)]
    assert all((row == value).all() for row, value in zip(lanes, expected))


def test_parallel_for_raises_what_a_call_raises(name):
    array = shm_array.create(name, 10)
    with pytest.raises(ArithmeticError):
        shm_array.parallel_for(array, fail, workers=1)
    assert shm_array.parallel_for(array[:0], fail, workers=1) == []
