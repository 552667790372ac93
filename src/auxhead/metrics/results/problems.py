"""What can be wrong with a row of results, each with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

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


def rows_error(bad: Mapping[int, BadRowError], rows: int, path: Path) -> DataError:
    """Make one error of all bad rows: the first few, and what to do about every kind there is.

    Args:
        bad: Problems by place of the row, at least one.
        rows: Number of rows in the file.
        path: The file.
    """
    listed = "".join(f"\n  row {place}: {problem}" for place, problem in list(bad.items())[:SHOWN])
    return DataError(
        expected=EXPECTED,
        found=f"{len(bad)} of {rows} rows that can't be used",
        where=f"{path}, the first {min(SHOWN, len(bad))}:{listed}",
        fix="; ".join(dict.fromkeys(problem.fix for problem in bad.values())),
    )
