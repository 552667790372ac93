"""The table of a training, an epoch a row, as Ultralytics writes it (`results.csv`)."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
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


def restore(path: Path, epochs: int, noted: Mapping[str, Sequence[object]]) -> bool:
    """Bring the table of a training that goes on in line with its state.

    Rows of epochs that will be trained again, and a half-written last one, are dropped. Where rows are missing, or the
    file is garbage, it is written anew from what the state has noted; without that it begins anew.

    Args:
        path: The results.csv; it may be absent.
        epochs: How many epochs are done.
        noted: The table as Ultralytics keeps it in its checkpoints: values by column.

    Returns:
        Whether the table now holds all epochs that are done.

    Raises:
        OutputError: It can't be written.
    """
    there = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    header, *rows = there.splitlines() or [""]
    columns = header.count(",")
    kept = [row for row in rows if row.count(",") == columns and (_number(row.split(",")[0]) or math.inf) <= epochs]
    if not _holds(header, kept, epochs):
        header = ",".join(noted)
        kept = [",".join(map(str, row)) for row in zip(*noted.values(), strict=True)][:epochs]
    if not _holds(header, kept, epochs):
        path.unlink(missing_ok=True)
        return False
    write_atomic(path, ("\n".join([header, *kept]) + "\n").encode())
    return True


def _holds(header: str, rows: Sequence[str], epochs: int) -> bool:
    """Tell whether a table has a row for each epoch."""
    numbers = [_number(row.split(",")[0]) for row in rows]
    return header.split(",", maxsplit=1)[0].strip() == "epoch" and numbers == [
        float(number) for number in range(1, epochs + 1)
    ]


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
