"""What a resume is asked for: keys it can obey, and the data of the run, also where they have moved."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralytics.utils import LOGGER, YAML

from auxhead.errors import DataError, ResumeError
from auxhead.host.datasets import read_data
from auxhead.model import state

OBEYED = (
    "augmentations", "batch", "cache", "channels_last", "close_mosaic", "data", "device", "freeze", "imgsz", "patience",
    "plots", "save_period", "time", "val", "workers",
)  # fmt: skip
"""Keys that a run may change when it goes on. Source: Ultralytics' `BaseTrainer.check_resume`, without distillation."""


def changes(asked: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the keys given that differ from a run's own."""
    return {key: value for key, value in asked.items() if key not in saved or saved[key] != value}


LONGER = ("patience", "time")
"""Keys of which another value lets a run that has stopped early go on."""


def is_trained(last: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Tell whether a run has nothing left to train: all epochs are done, or it has stopped early.

    Args:
        last: Its last training state.
        asked: Ultralytics' keys that are given now.
    """
    stopped = last[state.KEY].get("stopped", False)
    longer = changes({key: asked[key] for key in LONGER if key in asked}, last["train_args"])
    return (stopped and not longer) or last["epoch"] + 1 >= last["train_args"]["epochs"]


def check_asked(run: Path, asked: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Refuse keys that a resume can't obey, and say what those change that it can.

    Args:
        run: The run's folder.
        asked: Ultralytics' keys that were given.
        saved: The run's own arguments.

    Raises:
        ResumeError: Some can't be obeyed; all of them are named.
    """
    changed = changes(asked, saved)
    refused = [key for key in changed if key not in OBEYED]
    if refused:
        raise ResumeError(
            expected=f"keys that a run can change when it goes on: {', '.join(OBEYED)}",
            found=", ".join(f"{key}={changed[key]} (the run has {saved.get(key, 'none')})" for key in refused),
            where=str(run),
            fix="leave them out, or start a new run",
        )
    for key, value in changed.items():
        LOGGER.info(f"goes on with {key}={value} instead of {saved.get(key)}")


def saved_arguments(run: Path) -> dict[str, Any]:
    """Read the arguments of a run.

    Raises:
        ResumeError: There are none.
    """
    path = run / "args.yaml"
    try:
        content = YAML.load(path)
    except (OSError, ValueError) as error:
        content, found = {}, str(error)
    else:
        found = "nothing in it"
    if not content.get("model"):
        raise ResumeError("the arguments of a run, as Ultralytics wrote them", found, str(path), "start a new run")
    return dict(content)


def require_data(run: Path, data: str, *, asked: bool) -> None:
    """Check that a run's data can still be read.

    Raises:
        DataError: What was named in its place can't be read.
        ResumeError: The run's own can't; the message says how to name the new place.
    """
    try:
        read_data(data)
    except DataError as error:
        if asked:
            raise
        raise ResumeError(
            expected="the data that this run was trained on",
            found=error.found,
            where=data,
            fix=f"if they have moved, say where to: auxhead train {shlex.quote(f'resume={run}')} data=NEW",
        ) from error
