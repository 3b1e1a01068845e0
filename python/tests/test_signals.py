"""Signals: named bits that are set, cleared, pulsed, consumed and waited for."""

import asyncio
import os
import signal
import threading
import time

import numpy as np
import pytest
from children import METHODS, ended, start

import shm_array


def obey(control, told):
    while True:
        came = control.wait("start", "stop", consume=True, timeout=60)
        told.put(sorted(came))
        if "stop" in came:
            return


def wait_and_die(control):
    control.wait("start", timeout=0.05)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def control():
    return shm_array.Signals(["start", "stop", "reload"])


@pytest.mark.parametrize("method", METHODS)
def test_a_control_channel(method, control):
    told = shm_array.Queue()
    worker = start(method, obey, control, told)
    control.set("start")
    assert told.get(timeout=60) == ["start"]
    control.set("stop", "reload")
    assert told.get(timeout=60) == ["stop"]
    ended(worker)
    assert control.now == {"reload"}


def test_any_all_and_in_time(control):
    assert control.names == ("start", "stop", "reload")
    assert control.wait("start", timeout=0) == control.wait("start", timeout=0.02) == set()
    control.set("start")
    assert control.wait("start", "stop") == {"start"}
    assert control.wait("start", "stop", all=True, timeout=0.02) == set()
    threading.Timer(0.05, control.set, ["stop"]).start()
    assert control.wait("start", "stop", all=True, timeout=60) == {"start", "stop"}
    assert control.is_set("start", "stop") and not control.is_set("start", "reload")
    control.clear("start")
    assert control.now == {"stop"}
    assert control.wait(1, consume=True) == {"stop"} and control.now == set()
    with pytest.raises(ValueError, match="start, stop, reload"):
        control.set("go")
    with pytest.raises(ValueError):
        control.set(64)
    with pytest.raises(ValueError):
        control.wait(timeout=0)


def test_bits_without_names():
    bits = shm_array.Signals()
    bits.set(0, 63)
    assert bits.now == {0, 63} and bits.names == ()
    assert bits.wait(63) == {63}


def test_a_pulse_reaches_those_who_wait_now(control):
    came = []
    threads = [threading.Thread(target=lambda: came.append(control.wait("reload", timeout=60))) for _ in range(3)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 60
    while len(came) < 3 and time.monotonic() < end:  # who has not come to wait yet gets the next one
        time.sleep(0.05)
        control.pulse("reload")
    for thread in threads:
        thread.join()
    assert came == [{"reload"}] * 3 and control.now == set()
    assert control.wait("reload", timeout=0.02) == set()


def test_opened_by_name_by_whoever_wants(new_name):
    name = new_name()
    made = shm_array.Signals(["a", "b"], name=name)
    found = shm_array.Signals.open(name)
    assert found.names == ("a", "b")
    found.set("b")
    assert made.now == {"b"}
    with pytest.raises(FileExistsError):
        shm_array.Signals(["c"], name=name, exist_ok=True)
    assert shm_array.Signals(["a", "b"], name=name, exist_ok=True).now == {"b"}


def test_a_killed_waiter_holds_up_nobody(control):
    ended(start("fork", wait_and_die, control), -signal.SIGKILL)
    control.set("start")
    assert control.wait("start", timeout=60) == {"start"}


def test_awaited(control):
    async def main():
        everybody = [asyncio.ensure_future(control.wait_async("start", "stop")) for _ in range(100)]
        one = [asyncio.ensure_future(control.wait_async("reload", consume=True)) for _ in range(2)]
        both = asyncio.ensure_future(control.wait_async("start", "reload", all=True))
        await asyncio.sleep(0.01)
        threading.Timer(0.02, control.set, ["start"]).start()
        assert await asyncio.wait_for(asyncio.gather(*everybody), 60) == [{"start"}] * 100
        await asyncio.sleep(0.05)
        assert not both.done() and not any(task.done() for task in one)
        control.set("reload")
        done, waiting = await asyncio.wait(one, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == len(waiting) == 1
        control.set("reload")
        assert await asyncio.wait_for(waiting.pop(), 60) == {"reload"}
        control.set("reload")
        assert await asyncio.wait_for(both, 60) == {"start", "reload"}

    asyncio.run(main())


def test_names_are_a_sequence_of_texts():
    with pytest.raises(TypeError, match="expected a sequence such as .'abc'."):
        shm_array.Signals("abc")
    for wrong in ("a\0b", 5, b"a"):
        with pytest.raises(ValueError, match="expected a text without a null"):
            shm_array.Signals([wrong])
    signals = shm_array.Signals()
    signals.set(np.int64(3))
    assert signals.now == {3}
