"""The table of a training, an epoch a row, as Ultralytics writes it (`results.csv`)."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from auxhead.files import write_atomic

RESULTS_FILE = "results.csv"


def read_columns(path: Path) -> list[str]:
    """Read the names of the columns; none where there is no file, or an empty one.

    Raises:
        OSError: The file is there, but can't be read.
    """
    return [name.strip() for name in _lines(path)[0]]


def read_rows(path: Path) -> list[dict[str, float | None]]:
    """Read the finished epochs of a training.

    Args:
        path: The results.csv.

    Returns:
        A dictionary an epoch, by column; None for what is no finite number. A half-written last row is left out. No
        file, or an empty one, gives no rows.

    Raises:
        OSError: The file is there, but can't be read.
    """
    header, *rows = _lines(path)
    names = [name.strip() for name in header]
    return [dict(zip(names, map(_number, row), strict=True)) for row in rows if len(row) == len(names)]


def trim(path: Path, epochs: int) -> None:
    """Drop the rows of epochs that will be trained again, and a half-written last row.

    Args:
        path: The results.csv; an absent one is fine.
        epochs: Number of the last epoch that stays, counted from 1.

    Raises:
        OutputError: It can't be written.
    """
    if not path.exists():
        return
    header, *rows = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    columns = header.count(",")
    kept = [row for row in rows if row.count(",") == columns and (_number(row.split(",")[0]) or math.inf) <= epochs]
    write_atomic(path, ("\n".join([header, *kept]) + "\n").encode())


def _lines(path: Path) -> list[list[str]]:
    """Read the cells of all lines; one line without a cell where there is nothing."""
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            return list(csv.reader(file)) or [[]]
    except FileNotFoundError:
        return [[]]


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
