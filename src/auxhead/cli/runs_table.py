"""A live table of the runs of a comparison, for a terminal; elsewhere plain lines, one an epoch."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table

from auxhead.comparison.ledger import epochs_done

REFRESH = 1.0  # a second: results.csv is read again for every run that is running
LOOK = 2.0  # seconds from one look at the epochs to the next, where there is no live table


@dataclass
class RunsTable:
    """The states of all runs as they are told, and the epochs of those that run.

    Attributes:
        console: Where they are shown.
        folder: The comparison's folder.
        states: State and remark of each run by its name.
        since: When each run that is running began, seconds of a monotonic clock.
        doing: What is done before the runs, in words.
        told: The epochs of each run that have been told as lines.
        said: The last line about each run's state: one that another process is at is tried again and again.
    """

    console: Console
    folder: Path
    states: dict[str, tuple[str, str]] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    doing: str = ""
    told: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def tell(self, what: str, done: int, total: int) -> None:
        """Take in how far the work before the runs is; where there is no live table, name it once."""
        if not self.console.is_terminal and not self.doing.startswith(what):
            self.console.print(f"{what} ...")
        self.doing = f"{what} {done}/{total}"

    def watch(self, name: str, state: str, remark: str) -> None:
        """Take in a run's new state; where there is no live table, print it."""
        changed = self.states.get(name, (state, remark)) != (state, remark)
        if state == "running":
            self.since[name] = time.monotonic()
            self.told[name] = self._done(name)  # what an earlier start has done is no news
        self.states[name] = (state, remark)
        line = f"{name}: {state}" + (f" ({remark})" if remark else "")
        tried_again = state == "running" and self.said.get(name, "").startswith(f"{name}: elsewhere")
        if changed and not self.console.is_terminal and not tried_again and line != self.said.get(name):
            self.said[name] = line
            self.console.print(line, soft_wrap=True)

    def epochs(self) -> None:
        """Print a line for each run that has finished another epoch since the last call."""
        for name, (state, _) in list(self.states.items()):
            if state == "running" and (done := self._done(name)) > self.told[name]:
                self.told[name] = done
                self.console.print(f"{name}: epoch {done} ({self._time(name, state)})", soft_wrap=True)

    def __rich__(self) -> Table:
        """Draw the table: what runs, what has failed, and counts of the rest."""
        table = Table(Column("run", no_wrap=True), "state", Column("epochs", justify="right"), "time", box=SIMPLE_HEAD)
        for name, (state, remark) in self.states.items():
            if state in {"running", "failed", "elsewhere"}:
                table.add_row(name, f"{state} {remark}".strip(), self._epoch(name, state), self._time(name, state))
        counts = Counter(state for state, _ in self.states.values())
        table.caption = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or self.doing
        return table

    def _epoch(self, name: str, state: str) -> str:
        return "" if state == "failed" else str(self._done(name))

    def _done(self, name: str) -> int:
        return epochs_done(self.folder / "runs" / name)

    def _time(self, name: str, state: str) -> str:
        if state != "running" or name not in self.since:
            return ""
        minutes, seconds = divmod(int(time.monotonic() - self.since[name]), 60)
        return f"{minutes}:{seconds:02}"

    def finished(self) -> int:
        """Count the runs that have ended well."""
        return sum(state == "finished" for state, _ in self.states.values())


@contextmanager
def live_runs(console: Console, folder: Path) -> Iterator[RunsTable]:
    """Show runs while they run.

    Args:
        console: Where; a live table on a terminal, elsewhere a line for each change and each epoch.
        folder: The comparison's folder.
    """
    table = RunsTable(console, folder)
    if not console.is_terminal:
        with _told_epochs(table):
            yield table
        return
    with Live(table, console=console, refresh_per_second=REFRESH, transient=True):
        yield table


@contextmanager
def _told_epochs(table: RunsTable) -> Iterator[None]:
    """Print epochs as they end: a notebook or a log would be silent for as long as a run takes."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK):
            table.epochs()

    thread = threading.Thread(target=look, name="auxhead-epochs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
