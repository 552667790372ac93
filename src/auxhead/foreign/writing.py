"""Write the pictures and labels of a YOLO data set, with ignore regions beside the labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from auxhead.foreign.usable import Usable
from auxhead.formats import plural
from auxhead.labels.conversion.images import copy_image, find_image, link_image
from auxhead.labels.conversion.result import SplitCounts
from auxhead.labels.listing import ignore_path, label_path
from auxhead.metrics.truth import Bools, Floats

CUT = 0.01  # pixels that a box loses at the border before it is told; less is rounding. Source: own choice
LOST = {
    "ignored": "{} kept as ignore regions, in ignore/: `train` and `evaluate` pass over what lies there",
    "flat": "{} without area, or outside of the picture, left out",
    "cut": "{} cut off at the border of the picture",
}
"""What a box can lose on the way, in words."""


class Tally:
    """Counts over all splits: what boxes lost, and how pictures got their second name."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.lost: Counter[str] = Counter()
        self.linked: Counter[str] = Counter()

    def remarks(self) -> list[str]:
        """Say what was lost."""
        return [text.format(plural(self.lost[kind], "box")) for kind, text in LOST.items() if self.lost[kind]]


def write_split(
    usable: Sequence[Usable], images: Path, tally: Tally, *, link: bool, left_out: int, tick: Callable[[], None]
) -> SplitCounts:
    """Write one split.

    Args:
        usable: Its pictures.
        images: The new folder of its pictures, below one called images.
        tally: Counts on.
        link: Whether pictures get a second name where that can be, else they are copied.
        left_out: Pictures that aren't among `usable`.
        tick: Called after each picture.
    """
    boxes = empty = 0
    for one in usable:
        target = images / one.picture.inside
        rows, ignored = label_rows(one, tally.lost)
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(label_path(target), rows)
        if ignored:
            _write(ignore_path(target), ignored)
        way = (link_image if link else copy_image)(find_image(str(one.picture.image))[0], str(target))
        tally.linked[way or "hard link"] += 1
        boxes += len(rows)
        empty += not rows
        tick()
    return SplitCounts(len(usable) + left_out, boxes, 0, empty, left_out)


def label_rows(one: Usable, lost: Counter[str]) -> list[list[str]]:
    """Make the rows of a picture's label file, and those of its ignore regions.

    Args:
        one: The picture.
        lost: Counts what boxes lose.

    Returns:
        Rows of class, x_center, y_center, width, height, as shares of the picture; boxes are cut off at its border,
        those without area are left out.
    """
    size = np.array(one.size, dtype=np.float64)
    boxes: Floats = one.picture.boxes[:, 1:5]
    passed_over: Bools = one.picture.boxes[:, 5] > 0
    ends: Floats = boxes[:, :2] + boxes[:, 2:]
    low, high = np.clip(boxes[:, :2], 0, size), np.clip(ends, 0, size)
    there: Bools = np.all(high > low, axis=1).astype(np.bool_)
    moved = np.abs(np.hstack([low - boxes[:, :2], high - ends])).max(axis=1, initial=0)
    lost["flat"] += int((~there).sum())
    lost["cut"] += int((there & (moved > CUT)).sum())
    lost["ignored"] += int((there & passed_over).sum())
    shares = np.hstack([(low + high) / 2 / size, (high - low) / size])
    rows = [
        f"{int(cls)} " + " ".join(f"{number:.7g}" for number in numbers) + "\n"
        for cls, numbers in zip(one.picture.boxes[:, 0], shares, strict=True)
    ]
    return [
        [row for row, kept, own in zip(rows, there, passed_over, strict=True) if kept and own == kind]
        for kind in (False, True)
    ]


def _write(file: Path, rows: Sequence[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(rows), encoding="utf-8")
