"""How far work is, on standard error: bars on terminals, lines elsewhere."""

from __future__ import annotations

import io

import pytest

from auxhead.cli.parts import progress


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
