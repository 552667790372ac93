"""Check the arguments of Ultralytics' trainer, with its own functions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ultralytics.cfg import _handle_deprecation, check_cfg, get_cfg


def check_arguments(theirs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Bring Ultralytics' keys up to date, and check each alone, so that no mistake hides another.

    Args:
        theirs: Keys that Ultralytics has, or had.

    Returns:
        The arguments, and what is wrong with them, a line each.
    """
    problems = []
    try:
        arguments: dict[str, Any] = _handle_deprecation(dict(theirs))
    except TypeError as error:  # of the old keys, only end2end is checked
        problems.append(str(error))
        arguments = _handle_deprecation({key: value for key, value in theirs.items() if key != "end2end"})
    for key, value in arguments.items():
        try:
            check_cfg({key: value})
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    with suppress(TypeError, ValueError):  # what is no number has been named
        if (side := longest_side(arguments.get("imgsz", 1))) < 1:  # Ultralytics takes its smallest size for it
            problems.append(f"imgsz={side}: expected pixels, 1 or more")
    return arguments, problems


def in_force(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return every value that a training would use: the arguments, and Ultralytics' defaults for the rest."""
    return dict(vars(get_cfg(overrides=dict(arguments))))


def longest_side(imgsz: Any) -> int:
    """Return the longer side of the network input, pixels, of `imgsz` as it is typed: a number, or a list of them."""
    return int(max(imgsz)) if isinstance(imgsz, (list, tuple)) else int(imgsz)
