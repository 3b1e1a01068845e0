"""Pipe and its Connections, beyond what test_handover.py says of them."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import traceback

import numpy as np
import pytest
from children import METHODS, ended, start

import shm_array


def test_a_message_that_is_too_long_is_lost_as_a_whole():
    receiver, sender = shm_array.Pipe(duplex=False)
    forged = (6).to_bytes(8, "big") + b"forged"
    sender.send_bytes(forged)
    sender.send_bytes(b"next")
    with pytest.raises(OSError, match="maxlength"):
        receiver.recv_bytes(4)
    assert receiver.recv_bytes(4) == b"next"
    with pytest.raises(ValueError, match="maxlength is -1"):
        receiver.recv_bytes(-1)


def test_a_message_can_be_received_into_a_buffer():
    receiver, sender = shm_array.Pipe(duplex=False)
    sender.send_bytes(b"hello")
    room = bytearray(10)
    assert receiver.recv_bytes_into(room, 3) == 5
    assert bytes(room) == b"\0\0\0hello\0\0"
    sender.send_bytes(b"hello")
    with pytest.raises(multiprocessing.BufferTooShort) as told:
        receiver.recv_bytes_into(room, 8)
    assert told.value.args == (b"hello",)
    with pytest.raises(ValueError, match="offset 11"):
        receiver.recv_bytes_into(room, 11)


def test_forks_go_on_while_threads_make_pipes():
    ended = threading.Event()
    failures = []

    def make():
        try:
            while not ended.is_set():
                shm_array.Pipe()
        except BaseException as failure:  # a thread's exception fails no test by itself
            failures.append(failure)

    makers = [threading.Thread(target=make) for _ in range(2)]
    for maker in makers:
        maker.start()
    try:
        for _ in range(100):
            child = os.fork()
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        ended.set()
        for maker in makers:
            maker.join(60)
    assert not failures
    assert not any(maker.is_alive() for maker in makers), "a thread hangs at a lock that a fork left taken"
    receiver, sender = shm_array.Pipe(duplex=False)
    closing = threading.Thread(target=sender.close)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()
    with pytest.raises(EOFError):
        receiver.recv()


def test_a_fork_child_waits_by_a_descriptor_of_its_own():
    receiver, sender = shm_array.Pipe(duplex=False)
    wait = multiprocessing.connection.wait
    sender.send("one")
    assert wait([receiver], 60) == [receiver]  # the parent has its descriptor, and it is readable
    before = receiver.fileno()

    def in_child():
        sender.close()
        assert receiver.recv() == "one"
        assert multiprocessing.connection.wait([before], 0) == [before]  # it is the parent's: nothing was read
        os.write(told_parent, b"x")
        assert wait([receiver], 60) == [receiver]
        assert receiver.recv() == "two"

    told, told_parent = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            in_child()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(told_parent)
    os.read(told, 1)
    receiver.close()
    sender.send("two")
    assert os.waitpid(child, 0)[1] == 0
    os.close(told)


def answer(connection):
    with connection:
        while True:
            try:
                connection.send(connection.recv())
            except EOFError:
                return


def send_and_die(connection):
    connection.send("last words")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("duplex", [True, False])
def test_pipes(method, duplex):
    one, other = shm_array.Pipe(duplex)
    assert (one.readable, one.writable, other.readable, other.writable) == (True, duplex, duplex, True)
    if duplex:
        process = start(method, answer, other)
        for message in [1, "two", b"x" * 200_000, list(range(1000))]:
            one.send(message)
            assert one.recv() == message
        other.close()
        one._writer.close()
        ended(process)
    else:
        ended(start(method, send_and_die, other), -signal.SIGKILL)
        other.close()
        assert one.poll(60)
        assert one.recv() == "last words"
    assert one.poll(60)
    with pytest.raises(EOFError):
        one.recv_bytes()


def test_messages_of_bytes():
    one, other = shm_array.Pipe()
    for message in [b"", b"x", bytes(60_000)]:
        one.send_bytes(message)
        assert other.recv_bytes() == message
    one.send_bytes(np.arange(4, dtype="u1"), 1, 2)
    assert other.recv_bytes(2) == b"\1\2"
    one.send_bytes(b"abc")
    with pytest.raises(OSError, match="longer than maxlength"):
        other.recv_bytes(2)
    with pytest.raises(ValueError):
        one.send_bytes(b"abc", 4)
    other.close()
    assert other.closed
    with pytest.raises(BrokenPipeError):
        for _ in range(100):
            one.send_bytes(bytes(1000))
    with pytest.raises(OSError, match="closed"):
        other.recv()


def test_a_pipe_can_be_polled():
    one, other = shm_array.Pipe()
    assert other.poll() is False and other.poll(0.01) is False
    wait = multiprocessing.connection.wait
    assert wait([other], 0.01) == []
    threading.Timer(0.05, one.send, ["a"]).start()
    assert wait([other], 60) == [other]
    one.send("b")
    assert other.recv() == "a"
    assert wait([other], 60) == [other]
    assert other.recv() == "b"
    assert wait([other], 0.01) == []
    one.close()
    assert wait([other], 60) == [other]
    with pytest.raises(EOFError):
        other.recv()
