"""multiprocessing, in every start method: pools fill disjoint blocks of one array."""

import multiprocessing

import numpy as np
import pytest

import shm_array

METHODS = multiprocessing.get_all_start_methods()


def fill_block(name, start, rows):
    array = shm_array.open(name, "r+")
    array[start : start + rows] = start


def add_one(name, times):
    array = shm_array.open(name, "r+")
    for _ in range(times):
        with array.lock():
            array += 1


def double_inherited():
    with inherited.lock():
        inherited.__imul__(2)


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_fills_blocks(name, method):
    a = shm_array.create(name, (2000, 10))
    with multiprocessing.get_context(method).Pool(4) as pool:
        pool.starmap(fill_block, [(name, start, 100) for start in range(0, 2000, 100)])
    assert np.array_equal(a, np.repeat(np.arange(0.0, 2000, 100), 100)[:, None] * np.ones(10))


@pytest.mark.parametrize("method", METHODS)
def test_processes_add_under_the_lock(name, method):
    a = shm_array.create(name, 100, int)
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=add_one, args=(name, 50)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (a == 200).all()


def test_a_forked_child_uses_the_array_it_inherited(name):
    global inherited
    inherited = shm_array.create(name, 3, fill=4)
    try:
        process = multiprocessing.get_context("fork").Process(target=double_inherited)
        process.start()
        process.join()
        assert process.exitcode == 0
        assert inherited.tolist() == [8, 8, 8]
    finally:
        del inherited
