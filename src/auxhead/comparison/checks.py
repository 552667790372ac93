"""Check what the runs of a comparison are made of, before the first of them: not after a night, and for every seed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from auxhead.comparison.plan import ComparisonPlan
from auxhead.errors import AuxHeadError
from auxhead.host.calls import quiet
from auxhead.host.models import weights_file
from auxhead.keys.reading import config_error
from auxhead.progress import Progress
from auxhead.shipping.cost import cost
from auxhead.training.data_check import check_data
from auxhead.training.model_check import check_arguments, check_model
from auxhead.training.resolve import resolve
from auxhead.training.teaching.check import check_teacher, settled

COUNT = re.compile(r"(\d+ problems?)?")  # what stands above the problems of one arm

OF_DATA = ("crops", "flips", "route")
"""Keys, with those below them (crops.window), that ask something of the data."""


def require_trainable(plan: ComparisonPlan, arms: Collection[str], folder: Path, tell: Progress) -> None:
    """Build or open the model of each arm, count what it computes, and look at the data as its training would.

    Args:
        plan: The comparison.
        arms: Those that have something to train.
        folder: Where the runs will be.
        tell: Called as progress(task, done, total).

    Raises:
        ConfigError: Some can't be trained; all of them at once.
        DataError: The data can't be used by any.
    """
    nc = plan.classes()
    problems: list[str] = []
    for done, arm in enumerate(arms):
        tell("Checking arms", done, len(arms))
        try:
            look = arm == plan.control or _asks(plan.arms[arm], plan.keys[arm])
            _check(plan.keys[arm], look, plan.data_file, nc, folder)
        except AuxHeadError as error:
            if arm == plan.control:
                raise
            told = [line.strip() for line in error.found.splitlines() if not COUNT.fullmatch(line.strip())]
            problems.append(f"{arm}: {'; '.join(told)} ({error.where.splitlines()[0]}); {error.fix}")
    tell("Checking arms", len(arms), len(arms))
    if problems:
        raise config_error(problems, "arms that can be trained", "correct them: every run of theirs would have failed")


def _asks(declared: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    """Tell whether an arm declares something about the data; cuts ask more of the pictures on larger images."""
    own = any(key.partition(".")[0] in OF_DATA for key in declared)
    return own or ("imgsz" in declared and bool(keys.get("crops")))


def _check(keys: Mapping[str, Any], look: bool, data: str, nc: int, folder: Path) -> None:
    """Check one arm as `auxhead train --dry-run` does; the data only where it was not looked at like this before."""
    plan, arguments = resolve({**keys, "data": data, "project": str(folder), "name": "arm"}, files=True)
    with quiet():
        check_arguments({**arguments, "device": None}, plan.heads)  # which may be another machine's
        check_model(arguments, plan)
        if look:
            check_data(arguments, plan)
        check_teacher(settled(plan), arguments)
    model = str(keys["model"])
    if not model.endswith(".pt") or weights_file(model) is not None:
        cost([model], nc=nc, imgsz=int(keys["imgsz"]))
