"""Where an array's memory is, and how it is filled."""

import numpy as np
import pytest

import shm_array


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("SHM_ARRAY_DIR", str(tmp_path))
    return tmp_path


def test_a_name_can_live_in_another_directory(name, directory):
    with shm_array.create(name, 10, placement="file", fill=3.0) as made:
        assert made.placement == "file" and made.name == name
        assert np.load(directory / name)[9] == 3.0
    with shm_array.open(name) as found:
        assert found.placement == "file" and found[0] == 3.0
    assert name in [entry.name for entry in shm_array.list()]
    shm_array.unlink(name)
    assert list(directory.iterdir()) == []


def test_placements_are_told(name, tmp_path):
    with shm_array.create(name, 10) as array:
        assert array.placement == "shm"
        array.unlink()
    with shm_array.create(None, 10) as array:
        assert array.placement == "memfd"
    with shm_array.create(name, 10, placement="file", directory=tmp_path) as array:
        assert array.placement == "file" and array.name == f"file://{tmp_path}/{name}"
    with pytest.raises(ValueError):
        shm_array.create(name, 10, placement="nowhere")
    with pytest.raises(ValueError, match="NULL"):
        shm_array.create(name, 10, placement="memfd")


@pytest.mark.parametrize("memory", ["ready", "reserve", "lazy"])
def test_elements_start_as_zero(memory):
    array = shm_array.create(None, (1 << 20,), memory=memory)
    assert not array.any()


@pytest.mark.parametrize("order", ["C", "F"])
def test_filling_with_an_array_copies_each_element(order):
    plain = np.arange(3_000_000, dtype="f4").reshape(3, 1000, 1000)
    for source in (plain, np.asfortranarray(plain), plain.astype(">f4"), plain[::-1], plain[0]):
        array = shm_array.create(None, plain.shape, "f4", order, fill=source)
        assert np.array_equal(array, np.broadcast_to(source, plain.shape))
