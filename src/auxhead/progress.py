"""How long work reports how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as progress(task, done, total); task is a word or two that name the work."""

Steps = Callable[[int, int], None]
"""Called as steps(done, total) by work that has no name of its own."""


def silent(_task: str, _done: int, _total: int) -> None:
    """Report nothing."""


def named(progress: Progress, task: str) -> Steps:
    """Report the steps of one piece of work under its name."""
    return lambda done, total: progress(task, done, total)
