"""The rows of one YOLO label file: bytes in, counts and problems out, no file touched.

A file gets a problem exactly when Ultralytics' `verify_image_label` calls it corrupt for a detector; the tests hold the
two against each other. Rules that surprise follow from there: numbers are read as Python's float() reads them and
compared in float32; 1 % beyond the image is let through; a polygon may leave the image as long as its box (center,
width, height) keeps the limits; rows of one x y pair count as polygons if a longer row stands in the same file.
"""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from auxhead.labels.problems import LabelProblem

Floats = npt.NDArray[np.float32]

# Source: Ultralytics 8.4.190, data/utils.py, verify_image_label.
LOWEST = np.array([-0.01, -0.01, 0, 0], dtype=np.float32)  # of x_center, y_center, width, height
HIGHEST = np.float32(1.01)
BOX_COLUMNS = 5
POLYGON_FILE_COLUMNS = 7  # one row of at least that many makes all rows of the file polygons

TRACKED_COLUMNS = 7  # a box, its score and its track. Source: Ultralytics 8.4.190, engine/results.py, save_txt

BOX_NAMES = ("x_center", "y_center", "width", "height")
ROW_SHOWN = 200  # characters kept of a bad row: a polygon can have thousands
CELL_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Rules:
    """What a row is checked against.

    Args:
        nc: Number of classes; ids run from 0 to nc - 1.
        single_cls: Whether training treats all classes as one, so that ids have no upper limit.
        pose_columns: Columns of a pose row, whose keypoints a detector drops; None if the data has no kpt_shape.
        mixed: Whether boxes and polygons may stand in one file, which Ultralytics refuses.
    """

    nc: int
    single_cls: bool = False
    pose_columns: int | None = None
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class RowsCheck:
    """The verdict on one file: its rows (repeated ones too), how many repeat another, its problems."""

    rows: int
    duplicates: int
    problems: tuple[LabelProblem, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its physical line from 1, its text, and its cells (keypoints of pose rows left out)."""

    line: int
    text: str
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Rows:
    """What one file holds: how many rows, those that could be read (all, if no problem), their cells as float32."""

    count: int
    readable: list[Row]
    numbers: list[Floats]
    problems: tuple[LabelProblem, ...]


def pose_columns(kpt_shape: Sequence[int] | None) -> int | None:
    """Count the columns of a pose row; None for data without keypoints.

    Args:
        kpt_shape: The entry of the same name in data.yaml, if it has one: keypoints, and values a keypoint.
    """
    return BOX_COLUMNS + kpt_shape[0] * kpt_shape[1] if kpt_shape and kpt_shape[0] else None


def check_rows(raw: bytes, rules: Rules, path: Path) -> RowsCheck:
    """Check the content of one label file, naming every bad row.

    Args:
        raw: Content of the file, UTF-8 with or without a byte-order mark.
        rules: What the rows are checked against.
        path: Name of the file, for the problems only.

    Returns:
        Counts and problems, ordered by line. Duplicates are counted only where there is no problem. Content without a
        row gives zeros.
    """
    rows = read_rows(raw, rules, path)
    return RowsCheck(rows.count, 0 if rows.problems else _duplicates(rows.numbers), rows.problems)


@np.errstate(over="ignore")  # 1e39 becomes inf, as in Ultralytics; once a file, as it costs as much as a row
def read_rows(raw: bytes, rules: Rules, path: Path) -> Rows:
    """Read the content of one label file; the arguments and problems are those of check_rows."""
    lines, problems = _decode(raw, path)
    rows = list(_split(lines, rules))
    good: list[Row] = []
    numbers: list[Floats] = []
    for row, fault in zip(rows, _layout_faults(rows, rules), strict=True):
        values = fault or _numbers(row)
        if isinstance(values, str):
            problems.append(_problem(path, row.line, row.text, values))
        else:
            good.append(row)
            numbers.append(values)
    for row, fault in zip(good, _value_faults(good, numbers, rules), strict=True):
        if fault:
            problems.append(_problem(path, row.line, row.text, fault))
    problems.sort(key=lambda problem: problem.line or 0)
    return Rows(len(rows), good, numbers, tuple(problems))


def _decode(raw: bytes, path: Path) -> tuple[list[tuple[int, str]], list[LabelProblem]]:
    """Number the physical lines from 1 and decode each, so that one bad byte doesn't hide the other rows."""
    if BOM_UTF8.startswith(raw):  # Python's decoder takes a cut byte-order mark for an empty file, and so Ultralytics
        return [], []
    if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return [], [_problem(path, 1, "", "expected UTF-8 text, found UTF-16 text")]
    lines, problems = [], []
    for number, line in enumerate(raw.removeprefix(BOM_UTF8).splitlines(), start=1):
        try:
            lines.append((number, line.decode()))
        except UnicodeDecodeError as error:
            what = f"expected UTF-8 text, found byte 0x{line[error.start]:02x} at column {error.start + 1}"
            problems.append(_problem(path, number, line.decode(errors="backslashreplace"), what))
    return lines, problems


def _split(lines: list[tuple[int, str]], rules: Rules) -> Iterator[Row]:
    """Split lines into rows of cells, skipping blank ones."""
    for number, line in lines:
        for text in line.splitlines():  # Ultralytics also starts a row at a form feed and the like
            cells = text.split()
            if len(cells) == rules.pose_columns:
                cells = cells[:BOX_COLUMNS]
            if cells:
                yield Row(number, text, cells)


def _layout_faults(rows: Sequence[Row], rules: Rules) -> list[str | None]:
    """Judge each row's number of columns, which depends on the other rows of the file."""
    has_polygons = any(len(row.cells) >= POLYGON_FILE_COLUMNS for row in rows)
    faults = [_column_fault(len(row.cells), has_polygons) for row in rows]
    boxes = [i for i, row in enumerate(rows) if len(row.cells) == BOX_COLUMNS]
    polygons = [i for i, fault in enumerate(faults) if not fault and len(rows[i].cells) != BOX_COLUMNS]
    if boxes and polygons and not rules.mixed:  # the rarer kind is the more likely mistake
        bad, other = (polygons, boxes) if len(polygons) < len(boxes) else (boxes, polygons)
        kinds = ("boxes", "a polygon") if bad is polygons else ("polygons", "a box")
        for i in bad:
            faults[i] = f"expected only {kinds[0]} as in line {rows[other[0]].line}, found {kinds[1]}"
    return faults


def _column_fault(columns: int, has_polygons: bool) -> str | None:
    if columns == BOX_COLUMNS or (has_polygons and columns % 2 and columns > 1):
        return None
    if columns > BOX_COLUMNS:
        hint = ": is the last one a score, as predictions have?" if columns == BOX_COLUMNS + 1 else ""
        return f"expected 5 columns (or a class and at least 3 pairs x y), found {columns}{hint}"
    return f"expected 5 columns, found {columns}"


def _numbers(row: Row) -> Floats | str:
    """Read the cells as float32, or say which one is no finite number."""
    try:
        values = np.array([float(cell) for cell in row.cells], dtype=np.float32)
    except ValueError:
        column = next(i for i, cell in enumerate(row.cells) if not _is_number(cell))
        return f"expected a number in column {column + 1}, found {_shown(row.cells[column])}"
    finite = np.isfinite(values)
    if finite.all():
        return values
    column = int(finite.argmin())
    return f"expected a finite number in column {column + 1}, found {_shown(row.cells[column])}"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _value_faults(rows: Sequence[Row], numbers: Sequence[Floats], rules: Rules) -> list[str | None]:
    """Judge class ids and box limits; numbers are finite, of 5 or any other odd number of columns."""
    faults: list[str | None] = [None] * len(rows)
    if not rows:
        return faults
    values = np.stack([class_and_box(row) for row in numbers])
    classes, boxes = values[:, 0], values[:, 1:]
    below_nc = np.full(len(rows), rules.nc > 0) if rules.single_cls else classes < rules.nc
    bad_class = ~((classes >= 0) & (classes % 1 == 0) & below_nc)
    bad_box = (boxes < LOWEST) | (boxes > HIGHEST)
    for i in np.flatnonzero(bad_class | bad_box.any(axis=1)).tolist():
        found = [_class_fault(rows[i].cells[0], rules)] if bad_class[i] else []
        found += [_limit_fault(rows[i], column, boxes[i, column]) for column in np.flatnonzero(bad_box[i]).tolist()]
        tracked = len(rows[i].cells) == TRACKED_COLUMNS and rows[i].cells[-1].isdecimal() and bad_box[i].any()
        faults[i] = "; ".join(found) + (
            ": are the last two a score and a track id, as predictions have?" if tracked else ""
        )
    return faults


def class_and_box(numbers: Floats) -> Floats:
    """Bring a row to class, x_center, y_center, width, height."""
    if len(numbers) == BOX_COLUMNS:
        return numbers
    points = numbers[1:].reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate((numbers[:1], (low + high) / 2, high - low))


def _class_fault(cell: str, rules: Rules) -> str:
    if rules.single_cls:
        return f"expected a whole class id of at least 0, found {_shown(cell)}"
    ids = "0" if rules.nc == 1 else f"from 0 to {rules.nc - 1}"
    hint = ": ids count from 0" if float(cell) == rules.nc else ""  # the likely mistake where all are one too high
    return f"expected a class id {ids}, found {_shown(cell)}{hint}"


def _limit_fault(row: Row, column: int, value: np.float32) -> str:
    if len(row.cells) == BOX_COLUMNS:
        return f"expected {BOX_NAMES[column]} from 0 to 1, found {_shown(row.cells[1 + column])}"
    return f"expected {BOX_NAMES[column]} of the polygon's box from 0 to 1, found {value:.8g}"


def _duplicates(numbers: Sequence[Floats]) -> int:
    """Count the rows that repeat another: boxes by value, polygons (as in Ultralytics) by their bytes."""
    # Adding 0.0 turns -0.0 into 0.0.
    keys = {(row + np.float32(0) if len(row) == BOX_COLUMNS else row).tobytes() for row in numbers}
    return len(numbers) - len(keys)


def _problem(path: Path, line: int, row: str, what: str) -> LabelProblem:
    return LabelProblem(path, line, what, _cut(row, ROW_SHOWN))


def _shown(cell: str) -> str:
    return repr(_cut(cell, CELL_SHOWN))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
