"""joblib, loky, dask and torch hand arrays over by ticket. Each test needs its framework: requirements-frameworks.txt."""

import faulthandler

import numpy as np
import pytest

import shm_array


def type_and_double(array):
    """Says what arrived, and leaves a trace in the shared memory."""
    seen = type(array).__name__, array.strides
    array *= 2
    return seen


def part_of(array):
    return array[1:]


@pytest.fixture
def a(name):
    a = shm_array.create(name, (4, 6))
    a[...] = np.arange(24).reshape(4, 6)
    return a


def test_joblib(a):
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_backend("loky", n_jobs=2):
        seen = joblib.Parallel()(joblib.delayed(type_and_double)(view) for view in (a[:1], a[1:, ::2], a.T[:, 2:]))
        (back,) = joblib.Parallel()([joblib.delayed(part_of)(a)])
    assert [kind for kind, _ in seen] == ["Array"] * 3 and seen[1][1] == (48, 16)
    assert np.shares_memory(back, a)
    joblib.externals.loky.get_reusable_executor().shutdown(wait=True)
    assert a[0, 1] == 2 and a[1, 0] == 12 and a[1, 1] == 7 and a[2, 0] == 48


def test_joblib_dump_carries_the_elements(a, tmp_path):
    joblib = pytest.importorskip("joblib")
    joblib.dump({"a": a}, tmp_path / "a.joblib")
    a[...] = 0
    assert joblib.load(tmp_path / "a.joblib")["a"][3, 5] == 23


def test_loky_with_names_and_without(a):
    loky = pytest.importorskip("loky")
    anonymous = shm_array.full(3, 5.0)
    with loky.ProcessPoolExecutor(2) as executor:
        assert executor.submit(type_and_double, a[::2]).result()[0] == "Array"
        assert executor.submit(type_and_double, anonymous).result()[0] == "Array"
        assert np.shares_memory(executor.submit(part_of, a).result(), a)
    assert a[2, 0] == 24 and anonymous.tolist() == [10, 10, 10]


@pytest.fixture
def client():
    distributed = pytest.importorskip("distributed")
    faulthandler.cancel_dump_traceback_later()
    with distributed.LocalCluster(
        2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        with distributed.Client(cluster) as client:
            yield client


@pytest.mark.filterwarnings("default")  # dask's own are not ours to answer for
def test_dask(a, client):
    for direct, last in ((True, 46), (False, 92)):  # to the workers, or by way of the scheduler
        (future,) = client.scatter([a], direct=direct, hash=False)
        assert client.submit(type_and_double, future).result()[0] == "Array"
        assert a[3, 5] == last
    back = client.submit(part_of, future).result()
    assert type(back) is shm_array.Array and np.shares_memory(back, a)


def test_dask_sends_the_elements_to_other_machines_and_to_disks(a):
    protocol = pytest.importorskip("distributed.protocol")
    here = {"sender": {"address": "tcp://127.0.0.1:5"}, "recipient": {"address": "tcp://127.0.0.1:6"}}
    there = {"sender": {"address": "tcp://10.0.0.1:5"}, "recipient": {"address": "tcp://10.0.0.2:6"}}
    same = {"sender": {"address": "tls://10.0.0.1:5"}, "recipient": {"address": "tls://10.0.0.1:6"}}
    for context, shared in ((here, True), (same, True), (there, False), (None, False), ({}, False)):
        got = protocol.deserialize(*protocol.serialize(a[:, ::2], context=context))
        assert np.array_equal(got, a[:, ::2]) and np.shares_memory(got, a) == shared, context


class Rows:
    """A data set in a shared array, as torch's DataLoader wants one."""

    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def __getitem__(self, index):
        return type(self.array).__name__ == "Array", self.array[index].copy()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_torch_data_loader(a, method):
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(Rows(a), batch_size=2, num_workers=2, multiprocessing_context=method)
    shared, rows = zip(*loader)
    assert torch.cat(shared).all() and torch.equal(torch.cat(rows), torch.arange(24.0).double().reshape(4, 6))


@pytest.mark.filterwarnings("default")
def test_torch_multiprocessing_and_dlpack(a):
    torch = pytest.importorskip("torch")
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    queue.put(a)
    assert np.shares_memory(queue.get(), a)
    for tensor in (torch.from_dlpack(a), torch.from_numpy(a)):
        tensor += 1
        assert tensor.data_ptr() == a.ctypes.data and tensor.shape == (4, 6)
    assert a[0, 0] == 2
    bytes_of = shm_array.zeros(4, "u2")
    torch.from_dlpack(bytes_of.view("i2")).view(torch.bfloat16).fill_(1.5)
    assert bytes_of.tolist() == [0x3FC0] * 4
