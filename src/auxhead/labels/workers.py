"""Work on many small files, in order: alone while the disk answers from memory, in threads while it doesn't."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = 8  # at once, where the time goes into waiting for the disk
AHEAD = 2  # items a thread that may wait in the queue: bounds the memory, keeps the threads busy
WAITING = 4  # times as long on the clock as on the processor: an idle disk cache, not a busy machine
PROBE = 64  # items in threads before one is measured alone again


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
    """Yield `work(item)` of every item, in the order of the items.

    Python threads that read and write small files which the system has in memory get in each other's way: every call
    hands the interpreter's lock to another thread, so that eight threads take longer than one (benchmarks/convert.py
    measures both). On a cold or remote disk they are the faster the longer it takes to answer. So an item is measured
    now and then, and threads are used while it waited most of its time.

    Args:
        work: Must be safe to call from several threads at once.
        items: Read from the calling thread, only a little ahead of the results.

    Yields:
        The results. Close the generator to stop early: threads have ended then, and what they hadn't begun is dropped.
    """
    rest = iter(items)
    for item in rest:
        clock, processor = time.perf_counter(), time.thread_time()
        result = work(item)
        waited = time.perf_counter() - clock > WAITING * (time.thread_time() - processor)
        yield result
        if waited:
            yield from _in_threads(work, islice(rest, PROBE))


def _in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="auxhead-labels")
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > THREADS * AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C must not wait for the rest
