"""What can be wrong with a row of results, each with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from auxhead.errors import DataError

SHOWN = 5  # bad rows named in a message
EXPECTED = "a list of rows with image_id (or file_name), category_id, bbox [left, top, width, height] and score"


class BadRowError(ValueError):
    """A row that can't be used.

    Args:
        problem: What is wrong with it.
        fix: What the user can do about rows of this kind.
    """

    def __init__(self, problem: str, fix: str) -> None:
        """Keep what to do beside the problem."""
        super().__init__(problem)
        self.fix = fix


@dataclass(frozen=True)
class Origin:
    """Where results come from, for messages.

    Attributes:
        where: The file, or the key.
        expected: What they should be.
        unit: What they are counted in.
        name: Calls one of them by its place.
    """

    where: str
    expected: str = EXPECTED
    unit: str = "rows"
    name: Callable[[int], str] = "row {}".format

    def __str__(self) -> str:
        """Return where."""
        return self.where


def rows_error(bad: Mapping[int, BadRowError], rows: int, origin: Origin) -> DataError:
    """Make one error of all bad rows: the first few, and what to do about every kind there is.

    Args:
        bad: Problems by place of the row, at least one.
        rows: Number of rows.
        origin: Where they come from.
    """
    listed = "".join(f"\n  {origin.name(place)}: {problem}" for place, problem in list(bad.items())[:SHOWN])
    return DataError(
        expected=origin.expected,
        found=f"{len(bad)} of {rows} {origin.unit} that can't be used",
        where=f"{origin}, the first {min(SHOWN, len(bad))}:{listed}",
        fix="; ".join(dict.fromkeys(problem.fix for problem in bad.values())),
    )
