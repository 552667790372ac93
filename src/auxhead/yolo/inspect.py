"""What to know about a detection data set before training on it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from auxhead.errors import OutputError
from auxhead.files import write_atomic
from auxhead.labels.check import check_labels
from auxhead.labels.listing import entries, list_images
from auxhead.labels.source import Source
from auxhead.metrics.truth import Floats, Truth, read_yolo
from auxhead.progress import Progress, Steps, named, silent
from auxhead.yolo.convert import read_source
from auxhead.yolo.inspect_anchors import LEVELS, Anchors, count_candidates, summarize
from auxhead.yolo.inspect_boxes import Sizes, at_imgsz, disagreeing, measure, sides, truncated
from auxhead.yolo.inspect_files import Copies, find_copies
from auxhead.yolo.inspect_names import MirrorHint, mirror_hints
from auxhead.yolo.inspect_suggest import MULTIPLE, Suggestion, suggest

SPLITS = ("train", "val", "test")
FILES = ("inspect.json", "inspect.png")


@dataclass(frozen=True, eq=False)
class SplitInspection:
    """One split.

    Attributes:
        images: Images.
        without_boxes: Images without a box, with or without a label file.
        boxes: Boxes, repeated rows left out, as Ultralytics leaves them out.
        per_class: Boxes of each class, by id.
        empty_classes: Names of the classes without a box.
        sizes: How large boxes are at imgsz.
        anchors: Candidate anchors by levels, "P3-P5" and "P2-P5".
        truncated: Share of boxes within one pixel of a border of their image; None without boxes.
        repeated: Label rows that repeat another of their image.
        disagreeing: Boxes at exactly the place of one of another class.
        boxes_net: Width and height of each box, shape (m, 2), pixels of the network input; not part of the JSON.
    """

    images: int
    without_boxes: int
    boxes: int
    per_class: tuple[int, ...]
    empty_classes: tuple[str, ...]
    sizes: Sizes
    anchors: dict[str, Anchors]
    truncated: float | None
    repeated: int
    disagreeing: int
    boxes_net: Floats = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        content = asdict(self)
        del content["boxes_net"]
        return content


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a data set is like.

    Attributes:
        data: The data.yaml.
        imgsz: Side of the network input that pixels refer to.
        names: Class names by id.
        splits: train, val and, if there is one, test.
        copies: Images with the same bytes.
        mirrored: Classes that a horizontal flip may change, guessed from their names.
        suggestions: Keys worth setting, from the training split; without boxes there, only those that need none.
    """

    data: str
    imgsz: int
    names: tuple[str, ...]
    splits: dict[str, SplitInspection]
    copies: Copies
    mirrored: tuple[MirrorHint, ...]
    suggestions: tuple[Suggestion, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: None, never NaN, for what can't be measured."""
        return {
            "data": self.data,
            "imgsz": self.imgsz,
            "names": list(self.names),
            "splits": {name: split.to_dict() for name, split in self.splits.items()},
            "copies": asdict(self.copies),
            "mirrored": [asdict(hint) for hint in self.mirrored],
            "suggestions": [asdict(suggestion) for suggestion in self.suggestions],
        }


def inspect(
    data: str | Path,
    *,
    imgsz: int = 640,
    out: str | Path | None = None,
    exist_ok: bool = False,
    progress: Progress | None = None,
) -> Inspection:
    """Tell what a detection data set is like, from its labels and its images' headers and bytes.

    Args:
        data: Its data.yaml, or a name of Ultralytics'.
        imgsz: Side of the network input, pixels, at least 1; rounded up to a multiple of 32, as in a training.
        out: Folder for inspect.json and inspect.png; None: nothing is written.
        exist_ok: Replace these files if they stand there.
        progress: Called with what is done ("reading train", "anchors of train", "comparing images"), how much of it,
            and of how much.

    Returns:
        Everything is measured without augmentation, in a square letterbox.

    Raises:
        DataError: The data set can't be used; bad rows are listed with file and line.
        OutputError: `out` holds such files already, or can't be written to.
    """
    if out is not None:
        _check_free(Path(out), exist_ok)
    tell = progress or silent
    imgsz = math.ceil(imgsz / MULTIPLE) * MULTIPLE
    source = read_source(str(data))
    truths, repeated = {}, {}
    for split in _present(source):
        images = list_images(source.splits[split])
        truths[split] = _read(images, source, named(tell, f"reading {split}"))
        repeated[split] = check_labels(images, len(source.names), kpt_shape=source.kpt_shape).duplicates
    hints = mirror_hints(source.names)
    inspection = Inspection(
        data=str(source.data),
        imgsz=imgsz,
        names=tuple(source.names[index] for index in sorted(source.names)),
        splits={name: _split(truth, repeated[name], imgsz, name, tell) for name, truth in truths.items()},
        copies=find_copies({name: truth.files for name, truth in truths.items()}, named(tell, "comparing images")),
        mirrored=hints,
        suggestions=suggest(truths["train"], imgsz, hints),
    )
    if out is not None:
        _write(inspection, Path(out))
    return inspection


def _present(source: Source) -> list[str]:
    """Name the splits to read; a test split whose images aren't on this machine is none, as in `convert`."""
    there = [split for split in SPLITS if split in source.splits]
    if "test" in there and not all(entry.exists() for entry in entries(source.splits["test"])):
        there.remove("test")
    return there


def _read(images: Sequence[Path], source: Source, progress: Steps) -> Truth:
    return read_yolo(images, source.names, kpt_shape=source.kpt_shape, progress=progress)


def _split(truth: Truth, repeated: int, imgsz: int, name: str, tell: Progress) -> SplitInspection:
    net = at_imgsz(truth, imgsz)
    per_class = np.bincount(truth.cls, minlength=len(truth.names)).tolist()
    anchors = {}
    for levels, strides in LEVELS.items():
        counted = count_candidates(truth, imgsz, strides, named(tell, f"anchors {levels} of {name}"))
        anchors[levels] = summarize(strides, *counted)
    return SplitInspection(
        images=len(truth.files),
        without_boxes=len(truth.files) - len(np.unique(truth.image)),
        boxes=len(truth.cls),
        per_class=tuple(per_class),
        empty_classes=tuple(each for each, count in zip(truth.names, per_class, strict=True) if not count),
        sizes=measure(sides(net)),
        anchors=anchors,
        truncated=float(truncated(truth).mean()) if len(truth.cls) else None,
        repeated=repeated,
        disagreeing=int(disagreeing(truth).sum()),
        boxes_net=net.boxes[:, 2:],
    )


def _check_free(out: Path, exist_ok: bool) -> None:
    """Refuse to replace files before any work is done."""
    there = [name for name in FILES if (out / name).exists()]
    if there and not exist_ok:
        raise OutputError(
            expected=f"a folder without {' and '.join(FILES)}",
            found=" and ".join(there),
            where=str(out),
            fix="choose another folder, or add exist_ok=true",
        )


def _write(inspection: Inspection, out: Path) -> None:
    from auxhead.metrics.inspect_plot import plot_inspection  # matplotlib takes its time

    write_atomic(out / FILES[0], json.dumps(inspection.to_dict(), indent=2, allow_nan=False).encode())
    plot_inspection(inspection, out / FILES[1])
