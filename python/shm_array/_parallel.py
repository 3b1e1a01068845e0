"""A function over the rows of an array, by a pool of processes."""

import concurrent.futures
import operator
import os

import numpy as np

from ._arguments import whole


def parallel_for(array, function, axis=0, workers=None, progress=False):
    """Call function(block, start) for blocks of rows, in other processes, and return the list of its results, in order.

    array     a shared array, or a view of one; it is handed over by its handle, so that what the function writes is
              there when parallel_for() returns. A plain array is copied into shared memory first, once
    function  gets the block, an array, and the index of its first row along `axis`. It must be importable by the
              workers, as with multiprocessing.Pool; its results are pickled
    axis      along which to divide
    workers   how many processes; None: one for each processor that this one may use
    progress  show a progress bar, with tqdm, which must be installed; or a function that is called with the rows done
              and the rows in all

    The first exception that a call raises is raised here, and no further block is begun.
    """
    from ._creation import asarray

    shared = asarray(array)
    try:
        axis = range(shared.ndim)[operator.index(axis)]
    except IndexError:
        raise IndexError(f"axis is {axis}, and the array has {shared.ndim} dimensions") from None
    length = shared.shape[axis]
    workers = len(os.sched_getaffinity(0)) if workers is None else whole("workers", workers)
    if workers == 0:
        raise ValueError("workers is 0, expected one or more, or None for one for each processor")
    # A few blocks for each worker: so all are done at about the same time, though some blocks take longer.
    edges = np.unique(np.linspace(0, length, min(length, 4 * workers) + 1).astype(int)).tolist()
    starts = edges[:-1]
    told = _progress(progress, length)
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        futures = {}
        try:
            for start, stop in zip(starts, edges[1:]):
                block = shared[(*[slice(None)] * axis, slice(start, stop))]
                futures[pool.submit(function, block, start)] = stop - start
            done = 0
            for future in concurrent.futures.as_completed(futures):
                future.result()
                done += futures[future]
                told(done)
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    return [future.result() for future in futures]


def _progress(progress, length):
    if not progress:
        return lambda done: None
    if callable(progress):
        return lambda done: progress(done, length)
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("progress=True shows a bar with tqdm, which is not installed: pip install tqdm") from None
    bar = tqdm(total=length, unit="row")

    def told(done):
        bar.update(done - bar.n)
        if done == length:
            bar.close()

    return told
