import threading
import time
from contextlib import closing

import pytest

from auxhead.labels.workers import AHEAD, PROBE, THREADS, in_order


def busy(item: int) -> tuple[int, str]:
    return item, threading.current_thread().name


def slow(item: int) -> tuple[int, str]:
    time.sleep(0.002)
    return busy(item)


def test_quick_work_stays_in_this_thread():
    found = list(in_order(busy, range(200)))
    assert [item for item, _ in found] == list(range(200))
    # The clock may jump on a busy machine, so that a few items go into threads.
    assert sum(name == threading.current_thread().name for _, name in found) > 0


def test_work_that_waits_goes_into_threads_in_order_and_is_measured_again():
    found = list(in_order(slow, range(PROBE + 10)))
    assert [item for item, _ in found] == list(range(PROBE + 10))
    here = [item for item, name in found if name == threading.current_thread().name]
    assert here == [0, PROBE + 1]
    assert len({name for _, name in found}) > 2


def test_items_are_read_only_a_little_ahead():
    read = []

    def items():
        for i in range(1000):
            read.append(i)
            yield i

    with closing(in_order(slow, items())) as results:
        for _ in range(3):
            next(results)
        assert len(read) <= 3 + THREADS * AHEAD + 1


def test_closing_ends_the_threads():
    with closing(in_order(slow, range(10_000))) as results:
        next(results), next(results)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("auxhead-labels")]


def test_an_error_comes_out_in_its_place():
    def fail(item: int) -> int:
        time.sleep(0.002)
        if item == 3:
            raise ValueError(item)
        return item

    found: list[int] = []
    with pytest.raises(ValueError, match="3"):
        found.extend(in_order(fail, range(9)))
    assert found == [0, 1, 2]


def test_nothing_gives_nothing():
    assert list(in_order(busy, [])) == []
