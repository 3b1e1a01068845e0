"""Frames: complete ones only, the latest of them, pinned for as long as anybody looks, whoever is killed."""

import asyncio
import gc
import os
import signal
import threading

import numpy as np
import pytest
from children import METHODS, ended, start

import shm_array


def publish_many(frames, count):
    for value in range(1, count + 1):
        while True:
            try:
                with frames.write() as frame:
                    frame[...] = value
                break
            except BlockingIOError:
                pass


def look_until(frames, last):
    number = 0
    while number < last:
        with frames.latest(number, 60) as frame:
            assert frame.number > number and frame.missed == (frame.number - number - 1 if number else 0)
            assert (frame.array == frame.number).all()
            number = frame.number


def copy_and_say(frames, answers):
    array, number = frames.copy(timeout=60)
    answers.put((array.tolist(), number))


def half_fill_and_die(frames):
    with frames.write() as frame:
        frame[0] = 77
        os.kill(os.getpid(), signal.SIGKILL)


def pin_and_die(frames):
    frames.latest(0, 60)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def frames():
    return shm_array.Frames((3, 4), "f4", 3)


@pytest.mark.parametrize("method", METHODS)
def test_readers_see_complete_frames_only(method):
    frames = shm_array.Frames(100_000, "i8", 5)
    reader = start(method, look_until, frames, 200)
    publish_many(frames, 200)
    ended(reader)
    assert frames.number == 200


def test_what_a_frame_is(frames):
    assert (frames.shape, frames.dtype, frames.buffers, frames.number) == ((3, 4), np.dtype("f4"), 3, 0)
    for timeout in (0, 0.02):
        with pytest.raises(TimeoutError, match="number 0"):
            frames.latest(timeout=timeout)
    assert frames.publish(np.arange(12).reshape(3, 4)) == 1
    writing = frames.write()
    with writing as array:
        assert array.shape == (3, 4) and array.flags.writeable and array.flags.aligned
        array[...] = 2
    assert writing.number == 2
    with frames.latest() as frame:
        assert (frame.number, frame.missed, frame.array.sum()) == (2, 0, 24)
        assert not frame.array.flags.writeable
        with pytest.raises(ValueError):
            frame.array[0] = 1
    frame.release()
    frames.publish(3)
    frames.publish(4)
    assert frames.latest(2).missed == 1
    with pytest.raises(ValueError):
        frames.publish(np.ones(5))
    assert frames.number == 4


def test_what_raises_is_never_seen(frames):
    frames.publish(1)
    for _ in range(5):  # the buffer is free again each time
        with pytest.raises(ArithmeticError):
            with frames.write() as array:
                array[...] = 77
                raise ArithmeticError
    assert frames.copy()[0].max() == 1


def test_pinned_by_views_and_released_with_the_last(frames):
    frames.publish(1)
    row = frames.latest().array[1]  # the Frame itself is gone
    for value in range(2, 6):
        frames.publish(value)
    assert (row == 1).all()
    assert frames.stat().pinned == 1
    other = frames.latest()
    with frames.write():
        with pytest.raises(BlockingIOError, match="all 3 buffers"):
            frames.publish(0)
    del row, other
    gc.collect()
    assert frames.stat().pinned == 0
    assert frames.publish(6) == 7


def test_views_outlive_the_frames(frames):
    frames.publish(5)
    array = frames.latest().array
    frames.close()
    assert array.sum() == 60
    with pytest.raises(ValueError, match="closed"):
        frames.number


def test_read_only_users_copy(new_name):
    name = new_name()
    writer = shm_array.Frames((2, 2), "i4", name=name, wakes_readers=True)
    reader = shm_array.Frames.open(name, "r")
    with pytest.raises(TimeoutError):
        reader.copy(timeout=0.02)
    threading.Timer(0.05, writer.publish, [7]).start()
    array, number = reader.copy(timeout=60)
    assert (array.tolist(), number) == ([[7, 7], [7, 7]], 1)
    out = np.empty((2, 2), "i4")
    assert reader.copy(out=out)[0] is out and out[0, 0] == 7
    for wrong in (np.empty(4, "i4"), np.empty((2, 2)), np.empty((2, 2), "i4", "F")):
        with pytest.raises(ValueError, match="out has"):
            reader.copy(out=wrong)
    for refused in (reader.latest, reader.write().__enter__):
        with pytest.raises(PermissionError):
            refused()
    with pytest.raises(ValueError, match="mode"):
        shm_array.Frames.open(name, "c")


@pytest.mark.parametrize("mode", ["r", "r+"])
@pytest.mark.parametrize("method", METHODS)
def test_handed_over_with_its_mode(method, mode, new_name):
    name = new_name()
    made = shm_array.Frames(3, name=name)
    made.publish([1, 2, 3])
    answers = shm_array.Queue()
    process = start(method, copy_and_say, shm_array.Frames.open(name, mode), answers)
    assert answers.get(timeout=60) == ([1, 2, 3], 1)
    ended(process)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_of_the_killed_is_in_the_way(method, frames):
    frames.publish(1)
    ended(start(method, half_fill_and_die, frames), -signal.SIGKILL)
    ended(start(method, pin_and_die, frames), -signal.SIGKILL)
    mine = frames.latest()
    for value in range(2, 10):
        assert frames.publish(value) == value
    assert mine.array.max() == 1 and frames.copy()[0].min() == 9


def test_the_file_is_an_npy_of_all_buffers(new_name):
    name = new_name()
    frames = shm_array.Frames((2, 3), [("x", "f8"), ("n", "i4")], 4, name=name)
    frames.publish(np.array((1.5, 2), frames.dtype))
    stored = np.load(f"/dev/shm/{name}")
    assert stored.shape == (4, 2, 3) and stored.dtype == frames.dtype and 1.5 in stored["x"]
    with pytest.raises(FileExistsError):
        shm_array.Frames((2, 4), name=name, exist_ok=True)
    again = shm_array.Frames((2, 3), frames.dtype, 4, name=name, exist_ok=True)
    assert again.number == 1
    assert [entry.kind for entry in shm_array.list() if entry.name == name] == ["frames"]


def test_awaited_by_many():
    frames = shm_array.Frames(10, "i8", 3)

    async def main():
        tasks = [asyncio.ensure_future(frames.latest_async()) for _ in range(300)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)
        threading.Timer(0.02, frames.publish, [5]).start()
        for frame in await asyncio.wait_for(asyncio.gather(*tasks), 60):
            assert frame.array[0] == 5
        del frame, tasks
        late = asyncio.ensure_future(frames.latest_async(newer_than=1))
        await asyncio.sleep(0.01)
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late

    asyncio.run(main())


def test_a_loop_over_frames(frames):
    seen = []
    frames.publish(1)
    for frame in frames:
        seen.append((frame.number, float(frame.array[0, 0])))
        if frame.number == 4:
            break
        frames.publish(frame.number + 1)
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_what_cannot_be_made():
    for wrong in ({"buffers": 2}, {"buffers": 2000}, {"shape": (-1,)}, {"dtype": object}):
        with pytest.raises(ValueError):
            shm_array.Frames(**{"shape": 3, **wrong})
    ml_dtypes = pytest.importorskip("ml_dtypes")
    with pytest.raises(shm_array.DtypeError, match="bfloat16"):
        shm_array.Frames(3, ml_dtypes.bfloat16)


def test_who_has_published_a_frame_cannot_go_on_writing_it():
    frames = shm_array.Frames(4, "f8", 3)
    with frames.write() as values:
        values[:] = 1
    with pytest.raises(ValueError, match="read-only"):
        values[:] = 2
    with frames.latest() as frame:
        assert frame.array.tolist() == [1, 1, 1, 1]
