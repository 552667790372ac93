"""How far work is, on standard error: bars on terminals, lines elsewhere."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from rich.console import Console
from tests.patience import HANG

from auxhead.cli import runs_table
from auxhead.cli.parts import progress
from auxhead.cli.runs_table import live_runs


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the choice between bars and lines to the stream."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "JUPYTER_COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("steps", "total", "shown"),
    [
        (range(1, 21), 20, [1, 5, 10, 15, 20]),
        (range(21), 20, [0, 5, 10, 15, 20]),
        (range(4), 3, [0, 1, 2, 3]),
        ([0, 64, 128, 130], 130, [0, 64, 128, 130]),
        ([0, 100, 100, 100], 100, [0, 100]),
        ([1], 1, [1]),
        ([0, 0], 0, [0]),
    ],
)
def test_a_line_for_the_start_and_each_quarter(
    steps: list[int], total: int, shown: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress() as tell:
        for done in steps:
            tell("timing", done, total)
    streams = capsys.readouterr()
    assert streams.err.splitlines() == [f"timing {done}/{total}" for done in shown]
    assert streams.out == ""


def test_lines_come_while_the_work_goes_on_a_task_each(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as tell:
        tell("reading [val]", 1, 2)
        assert capsys.readouterr().err == "reading [val] 1/2\n"
        tell("hashing", 1, 2)
        tell("reading [val]", 2, 2)
        assert capsys.readouterr().err == "hashing 1/2\nreading [val] 2/2\n"
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    with progress() as tell:
        tell("timing", 1, 2)
        tell("timing", 2, 2)
    assert "timing" in stream.getvalue()
    assert "100%" in stream.getvalue()
    assert "2/2" not in stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_nothing_is_shown_when_nothing_is_reported(stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    written = stream()
    monkeypatch.setattr("sys.stderr", written)
    with progress():
        pass
    assert written.getvalue() == ""


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "dumb")
    with progress() as tell:
        tell("timing", 1, 2)
    assert stream.getvalue() == "timing 1/2\n"


class Lines(io.StringIO):
    """A log that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.more = threading.Condition()

    def write(self, text: str) -> int:
        with self.more:
            written = super().write(text)
            self.more.notify_all()
        return written

    def wait_for(self, text: str) -> None:
        with self.more:
            assert self.more.wait_for(lambda: text in self.getvalue(), timeout=HANG), self.getvalue()


def test_a_log_gets_a_line_an_epoch_of_each_run_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_table, "LOOK", 0.01)
    log = Lines()

    def epochs(run: str, count: int) -> None:
        place = tmp_path / "runs" / run / "train"
        place.mkdir(parents=True, exist_ok=True)
        rows = "".join(f"{epoch},0.5\n" for epoch in range(1, count + 1))
        (place / "results.csv.new").write_text(f"epoch,loss\n{rows}")
        (place / "results.csv.new").rename(place / "results.csv")

    epochs("plain-0", 2)  # by an earlier start
    epochs("p2-0", 4)
    with live_runs(Console(file=log, width=100), tmp_path) as table:
        table.watch("p2-0", "finished", "")
        for name in ("plain-0", "plain-1"):
            table.watch(name, "waiting", "")
            table.watch(name, "running", "")
        epochs("plain-0", 3)
        log.wait_for("plain-0: epoch 3 (0:0")
        epochs("plain-1", 1)
        log.wait_for("plain-1: epoch 1 (0:0")
        table.watch("plain-1", "finished", "")
        epochs("plain-1", 2)
        epochs("plain-0", 4)
        log.wait_for("plain-0: epoch 4 (")
    assert [line.partition(" (")[0] for line in log.getvalue().splitlines()] == [
        "plain-0: running",
        "plain-1: running",
        "plain-0: epoch 3",
        "plain-1: epoch 1",
        "plain-1: finished",
        "plain-0: epoch 4",
    ]
    assert "auxhead-epochs" not in {thread.name for thread in threading.enumerate()}


def test_a_log_says_once_that_another_process_is_at_a_run(tmp_path: Path) -> None:
    log = io.StringIO()
    with live_runs(Console(file=log, width=100), tmp_path) as table:
        table.watch("p2-0", "waiting", "")
        for _ in range(3):
            table.watch("p2-0", "running", "")
            table.watch("p2-0", "elsewhere", "another process is at it")
        table.watch("p2-0", "running", "")
        table.watch("p2-0", "finished", "")
    assert log.getvalue().splitlines() == [
        "p2-0: running",
        "p2-0: elsewhere (another process is at it)",
        "p2-0: finished",
    ]
