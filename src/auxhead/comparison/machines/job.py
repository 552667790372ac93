"""A subprocess to run, where it may run, and what runs it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from auxhead.errors import OutputError

LOG = "log.txt"


@dataclass(frozen=True)
class Job:
    """One subprocess to run.

    Attributes:
        name: Unique among the jobs of a call.
        command: Program and arguments; run in the working folder of the caller.
        folder: Where `log.txt` takes, at its end, what the program prints.
        environment: Variables added to those of this process.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Slot:
    """Where a job runs.

    Attributes:
        cores: Numbers of the processor cores it is pinned to; empty: not pinned.
        gpu: What CUDA_VISIBLE_DEVICES becomes, the empty string hides all GPUs; None: it stays as it is.
    """

    cores: tuple[int, ...] = ()
    gpu: str | None = None


State = Literal["running", "ended", "lost"]
"""What happened to a job; lost: its machine or its keeper died, and it will be tried again."""

Tell = Callable[[Job, State, int | None], None]
"""Called as tell(job, state, code); code is the exit code once it has ended: -signal, or None if it is unknown."""


class Executor(Protocol):
    """Runs jobs somewhere."""

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Run every job once, and return when all have ended.

        Args:
            jobs: In the order in which they are started. None: nothing happens.
            tell: Called in this thread only. When it raises, all jobs are stopped, and the error comes out.

        Raises:
            ValueError: Two jobs have the same name.
            OutputError: A log can't be written; the jobs are stopped.
            KeyboardInterrupt: It was pressed; all jobs have been stopped. Those that had ended before were told. Where
                they go on instead, as in SLURM, it says so.
        """


def require_unique_names(jobs: Sequence[Job]) -> None:
    """Check that each job has a name of its own.

    Raises:
        ValueError: Two have the same.
    """
    twice = sorted(name for name, times in Counter(job.name for job in jobs).items() if times > 1)
    if twice:
        raise ValueError(f"expected a name of its own for each job, but got several of {', '.join(twice)}")


@contextmanager
def open_log(folder: Path) -> Iterator[int]:
    """Open the log of a job to append to; its folder is made when absent.

    Yields:
        A file descriptor.

    Raises:
        OutputError: It can't be opened.
    """
    path = folder / LOG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(
            expected="a log that can be written",
            found=error.strerror or str(error),
            where=str(path),
            fix="choose a folder you may write to, or free some disk space",
        ) from error
    try:
        yield log
    finally:
        os.close(log)
