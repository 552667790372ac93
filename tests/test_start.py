"""Ctrl-C in the first moments of the command line, and in the last: one line and 130, whatever Python is at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.patience import HANG

import auxhead

SIGINT_AT = """
import atexit, os, sys

def stop(*_):
    os.kill(os.getpid(), 2)  # SIGINT; `signal` is one of the modules that are to be imported later

moment = os.environ["STOP_AT"]
if moment == "exit":
    atexit.register(stop)
else:
    sys.addaudithook(lambda event, about: event == "import" and about[0] == moment and stop())
"""
"""A `sitecustomize`, which Python runs before anything else: presses Ctrl-C when a module is about to be imported."""

SCRIPTS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["scripts"]
MODULE, FUNCTION = SCRIPTS["auxhead"].split(":")
SCRIPT = f"import sys; sys.argv[0] = 'auxhead'; from {MODULE} import {FUNCTION}; sys.exit({FUNCTION}())"
"""What an installer makes of the entry point, in one line."""

WAYS = {"script": ["-c", SCRIPT], "python -m": ["-m", "auxhead"]}


def stopped_at(moment: str, way: str, words: list[str], folder: Path, before: str = "") -> subprocess.CompletedProcess:
    (folder / "sitecustomize.py").write_text(SIGINT_AT + before)
    path = os.pathsep.join([str(folder), str(Path(auxhead.__file__).parents[1])])
    return subprocess.run(
        [sys.executable, *WAYS[way], *words],
        env={**os.environ, "PYTHONPATH": path, "STOP_AT": moment},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "moment", ["signal", "auxhead.cli", "auxhead.cli.app", "typer", "auxhead.cli.compare", "auxhead.cli.train", "exit"]
)
def test_ctrl_c_at_the_start_or_the_end_of_help_is_one_line(moment: str, way: str, tmp_path: Path) -> None:
    done = stopped_at(moment, way, ["--help"], tmp_path)
    assert (done.returncode, done.stderr) == (130, "auxhead: stopped\n")


@pytest.mark.parametrize("moment", ["auxhead.keys.train_reading", "pydantic", "auxhead.keys.train"])
def test_ctrl_c_while_a_command_is_read_is_one_line(moment: str, tmp_path: Path) -> None:
    done = stopped_at(moment, "script", ["train", "data=x", "model=y", "--dry-run"], tmp_path)
    assert (done.returncode, done.stderr, done.stdout) == (130, "auxhead: stopped\n", "")


def test_ctrl_c_that_a_shell_has_ignored_stays_ignored(tmp_path: Path) -> None:
    done = stopped_at("typer", "script", ["--version"], tmp_path, "import signal; signal.signal(2, signal.SIG_IGN)")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"auxhead {auxhead.__version__}\n", "")


def test_a_command_gets_the_usual_answer_to_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training has to say how to go on, and what it holds has to be let go."""
    from auxhead import __main__ as start

    usual, seen = signal.getsignal(signal.SIGINT), []
    monkeypatch.setattr("auxhead.cli.app.main", lambda: seen.append(signal.getsignal(signal.SIGINT)))
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        start.main()
        assert seen == [signal.default_int_handler]
        assert signal.getsignal(signal.SIGINT) is start._stop
    finally:
        signal.signal(signal.SIGINT, usual)
