"""Regions beside YOLO labels in which detections count neither way: COCO's crowds, for data that aren't COCO's.

The file of `images/val/1.jpg` is `ignore/val/1.txt`. Its rows are those of a label file; class -1 stands for every
class. Ultralytics reads none of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from auxhead.errors import DataError
from auxhead.labels.listing import ignore_path
from auxhead.metrics.truth import Truth

EXPECTED = "rows of class x_center y_center width height, shares of the image, with class -1 for every class"
EVERY = -1
LOWEST, HIGHEST = -0.01, 1.01  # of a share. Source: Ultralytics 8.4.190, data/utils.py, verify_image_label
SHOWN = 10  # bad rows named in a message

Row = tuple[int, float, float, float, float]


def with_ignored(truth: Truth) -> Truth:
    """Add the ignore regions of the images as crowds.

    Args:
        truth: What `read_yolo` gave. Of each image a file of regions is looked for; there needn't be any.

    Returns:
        The boxes with the regions after those of their image. A region of class -1 is a crowd of each class.

    Raises:
        DataError: Rows of such files are wrong; all of them at once.
    """
    rows: list[tuple[float, ...]] = []
    regions = read_all_ignored(truth.files, len(truth.names))
    for place, (name, (width, height)) in enumerate(zip(truth.files, truth.sizes.tolist(), strict=True)):
        for cls, x, y, w, h in regions.get(name, ()):
            classes = range(len(truth.names)) if cls == EVERY else [cls]
            box = ((x - w / 2) * width, (y - h / 2) * height, w * width, h * height)
            rows += [(place, own, *box) for own in classes]
    if not rows:
        return truth
    table = np.array(rows, dtype=np.float64)
    image = np.concatenate([truth.image, table[:, 0].astype(np.int64)])
    order = np.argsort(image, kind="stable")
    return replace(
        truth,
        image=image[order],
        cls=np.concatenate([truth.cls, table[:, 1].astype(np.int64)])[order],
        boxes=np.concatenate([truth.boxes, table[:, 2:]])[order],
        areas=np.concatenate([truth.areas, table[:, 4] * table[:, 5]])[order],
        crowd=np.concatenate([truth.crowd, np.ones(len(table), dtype=np.bool_)])[order],
    )


def read_all_ignored(images: Iterable[str], classes: int) -> dict[str, list[Row]]:
    """Read the regions of pictures.

    Args:
        images: Their files; there needn't be any regions beside them.
        classes: Classes of the data set.

    Returns:
        For each picture that has some, rows of class, x_center, y_center, width, height.

    Raises:
        DataError: Rows are wrong; all of them at once.
    """
    found: dict[str, list[Row]] = {}
    bad: list[str] = []
    for image in images:
        file = ignore_path(Path(image))
        if not os.path.isfile(file):  # noqa: PTH113  as label files are looked for
            continue
        rows, wrong = read_ignored(file, classes)
        bad += wrong
        if rows:
            found[image] = rows
    if bad:
        count = len(bad) + sum(map(len, found.values()))
        listed = "".join(f"\n  {line}" for line in bad[:SHOWN])
        found_bad = f"{len(bad)} of {count} ignore regions that can't be used"
        raise DataError(EXPECTED, found_bad, f"the first {min(SHOWN, len(bad))}:{listed}", "correct or delete them")
    return found


def read_ignored(file: Path, classes: int) -> tuple[list[Row], list[str]]:
    """Read the regions of one image.

    Args:
        file: The file, which exists.
        classes: Classes of the data set.

    Returns:
        Rows of class, x_center, y_center, width, height; and what is wrong with others, each with file and line.
    """
    rows, bad = [], []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if line.strip():
            row = _row(line, classes)
            if row is None:
                bad.append(f"{file}:{number}: found {line[:80]!r}")
            else:
                rows.append(row)
    return rows, bad


def _row(line: str, classes: int) -> Row | None:
    """Bring a line to its numbers; None if it has others. Comparisons with NaN are false."""
    try:
        cls, x, y, w, h = map(float, line.split())
    except ValueError:
        return None
    inside = all(LOWEST <= share <= HIGHEST for share in (x, y, w, h)) and min(w, h) > 0
    return (int(cls), x, y, w, h) if inside and EVERY <= cls < classes and cls.is_integer() else None
