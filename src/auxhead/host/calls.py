"""Calls of Ultralytics: without its output, and with what it raises told as an error of ours."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from ultralytics.utils import LOGGER
from yaml import YAMLError

from auxhead.errors import AuxHeadError


@contextmanager
def quiet(logger: logging.Logger = LOGGER) -> Iterator[None]:
    """Let Ultralytics, or the library of another logger, print errors only, and restore the level afterwards.

    Ultralytics' progress bars follow its logger.
    """
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


UNUSABLE: tuple[type[BaseException], ...] = (
    AssertionError,
    AttributeError,
    ImportError,
    IndexError,
    KeyError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    ZeroDivisionError,
    YAMLError,
)
"""What Ultralytics raises for a model or data.yaml that can't be used: it has no exceptions of its own."""


@contextmanager
def told_as(
    explain: Callable[[BaseException], AuxHeadError], raised: tuple[type[BaseException], ...] = UNUSABLE
) -> Iterator[None]:
    """Tell in our words what one call of Ultralytics raises; wrap that call alone.

    Mistakes of our own code stay what they are, also in methods of ours that the call comes back to.

    Args:
        explain: Makes the error that is raised instead.
        raised: Exceptions that are Ultralytics' way to refuse what it was given.

    Raises:
        AuxHeadError: What `explain` makes, or an error of ours that was raised during the call.
    """
    try:
        yield
    except AuxHeadError:
        raise
    except raised as error:
        if isinstance(error.__cause__, AuxHeadError):  # Ultralytics has put its own words around ours
            raise error.__cause__ from error.__cause__.__cause__
        if _is_ours(error.__traceback__):
            raise
        raise explain(error) from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message that has something in it; without one, the error's name."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)


def named_line(error: BaseException) -> str:
    """Return an error's name and first line, for errors that say little without it: KeyError: 'nc'."""
    name, line = type(error).__name__, first_line(error)
    return line if line == name else f"{name}: {line}"


def _is_ours(trace: TracebackType | None) -> bool:
    """Tell whether an error came from our code below the wrapped call, rather than from Ultralytics.

    Decided by the innermost frame of either package: what torch, numpy or Python raise belongs to who called them.
    """
    frames = [frame for frame, _ in traceback.walk_tb(trace)][2:]  # without told_as and the function that uses it
    packages = (str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame in reversed(frames))
    return next((package for package in packages if package in {"auxhead", "ultralytics"}), "") == "auxhead"
