"""open(): the same by the compiled module and without it, names that change hands, and nothing left behind."""

import gc
import inspect
import os
import pickle
import sys
import threading
import warnings

import numpy as np
import pytest
from conftest import mapped

import shm_array
from shm_array import _library, _opened

MANY_OPENINGS = int(os.environ.get("SHM_ARRAY_TEST_OPENINGS", "400"))


def test_open_makes_what_python_makes(new_name):
    record = np.dtype([("x", "<f4"), ("y", "<i8", (2,))])
    plain = (float, (2, 3), "C"), ("<i2", (4, 3, 2), "F"), ("U3", (), "C"), ("|u1", 0, "C")
    for dtype, shape, order in (*plain, (record, 3, "C")):
        name = new_name()
        made = shm_array.create(name, shape, dtype, order)
        for mode in "r", "r+":
            quick, other = shm_array.open(name, mode), shm_array.array.Array._named(name, _library.READ, False)
            assert type(quick) is type(other) is shm_array.Array
            assert (quick.dtype, quick.shape, quick.strides) == (made.dtype, made.shape, made.strides)
            assert (other.dtype, other.shape, other.strides) == (made.dtype, made.shape, made.strides)
            assert quick.flags.writeable == (mode == "r+") and not other.flags.writeable
            assert quick.name == other.name == name
            assert quick.base.base.mode == mode and quick.base.base.nbytes == made.nbytes


@pytest.mark.parametrize(
    "arguments", ["", "1", "name, 'r', 1", "name, 'w'", "name, mode=1", "name, colour=1", "name, [], mode='r'", "'a\\0b'"]
)
def test_open_refuses_what_python_refuses(arguments, new_name):
    name = new_name()
    shm_array.create(name, 3)
    with pytest.raises((TypeError, ValueError)):
        eval(f"shm_array.open({arguments})")
    with pytest.raises(FileNotFoundError):
        shm_array.open(name + "-other")
    with pytest.raises(FileNotFoundError):
        shm_array.open(name + "-other", mode="r+")


def test_a_name_that_is_anothers_meanwhile_leads_to_the_other(new_name):
    name = new_name()
    first = shm_array.create(name, 3)
    first[:] = 1
    same = shm_array.open(name, "r+")
    assert same.base.base.data == first.base.base.data  # one mapping
    shm_array.unlink(name)
    second = shm_array.create(name, 5, "<i4")
    found = shm_array.open(name, "r+")
    assert found.shape == (5,) and found.dtype == second.dtype and first[0] == 1
    names = [new_name() for _ in range(70)]
    arrays = [shm_array.create(each, 1) for each in names]
    assert all(shm_array.open(each, "r+").base.base.data == array.base.base.data for each, array in zip(names, arrays))
    for each in names:
        shm_array.unlink(each)


def test_closed_by_with_and_by_hand(new_name):
    name = new_name()
    shm_array.create(name, 3)
    with shm_array.open(name, "r+") as a:
        assert a.fileno() >= 0 and not a.closed
    assert a.closed
    a.close()
    with pytest.raises(ValueError, match="is closed"):
        a.__enter__()
    b = shm_array.open(name, "r+")
    held = b.lock()
    b.close()  # gives the lock back
    shm_array.open(name, "r+").lock(timeout=0).release()
    held.release()
    with pytest.raises(ValueError):
        np.asarray(b).view(shm_array.Array).copy().view(shm_array.Array).close()


def test_a_mode_that_is_no_string_is_an_error_and_no_crash(name, run):
    program = """
import sys
import shm_array
shm_array.create(sys.argv[1], 3)
class Word(str):
    pass
others = [(1,) * count for count in range(9)]
for mode in (), 1.5, object(), [], {}, b"r+", 1 << 3000, slice(1), sys, Word("w"), *range(2, 9), *others:
    for arguments, named in ((mode,), {}), ((), {"mode": mode}):
        try:
            shm_array.open(sys.argv[1], *arguments, **named)
        except (TypeError, ValueError):
            continue
        print(repr(mode))
"""
    assert run(program, name) == ""


def test_a_name_of_any_letters_is_an_error_and_no_crash(name):
    shm_array.create(name, 3)

    class Name(str):
        pass

    assert shm_array.open(Name(name)).shape == shm_array.open("shm://" + name).shape == (3,)
    for length in 200, 255, 256, 281, 282, 283, 290, 291, 292, 4096, 100_000:
        for letter in "x", "\u20ac", "/":
            with pytest.raises((OSError, ValueError)):
                shm_array.open(letter * length)
    for wrong in "", ".", "..", "a\ud800b", "a\udc80b", "a\0b", name + "\0", "/", "a/b", "\U0001f600":
        with pytest.raises((OSError, ValueError)):
            shm_array.open(wrong)
        with pytest.raises((OSError, ValueError)):
            shm_array.open(wrong, "r+")


def test_a_dtype_that_python_refuses_is_refused_as_it_is_there(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    shm_array.create(name, 3, ml_dtypes.bfloat16)
    before = mapped()
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(ml_dtypes, "bfloat16")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert shm_array.open(name).dtype == "V2"
        assert [each.filename for each in told] == [__file__]  # it is the caller who hears of it
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match="bare bytes"):
                shm_array.open(name)
    assert mapped() == before


def test_the_function_is_found_where_python_defines_it():
    assert shm_array.open.__module__ == "shm_array.array" and shm_array.open.__name__ == "open"
    assert pickle.loads(pickle.dumps(shm_array.open)) is shm_array.open
    assert "untracked" in inspect.signature(shm_array.open).parameters


def test_names_of_what_is_gone_are_looked_for_as_their_number_doubles_and_no_more_often(new_name):
    by_name = _opened._here["r+", False]
    by_name.clear()
    kept = []
    for _ in range(_opened.MANY - 1):
        kept.append(shm_array.create(new_name(), 1))
    name = new_name()
    other = shm_array.create(name, 1)
    del other, by_name[kept[0].name]
    by_name["gone"] = by_name[name]
    assert len(by_name) == _opened.MANY
    shm_array.open(name, "r+").close()
    assert "gone" in by_name  # there is no name more than before
    del by_name["gone"]
    shm_array.open(kept[0].name, "r+").close()
    assert len(by_name) == _opened.MANY - 1 and name not in by_name
    for array in kept:
        array.unlink()
    shm_array.unlink(name)


def test_an_array_with_two_names_is_there_as_long_as_one_of_them(new_name):
    first, second = new_name(), new_name()
    a = shm_array.create(first, 3, fill=1)
    os.link(f"/dev/shm/{first}", f"/dev/shm/{second}")
    b = shm_array.open(second, "r+")
    shm_array.unlink(first)
    c = shm_array.open(second, "r+")
    a[0] = 5
    assert b[0] == c[0] == 5
    with a.lock(), pytest.raises(TimeoutError):
        c.lock(timeout=0)
    for mode in "r", "r+":
        with pytest.raises(FileNotFoundError):
            shm_array.open(first, mode)
    other = shm_array.create(first, 2)
    assert shm_array.open(first, "r+").shape == (2,) and shm_array.open(second, "r+").shape == (3,)
    with pytest.raises(OSError):
        a.unlink()  # the name is another's
    os.replace(f"/dev/shm/{first}", f"/dev/shm/{second}")
    assert shm_array.open(second, "r+").shape == (2,)
    del other


def test_of_a_last_close_array_with_two_names_the_one_it_was_opened_by_goes(new_name):
    first, second = new_name(), new_name()
    a = shm_array.create(first, 3, lifetime="last-close", fill=1)
    os.link(f"/dev/shm/{first}", f"/dev/shm/{second}")
    del a
    with pytest.raises(FileNotFoundError):
        shm_array.open(first)
    assert shm_array.open(second, "r+").sum() == 3
    assert not os.path.exists(f"/dev/shm/{second}")


def test_an_ordinary_file_becomes_a_shared_array_under_the_same_name(name):
    np.save(f"/dev/shm/{name}.npy", np.arange(3.0))
    name = name + ".npy"
    try:
        before = shm_array.open(name)
        with pytest.raises(OSError):
            before.lock(timeout=0)
        with pytest.raises((OSError, ValueError)):
            shm_array.open(name, "r+")
        shm_array.open(name, "r+", adopt=True).close()
        after = shm_array.open(name, "r+")
        with after.lock(timeout=0):
            after[0] = 7
        assert before[0] == shm_array.open(name)[0] == 7 and shm_array.open(name).stat().slots > 0
    finally:
        os.unlink(f"/dev/shm/{name}")


def test_many_openings_of_every_sort_leave_nothing(new_name):
    name, last = new_name(), new_name()
    a = shm_array.create(name, 3)
    np.save(f"/dev/shm/{name}-plain", np.arange(3.0), allow_pickle=False)
    os.rename(f"/dev/shm/{name}-plain.npy", f"/dev/shm/{name}-plain")
    kept = shm_array.create(last, 3, lifetime="last-close")  # noqa: F841
    lock = a.lock()

    def fails(*arguments, **named):
        try:
            shm_array.open(*arguments, **named)
        except (OSError, ValueError, TypeError):
            return
        raise AssertionError(arguments)

    def once():
        shm_array.open(name).close()
        with shm_array.open(name, "r+") as b:
            b[0] += 1
        shm_array.open("shm://" + name, mode="r+")
        shm_array.open(name + "-plain")
        shm_array.open(last, "r+")
        fails(name + "-plain", "r+")
        fails(name + "-none"), fails(name, 1), fails(name, "w"), fails("a\0"), fails(1), fails(name, mode="x")
        fails("\ud800"), fails("x" * 1000), fails(last, id=bytes(16)), fails(name, "r", colour=1)
        try:
            with shm_array.open(name) as b:
                b.fileno()
                raise KeyError
        except KeyError:
            pass

    def measured():
        gc.collect()
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        return len(os.listdir("/proc/self/fd")), len(mapped()), sys.getallocatedblocks(), pages

    try:
        for _ in range(200):
            once()
        before = measured()
        for _ in range(MANY_OPENINGS):
            once()
        after = measured()
    finally:
        os.unlink(f"/dev/shm/{name}-plain")
    assert after[:2] == before[:2]
    assert after[2] - before[2] < MANY_OPENINGS // 2 and after[3] - before[3] < 1000
    lock.release()


@pytest.mark.parametrize("ways", [("r", "r"), ("r", "r+"), ("r+", "r+")])
def test_threads_open_and_close_one_name(new_name, ways):
    name, errors, rounds = new_name(), [], 300
    shm_array.create(name, 3)

    def work(mode):
        try:
            for i in range(rounds):
                with shm_array.open(name, mode) as b:
                    assert b.sum() >= 0
                    if mode == "r+":
                        with b.lock():
                            b[1] += 1
                    if i % 50 == 0 and mode == "r+":
                        os.unlink(f"/dev/shm/{name}")
                        shm_array.create(name, 3, exist_ok=True)
        except FileNotFoundError:
            pass  # between the two
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(mode,)) for mode in ways * 2]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == []
