"""Run jobs, one subprocess each, side by side on this machine; `ray_cluster.py` and `slurm.py` do it on clusters."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from auxhead.comparison.machines.job import Job, Slot, State, Tell, open_log, require_unique_names
from auxhead.comparison.machines.parent_watch import PARENT, Guard
from auxhead.errors import ConfigError
from auxhead.machine import core_numbers
from auxhead.processes import KILL, signal_family

GRACE = 10.0  # seconds from SIGINT to SIGTERM when jobs are stopped
LAST_GRACE = 5.0  # seconds from SIGTERM to SIGKILL
KILLED = 10.0  # seconds to wait for killed processes; longer only where a dead disk holds them
POLL = 0.2  # seconds: an interrupt that Ray simulates wakes no thread that waits
NOT_STARTED = 127  # exit code that shells give for a command they can't start


class LocalExecutor:
    """Runs jobs on this machine, in slots that have equal shares of it.

    Each slot is pinned to an equal share of the cores that this process may use (what is left over idles, so that no
    job is ahead of another), and, where GPUs are given, sees one of them. Where the system can't pin (macOS, Windows),
    OMP_NUM_THREADS says how many cores the share has. More slots than cores, or than GPUs, share them in turns.
    """

    def __init__(self, slots: int | None, gpus: Sequence[int] = (), grace: float = GRACE) -> None:
        """Divide this machine.

        Args:
            slots: How many jobs run at once; None: as many as there are GPUs, else 1.
            gpus: As this process counts them, from 0 (torch.cuda does so, too): its CUDA_VISIBLE_DEVICES is heeded.
            grace: Seconds that jobs have to end by themselves when they are stopped.

        Raises:
            ConfigError: There are no slots, or a GPU is none that this process sees.
        """
        count = max(len(gpus), 1) if slots is None else slots
        if count < 1:
            raise ConfigError("a number of slots from 1", str(slots), "slots", "use 1 for one run after the other")
        names = [_gpu_name(gpu) for gpu in gpus]
        shares = share_cores(core_numbers(), count)
        self.slots = tuple(
            Slot(cores, names[number % len(names)] if names else None) for number, cores in enumerate(shares)
        )
        self.grace = grace

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Run every job once; see Executor.run."""
        run_in_slots(jobs, self.slots, tell, self.grace)


def share_cores(cores: Sequence[int], slots: int) -> list[tuple[int, ...]]:
    """Give each slot equally many cores, neighbours by number.

    Args:
        cores: Numbers of the cores, at least one.
        slots: At least 1. More than cores: each slot has one, in turns.

    Returns:
        The cores of each slot.
    """
    size = len(cores) // slots
    if not size:
        return [(cores[slot % len(cores)],) for slot in range(slots)]
    return [tuple(cores[slot * size : (slot + 1) * size]) for slot in range(slots)]


def _gpu_name(gpu: int) -> str:
    """Translate the number of a GPU that this process sees into what CUDA_VISIBLE_DEVICES of a child must say."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = None if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    if gpu < 0 or (names is not None and gpu >= len(names)):
        raise ConfigError(
            expected="GPUs that this process sees, counted from 0",
            found=f"{gpu}" if visible is None else f"{gpu}, with CUDA_VISIBLE_DEVICES={visible}",
            where="gpus",
            fix="give smaller numbers, or make more GPUs visible",
        )
    return str(gpu) if names is None else names[gpu]


def run_in_slots(
    jobs: Sequence[Job], slots: Sequence[Slot], tell: Tell, grace: float = GRACE, guard: Guard | None = None
) -> None:
    """Run every job once, as many at once as there are slots; see Executor.run.

    A job leads a session and process group of its own, of which nothing is left when it has ended. (Windows has none: a
    job that is stopped is killed there, with all that it has started.) Its exit code is -signal where one ended it, and
    127 where it could not be started (its log says why).

    Args:
        jobs: In the order in which they are started.
        slots: At least one.
        tell: Called in this thread only.
        grace: Seconds from SIGINT to SIGTERM, when jobs are stopped; another interrupt goes straight to SIGKILL.
        guard: Gets every process group that starts, and is told when it has ended.
    """
    require_unique_names(jobs)
    crew = _Crew(jobs, guard)
    threads = [
        threading.Thread(target=crew.work, args=(slot,), name=f"auxhead-slot-{number}", daemon=True)
        for number, slot in enumerate(slots[: len(jobs)])
    ]
    try:
        for thread in threads:
            thread.start()
        left = len(jobs)
        while left:
            event = crew.next_event()
            tell(*event)
            left -= event.state == "ended"
    except BaseException as error:
        crew.stop(grace)
        if isinstance(error, KeyboardInterrupt):
            for event in crew.past_events():
                tell(*event)
        raise


class _Event(NamedTuple):
    job: Job
    state: State
    code: int | None


class _Crew:
    """Threads that take jobs from a queue and keep one subprocess each; one other thread listens, and may stop them."""

    def __init__(self, jobs: Sequence[Job], guard: Guard | None) -> None:
        self._waiting = deque(jobs)
        self._guard = guard
        self._changed = threading.Condition()  # held while a process starts, is taken leave of, or gets a signal
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopping = False
        self._events: queue.SimpleQueue[_Event | Exception] = queue.SimpleQueue()

    def work(self, slot: Slot) -> None:
        """Run jobs in a slot until none waits.

        On Linux the cores that a thread is pinned to are its own affair, and a child has those of the thread that
        started it from its first instruction on. So no code of ours runs between fork and exec, which isn't safe with
        threads, and no program counts its cores too early.
        """
        try:
            if slot.cores and hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, slot.cores)
            while self._run_next(slot):
                pass
        except Exception as error:  # noqa: BLE001 - comes out in the listening thread
            self._events.put(error)

    def _run_next(self, slot: Slot) -> bool:
        """Run the next job, if there is one; start it under the lock, so in order, and not once all are stopped."""
        with self._changed:
            if self._stopping or not self._waiting:
                return False
            job = self._waiting.popleft()
            process = _start(job, slot)
            self._events.put(_Event(job, "running", None))
            if process is None:
                self._events.put(_Event(job, "ended", NOT_STARTED))
                return True
            self._running.add(process)
            if self._guard:
                self._guard.add(process.pid)
        _wait(process)
        with self._changed:
            signal_family(process.pid, KILL)  # what it has left behind would disturb the next
            code = process.wait()
            self._running.discard(process)
            if self._guard:
                self._guard.remove(process.pid)
            if not self._stopping:
                self._events.put(_Event(job, "ended", code))
            self._changed.notify_all()
        return True

    def next_event(self) -> _Event:
        """Wait for what happens next."""
        while True:
            with suppress(queue.Empty):
                event = self._events.get(timeout=POLL)
                if isinstance(event, Exception):
                    raise event
                return event

    def past_events(self) -> Iterator[_Event]:
        """Yield the events before the stop that were not told yet."""
        with suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, _Event):
                    yield event

    def stop(self, grace: float) -> None:
        """Start nothing any more, and end every process: SIGINT, SIGTERM, SIGKILL."""
        with suppress(KeyboardInterrupt):  # pressed again: no more patience
            for number, patience in ((signal.SIGINT, grace), (signal.SIGTERM, min(grace, LAST_GRACE))):
                if self._signal(number, patience):
                    return
        self._signal(KILL, KILLED)

    def _signal(self, number: int, patience: float) -> bool:
        with self._changed:
            self._stopping = True
            for process in self._running:
                signal_family(process.pid, number)
            return self._changed.wait_for(lambda: not self._running, patience)


def _start(job: Job, slot: Slot) -> subprocess.Popen[bytes] | None:
    """Start a job; None if it can't be started."""
    environment = {**os.environ, **job.environment, PARENT: str(os.getpid())}
    if slot.gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = slot.gpu
    if slot.cores and not hasattr(os, "sched_setaffinity"):
        environment["OMP_NUM_THREADS"] = str(len(slot.cores))
    with open_log(job.folder) as log:
        try:
            return subprocess.Popen(  # noqa: S603 - the caller's command
                job.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            os.write(log, f"auxhead: can't start {job.command[0]}: {error.strerror}\n".encode())
            return None


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has ended, but leave it a zombie: as long as it is one, nobody else gets its number."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:  # Windows, where its handle keeps the number, and macOS before Python 3.13
        process.wait()
