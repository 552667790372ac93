"""Whether the installed Ultralytics has what we build on, and the releases that it was tested with."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from auxhead.errors import HostVersionError
from auxhead.host.touch_points import TOUCH_POINTS
from auxhead.machine import OMP_NUM_THREADS  # noqa: F401  read before Ultralytics sets it

TESTED = ("8.4.180", "8.4.190")
"""Oldest and newest release that the contract tests passed on."""


def installed() -> str:
    """Return the installed release of Ultralytics.

    Raises:
        HostVersionError: There is none.
    """
    try:
        return version("ultralytics")
    except PackageNotFoundError as error:
        raise HostVersionError(
            f"ultralytics {TESTED[0]} to {TESTED[1]}", "none", "this Python environment", "pip install ultralytics"
        ) from error


def require_host() -> None:
    """Check that all touch points are there, and take what we give them.

    Raises:
        HostVersionError: Some are gone or changed; it names them and what they are for.
    """
    release = installed()
    wrong = [
        f"{name} {problem} ({point.reason})" for name, point in TOUCH_POINTS.items() if (problem := _problem(name))
    ]
    if wrong:
        raise HostVersionError(
            expected=f"ultralytics {TESTED[0]} to {TESTED[1]}, with all parts that auxhead builds on",
            found=f"{release}, but " + "; ".join(wrong),
            where="this Python environment",
            fix=f"pip install 'ultralytics>={TESTED[0]},<={TESTED[1]}', or a newer auxhead",
        )


def _problem(name: str) -> str:
    """Say what is wrong with a touch point; nothing gives ''."""
    found = _find(name)
    if not callable(found):
        return "is gone"
    expected, signature = TOUCH_POINTS[name].parameters, inspect.signature(found)
    return "" if accepts(signature, expected) else f"takes {signature} instead of ({expected})"


def _find(name: str) -> object:
    """Import what a touch point names, module:path; None where there is none."""
    module, _, path = name.partition(":")
    try:
        found: object = import_module(module)
    except ImportError:
        return None
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def accepts(signature: inspect.Signature, expected: str) -> bool:
    """Tell whether a function has the parameters that we rely on.

    Args:
        signature: The function's.
        expected: As in `TouchPoint`.
    """
    words = expected.split(", ")
    first = [word.lstrip("*") for word in words if word != "..." and not word.endswith("=")]
    named = [word[:-1] for word in words if word.endswith("=")]
    try:
        signature.bind(*first, **dict.fromkeys(named))
    except TypeError:  # one of them is gone, or another one is needed
        return False
    found = list(signature.parameters)
    return found[: len(first)] == first and ("..." in words or len(found) == len(first) + len(named))
