"""From the keys of a training to its plan and the arguments of Ultralytics' trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auxhead.host.arguments import check_arguments
from auxhead.keys.reading import config_error
from auxhead.keys.train_reading import EXPECTED, FIX, NOT_OURS, check_ours
from auxhead.model.choices import RunPlan


def resolve(given: Mapping[str, Any], *, files: bool = False) -> tuple[RunPlan, dict[str, Any]]:
    """Split keys into our plan and Ultralytics' arguments, and check all of them.

    Args:
        given: Keys as typed: Ultralytics' own, ours, `<head>.<key>`, `<route>.<key>`; `heads` may also map names to
            their keys, or be a list of names.
        files: Whether model and data are needed.

    Returns:
        The plan, and the arguments for Ultralytics' trainer (checked, not completed by its defaults).

    Raises:
        ConfigError: Unknown keys (with the closest match), wrong types or values, missing files, all of them at once.
    """
    asked = check_ours(given, files=files)
    arguments, problems = check_arguments(asked.theirs)
    if asked.problems or problems:
        raise config_error(asked.problems + problems, EXPECTED, FIX)
    own = asked.own
    plan = RunPlan(
        heads=asked.heads,
        select=own.select,
        on_error=own.on_error,
        cpu_bf16=own.cpu_bf16,
        route=own.route,
        labels=asked.labels,
        flips=asked.flips,
        crops=asked.crops,
        ignore=own.ignore,
        trust=own.trust,
    )
    return plan, {**arguments, **NOT_OURS, "task": asked.task}
