"""multiprocessing.Queue: microseconds a message from one sender and from two, and a round trip's median and 99th percentile."""
import multiprocessing
import os
import sys
import time


def bind(which):
    os.sched_setaffinity(0, {which % os.cpu_count()})


def send(queue, message, count):
    bind(1)
    for _ in range(count):
        queue.put(message)


def echo(there, back, count):
    bind(1)
    for _ in range(count):
        back.put(there.get())


def throughput(context, capacity, message, count, senders):
    queue = context.Queue(capacity)
    each, warm = count // senders, count // senders // 10
    workers = [context.Process(target=send, args=(queue, message, each + warm)) for _ in range(senders)]
    for worker in workers:
        worker.start()
    for _ in range(warm * senders):
        queue.get()
    begin = time.perf_counter()
    for _ in range(each * senders):
        queue.get()
    took = time.perf_counter() - begin
    for worker in workers:
        worker.join()
    return took * 1e6 / (each * senders)


def round_trip(context, capacity, message, count):
    there, back = context.Queue(capacity), context.Queue(capacity)
    worker = context.Process(target=echo, args=(there, back, count))
    worker.start()
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        there.put(message)
        back.get()
        times.append((time.perf_counter() - begin) * 1e6)
    worker.join()
    times.sort()
    return times[count // 2], times[count * 99 // 100]


if __name__ == "__main__":
    capacity, length, count = map(int, sys.argv[1:])
    context = multiprocessing.get_context("fork")
    bind(0)
    message = b"\1" * length
    one = throughput(context, capacity, message, count, 1)
    p50, p99 = round_trip(context, capacity, message, max(count // 20, 50))
    two = throughput(context, capacity, message, count, 2) if length <= 4096 else "nan"
    print(one, p50, p99, two)
