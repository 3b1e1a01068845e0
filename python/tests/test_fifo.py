"""Fifo, and Connections with a name: unrelated processes meet at a name, and see each other's end."""

import asyncio
import io
import multiprocessing
import os
import signal
import threading
import time

import pytest
from children import METHODS, ended, start

import shm_array
from shm_array import _on_the_way

WRITE = """
import sys, shm_array
with shm_array.Fifo.open(sys.argv[1], "w") as fifo:
    for number in range(int(sys.argv[2])):
        fifo.write(b"line %d\\n" % number)
"""
SEND = """
import sys, shm_array
with shm_array.Connection.open(sys.argv[1], "w") as connection:
    connection.send({"a": [1, 2]})
    connection.send_bytes(b"x" * 300_000)
"""


def write_and_die(fifo):
    fifo.write(b"last words")
    os.kill(os.getpid(), signal.SIGKILL)


def read_all(fifo, answers):
    answers.put(len(fifo.readall()))


def test_unrelated_processes_meet_at_a_name(new_name, run):
    name = new_name()
    with shm_array.Fifo(name, "r") as fifo:
        run(WRITE, name, 1000)
        assert list(io.TextIOWrapper(io.BufferedReader(fifo))) == [f"line {number}\n" for number in range(1000)]
    with pytest.raises(ValueError, match="closed"):
        fifo.readinto(bytearray(1))


def test_messages_by_name(new_name, start):
    name = new_name()
    with shm_array.Connection.open(name, "r") as connection:
        sender = start(SEND, name)
        assert connection.recv() == {"a": [1, 2]}
        assert connection.recv_bytes() == b"x" * 300_000
        with pytest.raises(EOFError):
            connection.recv()
        sender.wait(60)
    with pytest.raises(FileExistsError):
        shm_array.Connection.open(name, "w", capacity=4096)
    shm_array.unlink(name)


@pytest.mark.parametrize("method", METHODS)
def test_handed_over(method):
    reader, writer = shm_array.Fifo.pair(4096)
    answers = shm_array.Queue()
    process = start(method, read_all, reader, answers)
    data = os.urandom(100_000)
    assert writer.write(data) == len(data)
    writer.close()
    assert answers.get(timeout=60) == len(data)
    ended(process)


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_writer_is_the_end(method):
    reader, writer = shm_array.Fifo.pair()
    process = start(method, write_and_die, writer)
    ended(process, -signal.SIGKILL)
    writer.close()
    assert reader.readall() == b"last words"


def test_as_files_are(new_name):
    reader, writer = shm_array.Fifo.pair()
    assert reader.readable() and not reader.writable() and writer.writable()
    writer.write(b"abc")
    writer.write(memoryview(b"def"))
    assert reader.waiting() == 6
    buffer = bytearray(4)
    assert reader.readinto(buffer) == 4 and buffer == b"abcd"
    assert reader.read(10) == b"ef"
    with pytest.raises(OSError):
        reader.write(b"x")
    with pytest.raises(OSError):
        writer.read(1)
    reader.close()
    reader.close()
    assert reader.closed
    with pytest.raises(BrokenPipeError):
        writer.write(b"x")
    name = new_name()
    with pytest.raises(FileNotFoundError):
        shm_array.Fifo.open(name)
    made = shm_array.Fifo(name, "w", lifetime="last-close")
    with pytest.raises(FileExistsError):
        shm_array.Fifo(name, "r")
    assert shm_array.Fifo(name, "r", exist_ok=True).name == made.name == name
    made.unlink()
    with pytest.raises(FileNotFoundError):
        shm_array.Fifo.open(name)
    with pytest.raises(ValueError, match="mode"):
        shm_array.Fifo(mode="rw")


def test_awaited():
    reader, writer = shm_array.Fifo.pair()

    async def main():
        task = asyncio.ensure_future(reader.read_async())
        await asyncio.sleep(0.01)
        assert not task.done()
        threading.Timer(0.02, writer.write, [b"word"]).start()
        assert await asyncio.wait_for(task, 60) == b"word"
        threading.Timer(0.02, writer.close).start()
        assert await asyncio.wait_for(reader.read_async(), 60) == b""

    asyncio.run(main())


def wait_and_write(fifo, moment):
    moment.wait()
    fifo.write(b"late")


def wait_and_read(fifo, moment, answers):
    moment.wait()
    answers.put(bytes(fifo.readall()))


def die_at_once(fifo):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("method", METHODS)
def test_closed_here_while_it_is_on_its_way(method):
    """The way of pipes: start a process with one end, and close that end here."""
    moment = shm_array.Event()
    reader, writer = shm_array.Fifo.pair()
    process = start(method, wait_and_write, writer, moment)
    writer.close()
    threading.Timer(0.3, moment.set).start()
    assert reader.readall() == b"late"
    ended(process)

    moment, answers = shm_array.Event(), shm_array.Queue()
    reader, writer = shm_array.Fifo.pair()
    process = start(method, wait_and_read, reader, moment, answers)
    reader.close()
    writer.write(b"to nobody yet")
    writer.close()
    moment.set()
    assert answers.get(timeout=60) == b"to nobody yet"
    ended(process)


@pytest.mark.parametrize("method", METHODS)
def test_a_receiver_that_dies_on_the_way_is_the_end(method):
    reader, writer = shm_array.Fifo.pair()
    process = start(method, die_at_once, writer)
    writer.close()
    assert reader.readall() == b""
    ended(process, -signal.SIGKILL)
    one, other = shm_array.Pipe()
    queue = multiprocessing.get_context(method).SimpleQueue()
    queue.put(other)
    other.close()
    received = queue.get()
    one.send("word")
    assert received.recv() == "word"
    received.close()
    with pytest.raises(EOFError):
        one.recv()
    deadline = time.monotonic() + 60
    while _on_the_way._noted:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_many_forks_leave_no_descriptors():
    reader, writer = shm_array.Fifo.pair()
    counts = []
    for _ in range(10):
        ended(start("fork", os.getpid))
        counts.append(len(os.listdir("/proc/self/fd")))
    assert max(counts) <= counts[0] + 1
    writer.close()
    assert reader.readall() == b""


def test_numbers_and_bytes_that_are_none():
    for capacity in (1e5, "65536"):
        for make in (shm_array.Fifo.pair, lambda capacity: shm_array.Pipe(capacity=capacity)):
            with pytest.raises(TypeError):
                make(capacity)
    for capacity in (-1, 2**64 + 65536):
        with pytest.raises(ValueError, match="capacity"):
            shm_array.Fifo(mode="w", capacity=capacity)
    reader, writer = shm_array.Fifo.pair()
    for data in (5, "text"):
        with pytest.raises(TypeError):
            writer.write(data)
    assert reader.waiting() == 0
