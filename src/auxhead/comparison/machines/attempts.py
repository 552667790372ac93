"""Attempts at a job on machines of a cluster: each leaves a marker in the job's folder, so that it is known of."""

from __future__ import annotations

import os
import socket
from contextlib import chdir, nullcontext
from dataclasses import dataclass
from pathlib import Path

from auxhead.comparison.machines.job import Job, Slot, State, Tell, open_log
from auxhead.comparison.machines.local import run_in_slots
from auxhead.comparison.machines.parent_watch import Guard

STARTED = ".started"


def attempt(job: Job, slot: Slot, token: str, place: str, *, folder: str, grace: float) -> int:
    """Run a job on a machine of a cluster, and return its exit code; nothing of it outlives this process.

    Args:
        job: The job.
        slot: Where it runs.
        token: Names all attempts that one front has asked for.
        place: Names this machine, without "-".
        folder: Working folder, if it is there.
        grace: Seconds that the job has to end by itself when it is stopped.

    Raises:
        OutputError: Its log can't be written.
    """
    number = len(_markers(job.folder, token)) + 1
    note(job, f"auxhead: attempt {number} on {socket.gethostname()}\n" if number > 1 else "")
    (job.folder / f"{STARTED}-{token}-{number:04}-{place}").touch()
    codes: list[int] = []

    def tell(_job: Job, _state: State, code: int | None) -> None:
        codes.extend([] if code is None else [code])

    with Guard() as guard, chdir(folder) if Path(folder).is_dir() else nullcontext():
        run_in_slots([job], [slot], tell, grace, guard)
    return codes[0]


def note(job: Job, text: str) -> None:
    """Write something into the log of a job.

    Raises:
        OutputError: It can't be written.
    """
    with open_log(job.folder) as log:
        os.write(log, text.encode())


def _markers(folder: Path, token: str) -> list[Path]:
    return sorted(folder.glob(f"{STARTED}-{token}-*"))


@dataclass
class Attempts:
    """What is known of a job: read from the markers of its attempts, which outlive every machine.

    Attributes:
        job: The job.
        token: Names its attempts.
    """

    job: Job
    token: str

    def __post_init__(self) -> None:
        self.seen = 0
        self.place: str | None = None  # where it runs; None: nowhere

    def look(self, tell: Tell) -> None:
        """Tell attempts that have begun since the last look."""
        markers = _markers(self.job.folder, self.token)
        for marker in markers[self.seen :]:
            self.lose(tell)
            self.place = marker.name.rpartition("-")[2]
            self.seen += 1
            tell(self.job, "running", None)

    def lose(self, tell: Tell) -> None:
        """Tell that the attempt that runs is no more, if one does."""
        if self.place is not None:
            self.place = None
            tell(self.job, "lost", None)

    def end(self, code: int | None, tell: Tell) -> None:
        """Tell how the job has ended."""
        if code is not None and self.place is None:  # the file system has not shown its marker yet
            tell(self.job, "running", None)
        tell(self.job, "ended", code)

    def tidy(self) -> None:
        """Remove the markers."""
        for marker in _markers(self.job.folder, self.token):
            marker.unlink(missing_ok=True)
