"""What a conversion made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from auxhead.notebook import InNotebooks


@dataclass(frozen=True)
class SplitCounts:
    """One split; images that a list names twice count twice.

    Args:
        images: Images of the source; `images - left_out` are in the new data set.
        boxes: Label rows written, repeated ones too.
        missing: Images without a label file: background, as before.
        empty: Label files without a row: background, as before.
        left_out: Images that Ultralytics would ignore for their labels, and images that aren't there.
    """

    images: int
    boxes: int
    missing: int
    empty: int
    left_out: int


@dataclass(frozen=True)
class Conversion(InNotebooks):
    """What a conversion made, or found made already.

    Attributes:
        data: The new data.yaml.
        fresh: Whether anything was written; False if all was there and up to date.
        splits: Counts of each split.
        linked: How many images are there as "hard link", "symbolic link" and "copy".
        absent: Splits that are left out because their images aren't there (test and minival only).
        problems: Bad rows and images that can't be used; 0 unless on_error is "skip".
        problems_csv: The list of them; None without problems.
        remarks: What the source holds that the new labels don't.
        format: What format the source was found to be in; '' for YOLO's.
    """

    data: Path
    fresh: bool
    splits: Mapping[str, SplitCounts]
    linked: Mapping[str, int]
    absent: tuple[str, ...] = ()
    problems: int = 0
    problems_csv: Path | None = None
    remarks: tuple[str, ...] = ()
    format: str = ""

    def _shown(self) -> Iterator[str]:
        """Return the lines of its text."""
        yield from str(self).splitlines()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as json takes them."""
        csv = str(self.problems_csv) if self.problems_csv else None
        lists = {"absent": list(self.absent), "remarks": list(self.remarks)}
        return {**asdict(self), "data": str(self.data), **lists, "problems_csv": csv}

    def __str__(self) -> str:
        """Return a line a split, and where the data set is."""
        lines = [f"Found {self.format}."] if self.format else []
        for name, split in self.splits.items():
            left_out = f", {split.left_out} left out" if split.left_out else ""
            lines.append(
                f"{name}: {split.images} images, {split.boxes} boxes; {split.missing} without label file, "
                f"{split.empty} with an empty one{left_out}"
            )
        lines += [f"{remark}." for remark in self.remarks]
        where = "Written to" if self.fresh else "Nothing has changed since it was written:"
        return "\n".join([*lines, f"{where} {self.data}"])
