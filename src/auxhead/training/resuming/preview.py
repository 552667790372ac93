"""What a resume would do, without doing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from auxhead.errors import ResumeError
from auxhead.host.checkpoint import restricted
from auxhead.model import state
from auxhead.training.data_check import check_data
from auxhead.training.model_check import check_arguments
from auxhead.training.pose_road import read_last
from auxhead.training.resuming.asked import OBEYED, changes, is_trained
from auxhead.training.resuming.chosen import Chosen, choose, find_run
from auxhead.training.resuming.owner import require_no_owner


@dataclass(frozen=True)
class Preview:
    """What a resume would do.

    Attributes:
        run: The folder.
        route: native, pose or segment.
        heads: Names of its heads.
        how: In words.
        epochs: Of the whole training; `time=` and `patience=` may end it earlier.
        done: Epochs that stay.
        changed: Keys that it would go on with instead of the run's own: the run's value and the one given.
        obeyed: Keys that may be given.
    """

    run: Path
    route: str
    heads: tuple[str, ...]
    how: str
    epochs: int
    done: int
    changed: Mapping[str, tuple[Any, Any]]
    obeyed: tuple[str, ...] = OBEYED

    @property
    def left(self) -> int:
        """Epochs that would be trained."""
        return max(self.epochs - self.done, 0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "run": str(self.run), "left": self.left}

    def table(self) -> list[list[str]]:
        """Lay it out; the first row is the head."""
        return [
            ["resume", "value"],
            ["run", str(self.run)],
            ["route", self.route],
            ["heads", ", ".join(self.heads) or "none"],
            ["goes on", self.how],
            ["epochs done", f"{self.done} of {self.epochs}"],
            ["epochs left", str(self.left)],
            *([f"{key} (given)", f"{now} instead of {was}"] for key, (was, now) in self.changed.items()),
        ]


def preview(keys: Mapping[str, Any]) -> Preview:
    """Check a resume as far as it goes without training, and return what it would do; nothing is changed.

    Args:
        keys: Keys as typed, `resume` among them.

    Raises:
        ConfigError, DataError, OutputError, ResumeError: As for the resume itself.
    """
    run = find_run(str(keys["resume"]))
    require_no_owner(run)
    chosen = choose(run, {key: value for key, value in keys.items() if key != "resume"})
    with restricted(trust=chosen.plan.trust):
        how, epochs, done = _moment(chosen)
    changed = {key: (chosen.saved.get(key), value) for key, value in changes(chosen.asked, chosen.saved).items()}
    return Preview(run, chosen.plan.route, tuple(chosen.plan.heads), how, epochs, done, changed)


def _moment(chosen: Chosen) -> tuple[str, int, int]:
    """Say where a run goes on, of how many epochs, and how many are done."""
    weights, native = chosen.run / "weights", chosen.plan.route == "native"
    last = weights / "last.pt"
    if not (state.state_path(last) if native else last).is_file():
        arguments = {**chosen.saved, **chosen.asked}
        check_arguments(arguments, chosen.plan.heads)
        check_data(arguments, chosen.plan)
        return "with epoch 1: none was finished, so it starts over", int(chosen.saved["epochs"]), 0
    content = state.load_state(state.state_path(last)) if native else read_last(last)
    epochs = int(content["train_args"]["epochs"])
    done = int(content["epoch"]) + 1 if native or content.get("optimizer") is not None else epochs
    if native and is_trained(content, chosen.asked):
        epochs = done
    how = f"with epoch {done + 1}" if done < epochs else "with its end: nothing is left to train, the result is missing"
    return how + (_without_best(weights) if native else ""), epochs, done


def _without_best(weights: Path) -> str:
    try:
        state.load_state(state.state_path(weights / "best.pt"))
    except ResumeError as error:
        return f"; best.state.pt can't be used ({error.found}), so the last epoch counts as the best one so far"
    return ""
