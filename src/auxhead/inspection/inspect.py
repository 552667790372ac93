"""What to know about a detection data set before training on it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from auxhead.files import path_given, require_free, write_atomic
from auxhead.foreign.beside import as_yolo
from auxhead.host.anchors import LEVELS, count_candidates, summarize
from auxhead.host.datasets import read_source
from auxhead.inspection.boxes import at_imgsz, counts_from_one, disagreeing, measure, sides, truncated
from auxhead.inspection.copies import digest_files, find_copies
from auxhead.inspection.mirrored_names import mirror_hints
from auxhead.inspection.near_copies import find_near_copies
from auxhead.inspection.pair_wall import draw_pairs
from auxhead.inspection.result import Inspection, SplitInspection
from auxhead.inspection.suggestions import suggest
from auxhead.keys.design import MULTIPLE
from auxhead.keys.inspect import InspectKeys
from auxhead.keys.reading import validated
from auxhead.labels.apart import require_apart
from auxhead.labels.check import check_labels
from auxhead.labels.listing import entries, list_images, repeated, sharing
from auxhead.labels.misplaced import require_labels
from auxhead.labels.pictures import split_pictures
from auxhead.labels.problems import problems_error
from auxhead.labels.source import Source, require_splits
from auxhead.labels.unclaimed import unclaimed
from auxhead.metrics.results.boxes import reaches_outside
from auxhead.metrics.truth import Truth, read_yolo
from auxhead.progress import Progress, Steps, named, silent

SPLITS = ("train", "val", "test")
PAGE_FILE = "report.html"
FILES = ("inspect.json", "inspect.png", "near_copies.jpg", PAGE_FILE)


def inspect(
    data: str | Path,
    *,
    imgsz: int = 640,
    out: str | Path | None = None,
    exist_ok: bool = False,
    progress: Progress | None = None,
) -> Inspection:
    """Tell what a detection data set is like, from its labels and its images.

    Args:
        data: Its data.yaml, or a name of Ultralytics'.
        imgsz: Side of the network input, pixels, at least 1; rounded up to a multiple of 32, as in a training.
        out: Folder for report.html, inspect.json, inspect.png and, where there are near copies, near_copies.jpg; None:
            nothing is written.
        exist_ok: Replace these files if they stand there.
        progress: Called as progress(task, done, total); tasks are "looking at train", "reading train", "anchors of
            train", "comparing images", "looking for near copies" and the like.

    Returns:
        Everything is measured without augmentation, in a square letterbox.

    Raises:
        ConfigError: `data` is no path, or a value none of its kind.
        DataError: The data set can't be used, or a split has no label file; bad rows are listed with file and line.
        OutputError: `out` holds such files already, or can't be written to.
    """
    data = path_given(data, 'auxhead.inspect("data.yaml")')
    validated(InspectKeys, {"data": data, "imgsz": imgsz, "out": out, "exist_ok": exist_ok})
    if out is not None:
        require_free(Path(out), FILES, exist_ok=exist_ok)
    tell = progress or silent
    imgsz = math.ceil(imgsz / MULTIPLE) * MULTIPLE
    source = read_source(as_yolo(data, progress=named(tell, "converting")))
    require_splits(source.splits, ("train",), source.data)
    if out is not None:
        require_apart(out, source.splits.values())
    truths, looks = {}, {}
    for split in _present(source):
        images, looks[split] = _look(split, source, tell)
        truths[split] = _read(images, source, named(tell, f"reading {split}"))
    hints = mirror_hints(source.names)
    files = {name: truth.files for name, truth in truths.items()}
    digests = digest_files(sorted({file for own in files.values() for file in own}), named(tell, "comparing images"))
    inspection = Inspection(
        data=str(source.data),
        imgsz=imgsz,
        names=tuple(source.names[index] for index in sorted(source.names)),
        splits={name: _split(truth, looks[name], imgsz, name, tell) for name, truth in truths.items()},
        copies=find_copies(files, digests),
        near=find_near_copies(files, digests, named(tell, "looking for near copies")),
        from_one=counts_from_one(truths.values()),
        mirrored=hints,
        suggestions=suggest(truths["train"], imgsz, hints),
    )
    if out is not None:
        _write(inspection, Path(out))
    return inspection


def _present(source: Source) -> list[str]:
    """List the splits to read; without a test split whose images aren't on this machine, as in `convert`."""
    there = [split for split in SPLITS if split in source.splits]
    return [split for split in there if split != "test" or all(one.exists() for one in entries(source.splits[split]))]


@dataclass(frozen=True)
class _Look:
    """What a split's names, headers and label files tell: the attributes of SplitInspection of these names."""

    left_out: dict[str, str]
    shared: tuple[tuple[str, ...], ...]
    twice: tuple[str, ...]
    unclaimed: dict[str, str]
    repeated: int


def _look(split: str, source: Source, tell: Progress) -> tuple[list[Path], _Look]:
    """List the images that a training would use, and say what is wrong with the others and their labels.

    Raises:
        DataError: There is no label file, or no image left.
    """
    require_labels(split, source.splits[split], source.data)
    listed = list_images(source.splits[split])
    images, problems = split_pictures(source.splits[split], listed, named(tell, f"looking at {split}"))
    report = check_labels(images, len(source.names), kpt_shape=source.kpt_shape)
    if not images:
        raise problems_error(replace(report, bad_images=problems))
    left_out = {str(problem.path): problem.what for problem in problems}
    shared = tuple(tuple(map(str, group)) for group in sharing(images))
    lost = {str(label): near for label, near in unclaimed(source.splits[split])}
    return images, _Look(left_out, shared, tuple(repeated(listed)), lost, report.duplicates)


def _read(images: Sequence[Path], source: Source, progress: Steps) -> Truth:
    return read_yolo(images, source.names, kpt_shape=source.kpt_shape, progress=progress)


def _split(truth: Truth, look: _Look, imgsz: int, name: str, tell: Progress) -> SplitInspection:
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
        outside=int(reaches_outside(truth.boxes, truth.sizes[truth.image]).sum()),
        repeated=look.repeated,
        left_out=look.left_out,
        shared=look.shared,
        twice=look.twice,
        unclaimed=look.unclaimed,
        disagreeing=int(disagreeing(truth).sum()),
        boxes_net=net.boxes[:, 2:],
    )


def _write(inspection: Inspection, out: Path) -> None:
    from auxhead.inspection.page import page  # matplotlib takes its time
    from auxhead.inspection.plot import plot_inspection

    write_atomic(out / FILES[0], json.dumps(inspection.to_dict(), indent=2, allow_nan=False).encode())
    plot_inspection(inspection, out / FILES[1])
    pairs = [pair for found in inspection.near.between.values() for pair in found]
    if pairs:
        draw_pairs(pairs, out / FILES[2])
    else:
        (out / FILES[2]).unlink(missing_ok=True)  # of an earlier look at other splits
    text = page(inspection, out / FILES[2] if pairs else None)
    write_atomic(out / PAGE_FILE, text.encode("utf-8", errors="replace"))
