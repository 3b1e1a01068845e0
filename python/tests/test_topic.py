"""Topics: every subscriber gets everything, or is told what it lost; nobody waits for the dead."""

import asyncio
import os
import queue
import signal
import threading

import numpy as np
import pytest
from children import METHODS, ended, start

import shm_array


def hear(topic, ready, heard):
    with topic.subscribe() as subscription:
        ready.put("here")
        heard.put([item for item in subscription])


def subscribe_and_die(topic):
    topic.subscribe()
    os.kill(os.getpid(), signal.SIGKILL)


def double(topic, ready):
    with topic.subscribe() as subscription:
        ready.put("here")
        array = subscription.get(timeout=60)
        with array.lock():
            array *= 2


@pytest.mark.parametrize("method", METHODS)
def test_every_subscriber_gets_everything(method, new_name):
    topic = shm_array.Topic(8, keep=True, name=new_name())
    ready, heard = shm_array.Queue(), shm_array.Queue()
    topic.publish("nobody is here to hear it")
    processes = [start(method, hear, topic, ready, heard) for _ in range(2)]
    for _ in processes:
        ready.get(timeout=60)
    items = [1, "two", {"three": [4.0]}, None, *range(50)]
    for item in items:
        topic.publish(item, timeout=60)
    topic.shutdown()
    assert [heard.get(timeout=60) for _ in processes] == [items, items]
    for process in processes:
        ended(process)
    with pytest.raises(shm_array.ShutDown):
        topic.publish(1)


def test_a_slow_subscriber_is_told_what_it_lost():
    topic = shm_array.Topic(4)
    slow, fast = topic.subscribe(), topic.subscribe()
    for number in range(10):
        topic.publish(number)
        assert (fast.get(), fast.lost) == (number, 0)
    assert slow.qsize() == 10
    assert (slow.get(), slow.lost) == (6, 6)
    assert (slow.get_nowait(), slow.lost) == (7, 0)
    assert topic.stat().behind == 2


def test_the_publisher_waits_for_a_slow_subscriber_where_it_shall():
    topic = shm_array.Topic(2, keep=True)
    subscription = topic.subscribe()
    topic.publish(1)
    topic.publish(2)
    for attempt in (lambda: topic.publish(3, False), lambda: topic.publish(3, timeout=0.02)):
        with pytest.raises(queue.Full):
            attempt()
    later = threading.Timer(0.05, subscription.get)
    later.start()
    topic.publish(3, timeout=60)
    later.join()
    assert [subscription.get(), subscription.get(), subscription.lost] == [2, 3, 0]
    subscription.close()
    for number in range(5):  # nobody is there to wait for
        topic.publish(number, False)


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_subscriber_is_not_waited_for(method):
    topic = shm_array.Topic(1, keep=True)
    ended(start(method, subscribe_and_die, topic), -signal.SIGKILL)
    for number in range(3):
        topic.publish(number, timeout=60)


@pytest.mark.parametrize("method", METHODS)
def test_arrays_go_by_handle_to_each(method, new_name):
    array = shm_array.create(new_name(), 1000, fill=1, lifetime="last-close")
    topic, ready = shm_array.Topic(), shm_array.Queue()
    processes = [start(method, double, topic, ready) for _ in range(2)]
    for _ in processes:
        ready.get(timeout=60)
    topic.publish(array)
    for process in processes:
        ended(process)
    assert array.sum() == 4000
    with pytest.raises(ValueError, match="name"):
        topic.publish(shm_array.zeros(3))
    array.unlink()  # it is leased, for whoever else may have heard of it


def test_records_bytes_and_sizes():
    point = np.dtype([("x", "f8"), ("n", "i4")])
    topic = shm_array.Topic(4, dtype=point)
    subscription = topic.subscribe()
    topic.publish(np.array([(2.5, 3), (3.5, 4)], point))
    got = subscription.get()
    assert got.dtype == point and got["n"].tolist() == [3, 4]
    topic = shm_array.Topic(4, item_bytes=100)
    subscription = topic.subscribe()
    topic.publish_bytes(b"as it is")
    assert subscription.get_bytes() == b"as it is"
    with pytest.raises(ValueError, match="item_bytes=100"):
        topic.publish(b"x" * 1000)


def test_empty_finished_and_closed():
    topic = shm_array.Topic()
    subscription = topic.subscribe()
    for attempt in (subscription.get_nowait, lambda: subscription.get(timeout=0.02)):
        with pytest.raises(queue.Empty):
            attempt()
    topic.publish(1)
    topic.shutdown()
    assert list(subscription) == [1]
    with pytest.raises(shm_array.ShutDown):
        subscription.get()
    subscription.close()
    with pytest.raises(ValueError, match="closed"):
        subscription.get()
    topic.close()
    with pytest.raises(ValueError, match="closed"):
        topic.publish(1)


def test_opened_by_name(new_name):
    name = new_name()
    topic = shm_array.Topic(3, item_bytes=64, dtype="f4", keep=True, name=name, lifetime="last-close")
    found = shm_array.Topic.open(name)
    assert (found.maxsize, found.item_bytes, found.dtype, found.keep) == (3, 64, np.dtype("f4"), True)
    with pytest.raises(FileExistsError):
        shm_array.Topic(4, name=name, exist_ok=True)
    with found.subscribe() as subscription:
        topic.publish([1, 2])
        assert subscription.get(timeout=60).tolist() == [1, 2]
    del topic, found, subscription
    assert not os.path.exists(f"/dev/shm/{name}")


def test_a_fork_child_has_no_subscription_of_its_parents():
    topic = shm_array.Topic()
    subscription = topic.subscribe()
    answers = shm_array.Queue()

    def child():
        try:
            subscription.get(timeout=1)
        except OSError as error:
            answers.put(str(error))

    process = start("fork", child)
    assert "fork" in answers.get(timeout=60)
    ended(process)
    topic.publish(1)
    assert subscription.get(timeout=60) == 1


def test_only_so_many_can_subscribe():
    topic = shm_array.Topic(slots=2)
    kept = [topic.subscribe() for _ in range(2)]
    with pytest.raises(OSError, match="2 subscribers"):
        topic.subscribe()
    kept.pop()
    topic.subscribe()


def test_awaited():
    topic = shm_array.Topic(1000, keep=True)

    async def listen(subscription):
        return [await subscription.get_async() for _ in range(3)]

    async def main():
        subscriptions = [topic.subscribe() for _ in range(100)]
        tasks = [asyncio.ensure_future(listen(each)) for each in subscriptions]
        await asyncio.sleep(0.01)
        threading.Timer(0.02, lambda: [topic.publish(number) for number in range(3)]).start()
        assert await asyncio.wait_for(asyncio.gather(*tasks), 60) == [[0, 1, 2]] * 100
        waiting = asyncio.ensure_future(subscriptions[0].get_async())
        await asyncio.sleep(0.01)
        topic.shutdown()
        with pytest.raises(shm_array.ShutDown):
            await asyncio.wait_for(waiting, 60)

    asyncio.run(main())


def test_publishing_awaits_room():
    topic = shm_array.Topic(2, keep=True)
    subscription = topic.subscribe()

    async def main():
        async def publish():
            for number in range(20):
                await topic.publish_async(number)

        task = asyncio.ensure_future(publish())
        await asyncio.sleep(0.05)
        assert not task.done()
        got = [await subscription.get_async() for _ in range(20)]
        await asyncio.wait_for(task, 60)
        return got

    assert asyncio.run(main()) == list(range(20))


def test_numbers_and_bytes_that_are_none():
    for options in ({"maxsize": 2.0}, {"item_bytes": "100"}):
        with pytest.raises(TypeError):
            shm_array.Topic(**options)
    for options in ({"maxsize": -1}, {"maxsize": 2**64 + 3}, {"item_bytes": 2**64 + 100}):
        with pytest.raises(ValueError, match=next(iter(options))):
            shm_array.Topic(**options)
    topic = shm_array.Topic(np.int64(4), item_bytes=np.int16(100))
    subscription = topic.subscribe()
    with pytest.raises(TypeError):
        topic.publish_bytes(5)
    topic.publish_bytes(memoryview(b"aXb")[::2])
    assert subscription.get_bytes() == b"ab"
