"""YOLO data sets on disk: whether Ultralytics will accept their labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from auxhead.labels.listing import label_path
from auxhead.labels.problems import LabelProblem, LabelReport
from auxhead.labels.rows import RowsCheck, Rules, check_rows, pose_columns
from auxhead.labels.workers import in_order
from auxhead.progress import Steps

CHUNK = 64  # images a task: keeps the progress lively


@dataclass(frozen=True, slots=True)
class _FileCheck:
    found: bool
    rows: RowsCheck


def check_labels(
    images: Sequence[Path],
    nc: int,
    *,
    single_cls: bool = False,
    kpt_shape: Sequence[int] | None = None,
    mixed: bool = False,
    progress: Steps | None = None,
) -> LabelReport:
    """Scan the label files of images for rows that make Ultralytics ignore the whole image.

    A label file gets a problem exactly when Ultralytics would call it corrupt while it trains a detector (and, with
    `mixed`, when `convert` couldn't make one of it that is none). The images themselves are not opened.

    Args:
        images: The images, as list_images gives them.
        nc: Number of classes, at least 1.
        single_cls: Whether training treats all classes as one; class ids then have no upper limit.
        kpt_shape: The entry of the same name in data.yaml, if it has one: keypoints and values a keypoint. Pose rows of
            that shape are accepted, as a detector drops their keypoints.
        mixed: Whether boxes and polygons may stand in one file, as `convert` takes them.
        progress: Called in this thread with the number of images done and their total, every 64 images and at the end.

    Returns:
        Counts and problems. No image gives zeros.
    """
    rules = Rules(nc, single_cls, pose_columns(kpt_shape), mixed)
    chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    total = _Total()
    with closing(in_order(partial(_check_chunk, rules=rules), chunks)) as results:
        for checks in results:
            total.add(checks)
            if progress:
                progress(total.images, len(images))
    return total.report()


def _check_chunk(images: Iterable[Path], rules: Rules) -> list[_FileCheck]:
    return [_check_file(label_path(image), rules) for image in images]


def _check_file(path: Path, rules: Rules) -> _FileCheck:
    if not os.path.isfile(path):  # noqa: PTH113  a folder that can't be entered counts as missing, as in Ultralytics
        return _FileCheck(found=False, rows=RowsCheck(0, 0, ()))
    try:
        raw = path.read_bytes()
    except OSError as error:
        what = f"expected a file that can be read, found {type(error).__name__}: {error.strerror or error}"
        return _FileCheck(found=True, rows=RowsCheck(0, 0, (LabelProblem(path, None, what, ""),)))
    return _FileCheck(found=True, rows=check_rows(raw, rules, path))


class _Total:
    """The running sums of a scan."""

    def __init__(self) -> None:
        self.images = self.found = self.empty = self.corrupt = self.boxes = self.duplicates = 0
        self.problems: dict[LabelProblem, None] = {}  # images that share a label file would name its rows twice

    def add(self, checks: Iterable[_FileCheck]) -> None:
        """Add some files."""
        for check in checks:
            rows = check.rows
            self.images += 1
            self.found += check.found
            self.corrupt += bool(rows.problems)
            self.empty += check.found and not rows.rows and not rows.problems
            self.boxes += 0 if rows.problems else rows.rows - rows.duplicates
            self.duplicates += rows.duplicates
            self.problems.update(dict.fromkeys(rows.problems))

    def report(self) -> LabelReport:
        """Freeze the sums."""
        return LabelReport(
            images=self.images,
            found=self.found,
            missing=self.images - self.found,
            empty=self.empty,
            corrupt=self.corrupt,
            boxes=self.boxes,
            duplicates=self.duplicates,
            problems=tuple(self.problems),
        )
