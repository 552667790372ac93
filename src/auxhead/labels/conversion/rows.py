"""Boxes to keypoint rows or polygon rows: the bytes of one label file in, the bytes of another out."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from auxhead.keys.convert import PoseKeys, SegmentKeys
from auxhead.labels.problems import LabelProblem
from auxhead.labels.rows import BOX_COLUMNS, Floats, Row, Rules, class_and_box, read_rows

ELLIPSE_POINTS = 32
QUARTER = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))
UNIT_CIRCLE = tuple(  # from the right, clockwise in the image; exact where cos and sin are 0 or 1: they keep the box
    QUARTER[i * 4 // ELLIPSE_POINTS]
    if i * 4 % ELLIPSE_POINTS == 0
    else (math.cos(math.tau * i / ELLIPSE_POINTS), math.sin(math.tau * i / ELLIPSE_POINTS))
    for i in range(ELLIPSE_POINTS)
)

FLIP_IDX = {"center": [0], "corners": [1, 0, 3, 2], "center+corners": [0, 2, 1, 4, 3]}
"""Where each keypoint goes in a mirror image, left and right swapped; corners run clockwise from the top left.

Ultralytics uses the same for fliplr and for flipud. Upside down, corners would swap top and bottom instead; flipud is 0
by default.
"""

# Nearly every label file is of such rows: plain decimals from 0 to 1, one blank between them. Every repetition is
# possessive and bounded, so that no content makes the search slow. Whatever doesn't match goes the careful way.
_NUMBER = r"(?:0?\.\d{1,30}+|[01](?:\.0{0,30}+)?)"
_PLAIN_ROW = re.compile(rf"((\d{{1,9}}+) ({_NUMBER} {_NUMBER}) {_NUMBER} {_NUMBER})[ \t]{{0,9}}+\r?(?:\n|\Z)", re.ASCII)
_STRIDE = 4  # split() gives, again and again, the text before a row (none), the row, its class and its center
PLAIN_CLASSES = 10_000  # ids above go the careful way, so that the set of plain ones stays small


class RowWriter(ABC):
    """Writes the row that takes the place of a box or of a polygon."""

    @abstractmethod
    def box(self, label: str, x: str, y: str, w: str, h: str) -> str:
        """Return the row for a box: class, center, width and height as their source spells them."""

    @abstractmethod
    def polygon(self, row: Row, numbers: Floats) -> str:
        """Return the row for a polygon: its text, and its cells as float32."""

    def plain(self, rows: Sequence[str], centers: Sequence[str]) -> list[str]:
        """Return the rows for boxes with numbers from 0 to 1: their texts, and the parts `x y` of these."""
        del centers
        return [self.box(*row.split(" ")) for row in rows]


class PoseRows(RowWriter):
    """Writes the box as it is, then its keypoints.

    Keypoints that lie beyond the image are moved to its edge: Ultralytics ignores images with keypoints beyond 1.01.
    A center is the box's own text, so that both are one number; corners are computed in float64 from the text and
    written with as many digits as bring them back.
    """

    def __init__(self, keys: PoseKeys) -> None:
        """Take the kind of keypoints."""
        self._center = keys.keypoints != "corners"
        self._corners = keys.keypoints != "center"
        self._visible = " 1" if keys.visibility else ""

    def box(self, label: str, x: str, y: str, w: str, h: str) -> str:
        """Return `class x y w h` and the keypoints."""
        row = f"{label} {x} {y} {w} {h}"
        if self._center:
            row += f" {_on_image(x)} {_on_image(y)}{self._visible}"
        if self._corners:
            row += "".join(f" {corner}{self._visible}" for corner in _corners(x, y, w, h))
        return row

    def plain(self, rows: Sequence[str], centers: Sequence[str]) -> list[str]:
        """Return what `box` would, several times as fast where the center is the only keypoint."""
        if self._corners:
            return super().plain(rows, centers)
        visible = self._visible
        return [f"{row} {center}{visible}" for row, center in zip(rows, centers, strict=True)]

    def polygon(self, row: Row, numbers: Floats) -> str:
        """Return the row of the polygon's box, which Ultralytics takes as well when it trains a detector."""
        x, y, w, h = map(_text, class_and_box(numbers)[1:])
        return self.box(row.cells[0], x, y, w, h)


class BoxOutlines(RowWriter):
    """Writes the four corners of a box as a polygon, clipped to the image; polygons stay as they are."""

    def box(self, label: str, x: str, y: str, w: str, h: str) -> str:
        """Return the class and four corners, clockwise from the top left."""
        return " ".join((label, *_corners(x, y, w, h)))

    def polygon(self, row: Row, numbers: Floats) -> str:
        """Return the polygon's own text."""
        del numbers
        return " ".join(row.cells)


class EllipseOutlines(BoxOutlines):
    """Writes the ellipse inside a box as a polygon of 32 points, clipped to the image; polygons stay as they are.

    The outermost four points lie on the box, which is therefore kept. The polygon's area is
    sin(2 pi / 32) / (2 pi / 32) = 0.9936 of the ellipse's.
    """

    def box(self, label: str, x: str, y: str, w: str, h: str) -> str:
        """Return the class and 32 points, from the right, clockwise."""
        center_x, center_y, half_w, half_h = float(x), float(y), float(w) / 2, float(h) / 2
        points = ((_clip(center_x + half_w * dx), _clip(center_y + half_h * dy)) for dx, dy in UNIT_CIRCLE)
        return label + "".join(f" {px!r} {py!r}" for px, py in points)


def row_writer(target: PoseKeys | SegmentKeys) -> RowWriter:
    """Choose the writer for what the data set shall become."""
    if isinstance(target, PoseKeys):
        return PoseRows(target)
    return EllipseOutlines() if target.shape == "ellipse" else BoxOutlines()


class ConvertedRows(NamedTuple):
    """A label file's new content (empty if there is a problem), how many rows it has, and the problems."""

    content: bytes
    rows: int
    problems: tuple[LabelProblem, ...] = ()


class RowConverter:
    """Converts the content of label files.

    Args:
        rules: What source rows are checked against.
        writer: Writes the new rows.
    """

    def __init__(self, rules: Rules, writer: RowWriter) -> None:
        """Prepare the class ids that need no second look."""
        self._rules = rules
        self._writer = writer
        self._classes = frozenset(map(str, range(min(rules.nc, PLAIN_CLASSES))))

    def __call__(self, raw: bytes, path: Path | str) -> ConvertedRows:
        """Convert one file.

        Args:
            raw: Its content; without a row (nothing, blank lines) the new content is empty.
            path: Its name, for the problems only.

        Returns:
            Rows joined by line feeds with one at the end, in UTF-8 without a byte-order mark. Problems are those of
            check_rows. Where the rules let boxes and polygons stand in one file, each row is converted as it is.
        """
        return self.plain(raw) or self.careful(raw, Path(path))

    def plain(self, raw: bytes) -> ConvertedRows | None:
        """Convert a file of ordinary box rows; None for any other."""
        if not raw:
            return ConvertedRows(b"", 0)
        if not raw.isascii():
            return None
        text = raw.decode("ascii")
        if text.count(" ", 0, text.find("\n")) > BOX_COLUMNS:  # a polygon: searching all its text would take long
            return None
        parts = _PLAIN_ROW.split(text)
        if any(parts[::_STRIDE]) or not self._classes.issuperset(parts[2::_STRIDE]):
            return None
        return _joined(self._writer.plain(parts[1::_STRIDE], parts[3::_STRIDE]))

    def careful(self, raw: bytes, path: Path) -> ConvertedRows:
        """Convert any file, by the rules that Ultralytics reads it by."""
        rows = read_rows(raw, self._rules, path)
        if rows.problems:
            return ConvertedRows(b"", 0, rows.problems)
        return _joined(list(map(self._row, rows.readable, rows.numbers)))

    def _row(self, row: Row, numbers: Floats) -> str:
        if len(row.cells) == BOX_COLUMNS:
            label, x, y, w, h = row.cells
            return self._writer.box(label, x, y, w, h)
        return self._writer.polygon(row, numbers)


def _joined(rows: list[str]) -> ConvertedRows:
    text = "\n".join(rows) + "\n" if rows else ""
    return ConvertedRows(text.encode(), len(rows))


def _on_image(text: str) -> str:
    """Return the text of a coordinate, or that of the image's edge if it lies beyond."""
    value = float(text)
    return text if 0 <= value <= 1 else "0" if value < 0 else "1"


def _corners(x: str, y: str, w: str, h: str) -> tuple[str, ...]:
    """Return `x y` of top left, top right, bottom right and bottom left, clipped to the image."""
    center_x, center_y, half_w, half_h = float(x), float(y), float(w) / 2, float(h) / 2
    left, right = repr(_clip(center_x - half_w)), repr(_clip(center_x + half_w))
    top, bottom = repr(_clip(center_y - half_h)), repr(_clip(center_y + half_h))
    return f"{left} {top}", f"{right} {top}", f"{right} {bottom}", f"{left} {bottom}"


def _clip(value: float) -> float:
    return min(max(0.0, value), 1.0)  # in this order: -0.0 becomes 0.0


def _text(value: np.float32) -> str:
    """Spell a float32 so that it is read back as the same one, in few digits."""
    short = str(value)
    return short if np.float32(float(short)) == value else repr(float(value))
