"""Regions beside labels (`ignore/`) on their way through augmentation: boxes of classes beyond those of the data.

So Ultralytics moves, mirrors, cuts and joins them as it does with every box. Before the loss they are set apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from auxhead.augmentation.flips import Flips
from auxhead.heads.base import IGNORED
from auxhead.metrics.ignored import EVERY, read_all_ignored

ANY = 1 << 30  # classes there may be where all are one

Rows = npt.NDArray[np.float32]
Window = tuple[int, int, int, int]


def read_regions(images: Iterable[str], classes: int, *, single_cls: bool = False) -> dict[str, Rows]:
    """Read the regions of pictures.

    Args:
        images: Their files; those without a file of regions are left out.
        classes: Classes of the data.
        single_cls: Whether all classes are one: then each region is one of every class.

    Returns:
        For each picture with regions, rows of coded class, x_center, y_center, width, height, shape (k, 5), shares of
        the picture. A region of class c has the code classes + 1 + c, so that one of every class (-1) has `classes`.

    Raises:
        DataError: Rows are wrong.
    """
    found = {}
    for image, rows in read_all_ignored(images, ANY if single_cls else classes).items():
        table = np.array(rows, np.float32)
        table[:, 0] = classes + 1 + (EVERY if single_cls else table[:, 0])
        found[image] = table
    return found


def with_regions(label: dict[str, Any], rows: Rows, *, outlines: bool) -> dict[str, Any]:
    """Add regions to a label of Ultralytics' data sets, behind its objects.

    Args:
        label: In shares of the picture: `cls` (n, 1), `bboxes` (n, 4) as center and size, `segments`.
        rows: As `read_regions` gives them; none leave the label as it is.
        outlines: Whether the objects of the data set have outlines: then regions need some, too.
    """
    if not len(rows):
        return label
    label = {**label, "cls": np.concatenate([label["cls"], rows[:, :1].astype(label["cls"].dtype)])}
    label["bboxes"] = np.concatenate([label["bboxes"], rows[:, 1:].astype(label["bboxes"].dtype)])
    if outlines:
        label["segments"] = [*label["segments"], *map(_outline, rows)]
    return label


def _outline(row: Rows) -> Rows:
    x, y, width, height = row[1:]
    left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def cut_regions(rows: Rows, window: Window, height: int, width: int) -> Rows:
    """Keep what of regions lies in a window, in shares of the window.

    Args:
        rows: As `read_regions` gives them.
        window: Left, top, right, bottom; pixels of the picture.
        height: Of the picture, pixels.
        width: Likewise.
    """
    start, end = np.array(window[:2], np.float32), np.array(window[2:], np.float32)
    picture, size = np.array([width, height], np.float32), end - start
    center, half = rows[:, 1:3] * picture, rows[:, 3:] * picture / 2
    low, high = np.maximum(center - half, start), np.minimum(center + half, end)
    keep = (high > low).all(axis=1)
    low, high = low[keep], high[keep]
    return np.concatenate([rows[keep, :1], ((low + high) / 2 - start) / size, (high - low) / size], axis=1)


def with_codes(flips: Flips) -> Flips:
    """Tell what a mirror does to regions: one of a class becomes one of the class that the mirror makes of it."""
    classes = len(flips.partner)
    codes = (classes, *(classes + 1 + partner for partner in flips.partner))
    return Flips((*flips.partner, *codes), flips.never)


def set_apart(batch: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """Take regions out of a batch's objects.

    Args:
        batch: Ultralytics' batch: `cls` (n, 1), `bboxes` (n, 4) and `batch_idx` (n,).
        classes: Classes of the data.

    Returns:
        The batch with its objects alone, and with `IGNORED`: rows of picture, class (-1: every one), x_center,
        y_center, width, height, shape (k, 6), shares of the picture.
    """
    codes = batch["cls"].view(-1)
    region = codes >= classes
    images, own = batch["batch_idx"][region], codes[region] - classes - 1
    rows = [images.view(-1, 1), own.view(-1, 1), batch["bboxes"][region]]
    kept = {name: batch[name][~region] for name in ("cls", "bboxes", "batch_idx")}
    return {**batch, **kept, IGNORED: torch.cat([row.float() for row in rows], 1)}
