"""What is killed before any change to its folder, and started again, ends as what was left alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.comparison.made_up import ARMS, NOT_DRAWN, make_up, start
from tests.comparison.test_worker import make_plan, result

from auxhead.comparison import worker
from auxhead.comparison.plan import ComparisonPlan
from auxhead.comparison.run import Runs
from auxhead.files import TEMPORARY_SUFFIX
from auxhead.results_csv import read_rows

pytestmark = pytest.mark.slow

MOVES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}


class KillError(BaseException):
    """What a kill does to a process: nothing catches it."""


@dataclass
class Killer:
    """Raises before a change below one folder that it has not been at yet, while it is armed.

    A file that is written beside its place and moved there is one change, and a kill at the move leaves it beside.
    """

    folder: Path | None = None
    spared: Callable[[Path], bool] = field(default=lambda _: False)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None or not (event in MOVES or _writes(event, arguments)):
            return
        path = Path(os.fsdecode(arguments[event == "os.rename"])).absolute()
        change = event, str(path)
        if (
            path.is_relative_to(self.folder)
            and path.suffix != TEMPORARY_SUFFIX
            and change not in self.seen
            and not self.spared(path)
        ):
            self.seen.add(change)
            raise KillError

    @contextmanager
    def armed(self, folder: Path, spared: Callable[[Path], bool] = lambda _: False) -> Iterator[None]:
        """Kill below a folder, but not at what is spared."""
        self.folder, self.spared = folder, spared
        try:
            yield
        finally:
            self.folder = None


def _writes(event: str, arguments: tuple[Any, ...]) -> bool:
    return event == "open" and isinstance(arguments[0], str) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))


@pytest.fixture(scope="module")
def hook() -> Killer:
    """A hook that hears of every change to files; Python never lets go of one, so there is one for all tests."""
    found = Killer()
    sys.addaudithook(found)
    return found


@pytest.fixture
def killer(hook: Killer) -> Killer:
    hook.seen.clear()
    return hook


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_run(quick: dict[str, Any], tmp_path: Path, killer: Killer) -> None:
    """Around the training; of the training itself, tests/training tells."""
    arm = "center"
    plan = make_plan(quick, {"plain": {}, arm: {"heads": "center"}})
    plan = ComparisonPlan(**{**vars(plan), "keys": {name: {**keys, "epochs": 2} for name, keys in plan.keys.items()}})
    for place in ("alone", "killed"):
        Runs(tmp_path / place, plan, lambda *_words: None).open(lambda *_words: None)
    alone, killed = (tmp_path / place / "runs" / f"{arm}-0" for place in ("alone", "killed"))
    assert worker.main([str(alone)]) == 0
    code = None
    while code is None:
        try:
            with killer.armed(killed, lambda path: "train" in path.parts):
                code = worker.main([str(killed)])
        except KillError:
            continue
    assert code == 0
    assert len(killer.seen) > 10  # it was there
    found, wanted = (result(tmp_path / place, f"{arm}-0") for place in ("killed", "alone"))
    assert (found["status"], found["failures"]) == ("finished", [])
    assert found["facts"]["batches"] == wanted["facts"]["batches"]
    assert found["facts"]["initial"] == wanted["facts"]["initial"]
    assert found["facts"]["epochs_done"] == 2
    assert found["cpu_seconds"] is None  # only a part of the time was seen
    assert [row["epoch"] for row in read_rows(killed / "train" / "results.csv")] == [1, 2]
    assert names(killed) == names(alone)


def test_a_comparison(signs: Path, tmp_path: Path, killer: Killer, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = make_up(signs.parent, monkeypatch)
    monkeypatch.setattr("auxhead.reporting.report.figures", lambda _: NOT_DRAWN)
    few = {name: ARMS[name] for name in ("plain", "wide")}
    wanted = start(signs, tmp_path / "alone", [], arms=few)
    trained = executor.done
    executor.done = []
    found = None
    while found is None:
        try:
            with killer.armed(tmp_path / "killed", lambda path: path.parent.name == "val"):  # of made-up results
                found = start(signs, tmp_path / "killed", [], arms=few)
        except KillError:
            continue
    assert len(killer.seen) > 10
    assert found.verdicts == wanted.verdicts
    assert sorted(executor.done) == sorted(trained)
    assert names(tmp_path / "killed") == names(tmp_path / "alone")
    assert not [path for path in found.folder.rglob("*") if path.suffix == TEMPORARY_SUFFIX]
