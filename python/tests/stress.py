"""A great many children, of every start method, are handed one array: each adds 1 to all of it under the lock.

    python tests/stress.py [children]       1,000 by default, a third of them of each start method

Two in a hundred are killed at a random moment. At the end all elements must be equal, nobody's addition may be lost
but those of the killed, and no lock, file, mapping or process may be left.
"""

import multiprocessing
import os
import random
import sys
import time

import shm_array

AT_ONCE = 8


def put_right(array):
    array[1:] = array[0]


def add_one(array, done):
    with array.lock(repair=put_right):
        array += 1
    with done.lock(repair=put_right):
        done[0] += 1


def run(children):
    prefix = f"stress-{os.getpid()}"
    array = shm_array.create(f"{prefix}-array", 1000, int, lifetime="last-close")
    done = shm_array.create(f"{prefix}-done", 1, int, lifetime="last-close")
    chance = random.Random(children)
    killed, running = 0, []
    for number in range(children):
        method = multiprocessing.get_all_start_methods()[number % 3]
        process = multiprocessing.get_context(method).Process(target=add_one, args=(array, done))
        process.start()
        running.append(process)
        if chance.random() < 0.02:
            time.sleep(chance.random() * 0.2)
            process.kill()
        while len(running) >= AT_ONCE or (running and number == children - 1):
            process = running.pop(0)
            process.join(120)
            assert process.exitcode in (0, -9), f"a child ended with {process.exitcode}"
            killed += process.exitcode == -9
            process.close()
    for each in (array, done):
        each.recover(put_right)
    assert (array == array[0]).all(), "half an addition is seen"
    assert children - killed <= done[0] <= array[0] <= children, (children, killed, done[0], array[0])
    del array, done, each
    shm_array.collect()
    left = [name for name in os.listdir("/dev/shm") if name.startswith(prefix)]
    if left:  # those who were killed on their way hold leases
        assert killed, left
        for name in left:
            shm_array.unlink(name)
    print(f"{children} children, {killed} of them killed: every addition is there")


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
