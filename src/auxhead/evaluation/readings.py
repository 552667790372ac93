"""Other readings of a results file - of its boxes, class ids and image ids - and how well each matches the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from auxhead.evaluation.box_readings import FEW, LAYOUTS, SHARES, UNITS, to_pixels
from auxhead.evaluation.id_readings import class_tables, image_tables
from auxhead.metrics.detections import Detections, Indices
from auxhead.metrics.results.categories import Categories
from auxhead.metrics.truth import Truth

OVERLAP = 0.5  # IoU at which a detection matches a box. Source: pycocotools, the first of Params.iouThrs
SAMPLE = 1000  # best-scored detections looked at: enough to tell readings apart, quick for any file. Source: own choice
POOL = 20 * SAMPLE  # best-scored detections among which those are looked for. Source: own choice
PIXEL = 1.0  # a box that moves by less is the same box


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
        self.classes = class_tables(truth, found, categories)
        self.images = image_tables(truth, found)
        self.order = np.argsort(-found.scores, kind="stable")

    def single(self) -> Iterator[Reading]:
        """Yield the readings that change one thing."""
        yield from (Reading(classes=name) for name in self.classes)
        yield from (Reading(images=name) for name in self.images)
        yield from (Reading(boxes=name) for name in (*self.layouts(), *self.scaled()))

    def double(self) -> Iterator[Reading]:
        """Yield the readings that change two things or three."""
        for parts in product(["", *self.layouts()], ["", *self.classes], ["", *self.images]):
            if sum(map(bool, parts)) > 1:
                yield Reading(*parts)

    def layouts(self) -> list[str]:
        """Name the layouts that boxes may be in, but for the right one."""
        return [*LAYOUTS, *(SHARES + name for name in LAYOUTS)][1:]

    def scaled(self) -> list[str]:
        """Name the layouts in units that are tried alone, as there are many."""
        return [unit + name for unit in UNITS if unit != SHARES for name in FEW]

    def fit(self, reading: Reading) -> Fit:
        """Measure a reading on the detections that it changes, beside what the same ones match as they were read."""
        most = min(SAMPLE, max(len(self.truth.image), 1))
        before, after, changed = self._read(reading, self.order[:POOL])
        if len(changed) < most and not reading.boxes:  # it may change rare classes or images only
            before, after, changed = self._read(reading, self.order)
        before, after = (one.take(changed[:most]) for one in (before, after))
        return Fit(reading, hits(self.truth, after), hits(self.truth, before), len(before.image))

    def _read(self, reading: Reading, which: Indices) -> tuple[Detections, Detections, Indices]:
        """Return some detections as they were read, in another reading, and the places of those that it changes."""
        before = self.found.take(which)
        cls = self.classes[reading.classes][before.cls] if reading.classes else before.cls
        image = self.images[reading.images][before.image] if reading.images else before.image
        changed = (cls != before.cls) | (image != before.image)
        after = replace(before, cls=cls, image=image)
        if reading.boxes:
            after = replace(after, boxes=to_pixels(reading.boxes, before.boxes, self.truth.sizes[image]))
            changed |= np.abs(after.boxes - before.boxes).max(axis=1, initial=0) >= PIXEL
        return before, after, np.flatnonzero(changed)


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
