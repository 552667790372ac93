"""Other readings of a results file - of its boxes, class ids and image ids - and how well each matches the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import PureWindowsPath

import numpy as np

from auxhead.metrics.detections import Detections
from auxhead.metrics.results.categories import Categories, numberings
from auxhead.metrics.results.ids import number
from auxhead.metrics.truth import Floats, Ints, Truth

OVERLAP = 0.5  # IoU at which a detection matches a box. Source: pycocotools, the first of Params.iouThrs
SAMPLE = 1000  # best-scored detections looked at: enough to tell readings apart, quick for any file. Source: own choice
NONE = -1

SHARES = "shares of the picture: "
SHIFTS = {"ids one higher": 1, "ids one lower": -1}
LAYOUTS: Mapping[str, Callable[[Floats], Floats]] = {
    "left, top, width, height": lambda box: box,
    "left, top, right, bottom": lambda box: np.c_[box[:, :2], box[:, 2:] - box[:, :2]],
    "center x, center y, width, height": lambda box: np.c_[box[:, :2] - box[:, 2:] / 2, box[:, 2:]],
    "left and top less half of width and height": lambda box: np.c_[box[:, :2] + box[:, 2:] / 2, box[:, 2:]],
    "right, bottom, left, top": lambda box: np.c_[box[:, 2:], box[:, :2] - box[:, 2:]],
    "top, left, height, width": lambda box: box[:, [1, 0, 3, 2]],
    "top, left, bottom, right": lambda box: np.c_[box[:, [1, 0]], box[:, [3, 2]] - box[:, [1, 0]]],
}


@dataclass(frozen=True)
class Reading:
    """One way to read a file; what is empty is read as it was.

    Attributes:
        boxes: A layout.
        classes: A numbering of classes, or a shift of them.
        images: A numbering of images, or a shift of them.
    """

    boxes: str = ""
    classes: str = ""
    images: str = ""

    def parts(self) -> list[str]:
        """Return what is read in another way, in words."""
        boxes = f"boxes as {self.boxes}" if self.boxes else ""
        return [part for part in (boxes, self.classes, self.images) if part]

    def __str__(self) -> str:
        """Join the parts."""
        return " and ".join(self.parts())


@dataclass(frozen=True)
class Fit:
    """How well a reading matches the truth at IoU 0.5.

    Attributes:
        reading: The reading.
        hits: Boxes that it matches.
        own: Boxes that the same detections match as they were read.
        of: Detections looked at: the best-scored ones of those that the reading changes.
    """

    reading: Reading
    hits: int
    own: int
    of: int


class Readings:
    """The readings of a file that are possible.

    Args:
        truth: The annotated boxes, by image.
        found: The detections as they were read.
        categories: The numbering in which class ids were read.
    """

    def __init__(self, truth: Truth, found: Detections, categories: Categories) -> None:
        """Work out which class and image each other reading gives."""
        self.truth = truth
        self.found = found
        self.classes = _class_tables(truth, found, categories)
        self.images = _image_tables(truth, found)
        self.order = np.argsort(-found.scores, kind="stable")

    def single(self) -> Iterator[Reading]:
        """Yield the readings that change one thing."""
        yield from (Reading(classes=name) for name in self.classes)
        yield from (Reading(images=name) for name in self.images)
        yield from (Reading(boxes=name) for name in self.layouts())

    def double(self) -> Iterator[Reading]:
        """Yield the readings that change two things or three."""
        for parts in product(["", *self.layouts()], ["", *self.classes], ["", *self.images]):
            if sum(map(bool, parts)) > 1:
                yield Reading(*parts)

    def layouts(self) -> list[str]:
        """Name the layouts that boxes may be in, but for the right one."""
        return [*LAYOUTS, *(SHARES + name for name in LAYOUTS)][1:]

    def fit(self, reading: Reading) -> Fit:
        """Measure a reading on the detections that it changes, beside what the same ones match as they were read."""
        found = self.found
        cls = self.classes[reading.classes][found.cls] if reading.classes else found.cls
        image = self.images[reading.images][found.image] if reading.images else found.image
        changed = np.ones(len(image), dtype=np.bool_) if reading.boxes else (cls != found.cls) | (image != found.image)
        which = self.order[changed[self.order]][: min(SAMPLE, max(len(self.truth.image), 1))]
        before = found.take(which)
        after = replace(before, cls=cls[which], image=image[which])
        if reading.boxes:
            after = replace(after, boxes=self._boxes(reading.boxes, before.boxes, self.truth.sizes[after.image]))
        return Fit(reading, hits(self.truth, after), hits(self.truth, before), len(which))

    def _boxes(self, layout: str, boxes: Floats, sizes: Ints) -> Floats:
        """Bring boxes of a layout to left, top, width, height in pixels."""
        read = LAYOUTS[layout.removeprefix(SHARES)]
        return read(boxes) * (np.tile(sizes, 2) if layout.startswith(SHARES) else 1)


def hits(truth: Truth, found: Detections) -> int:
    """Count the boxes that a detection of their class matches at IoU 0.5; crowds don't count.

    Args:
        truth: The boxes, images ascending.
        found: The detections; those of image or class -1 match nothing.
    """
    first = np.searchsorted(truth.image, found.image)
    count = np.searchsorted(truth.image, found.image, side="right") - first
    who = np.repeat(np.arange(len(first)), count)
    what = np.arange(len(who)) + np.repeat(first - (np.cumsum(count) - count), count)
    same = (found.cls[who] == truth.cls[what]) & ~truth.crowd[what]
    who, what = who[same], what[same]
    one, other = found.boxes[who], truth.boxes[what]
    ends = np.minimum(one[:, :2] + one[:, 2:], other[:, :2] + other[:, 2:])
    inside = np.maximum(ends - np.maximum(one[:, :2], other[:, :2]), 0).prod(axis=1)
    union = np.maximum(one[:, 2:], 0).prod(axis=1) + other[:, 2:].prod(axis=1) - inside
    return len(np.unique(what[(inside >= OVERLAP * union) & (inside > 0)]))


def _class_tables(truth: Truth, found: Detections, categories: Categories) -> dict[str, Ints]:
    """Map classes to those of other numberings in which all ids of the file exist; and to their neighbours."""
    every = numberings(truth)
    used = set(np.unique(found.cls).tolist())
    ids = {cls: own for own, cls in every[categories].items()}
    tables = {}
    for numbering, known in every.items():
        if known != every[categories] and all(ids[cls] in known for cls in used):
            tables[f"categories={numbering}"] = _table(
                {cls: known.get(own, NONE) for cls, own in ids.items()}, truth.names
            )
    for name, step in SHIFTS.items():
        moved = {cls: cls + step for cls in range(len(truth.names)) if 0 <= cls + step < len(truth.names)}
        if used & moved.keys():
            tables[f"class {name}"] = _table(moved, truth.names)
    return tables


def _image_tables(truth: Truth, found: Detections) -> dict[str, Ints]:
    """Map images to those that their ids name when read as numbers in file names, or one higher or lower."""
    stems = [number(PureWindowsPath(file).stem) for file in truth.files]  # slashes of either kind
    ids = [number(own) for own in truth.ids] if truth.ids else stems
    by_id = {own: place for place, own in enumerate(ids) if own is not None}
    tables = {}
    if truth.ids:
        by_stem = {own: place for place, own in enumerate(stems) if own is not None}
        named = {place: by_stem.get(own, NONE) for place, own in enumerate(ids) if own is not None}
        if all(named.get(place, NONE) != NONE for place in np.unique(found.image).tolist()):
            tables["image_id as the number in file names"] = _table(named, ids)
    for name, step in SHIFTS.items():
        moved = {place: by_id[own + step] for place, own in enumerate(ids) if own is not None and own + step in by_id}
        if moved:
            tables[f"image {name}"] = _table(moved, ids)
    return tables


def _table(entries: Mapping[int, int], of: Sequence[object]) -> Ints:
    """Write a mapping as an array that is indexed by class or image."""
    return np.array([entries.get(place, NONE) for place in range(len(of))], dtype=np.int64)
