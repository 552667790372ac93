"""What a detector says: scored boxes in pixels, as flat arrays, beside the truth they are measured against."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from auxhead.metrics.truth import Bools, Floats, Truth

Indices = npt.NDArray[np.integer[Any]]
"""int32 where there may be millions; multiply as int64."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes that a detector found in the images of a Truth. k boxes.

    Attributes:
        image: Image of each box, shape (k,), an index into the truth's files.
        cls: Class of each box, shape (k,), an index into the truth's names.
        boxes: Left, top, width, height, shape (k, 4), pixels.
        scores: Confidence, shape (k,), at least 0.
        left_out: How many others of their file were on images that the truth leaves out.
    """

    image: Indices
    cls: Indices
    boxes: Floats
    scores: Floats
    left_out: int = 0

    def scaled(self, factors: Floats) -> Detections:
        """Return the same boxes in other pixels; factors by image, shape (n,)."""
        return replace(self, boxes=self.boxes * factors[self.image][:, None])

    def take(self, which: Indices | Bools) -> Detections:
        """Return some of them, by index or mask."""
        return Detections(self.image[which], self.cls[which], self.boxes[which], self.scores[which])


@dataclass(frozen=True, eq=False)
class Scene:
    """Truth and detections of the same images, both sorted by image and class, detections then by falling score.

    Attributes:
        truth: m boxes.
        found: k detections; equal scores keep their order, and each image has at most `max_det` of a class.
        rank: Place of each detection among those of its image and class, shape (k,), from 0.
        first: First box of the truth in the same image and of the same class as each detection, shape (k,).
        count: How many there are, shape (k,).
        order: Detections of all classes by class, then by falling score, then as they are; shape (k,).
    """

    truth: Truth
    found: Detections
    rank: Indices
    first: Indices
    count: Indices
    order: Indices


def scene(truth: Truth, found: Detections, max_det: int) -> Scene:
    """Sort truth and detections into what matching needs.

    Args:
        truth: The annotated boxes.
        found: The detections, in any order.
        max_det: Most detections kept of a class in an image, by score, as COCO's `maxDets`.
    """
    nc = len(truth.names)
    key = truth.image * nc + truth.cls
    sorting = np.argsort(key, kind="stable")
    key = key[sorting]
    truth = replace(
        truth,
        image=truth.image[sorting],
        cls=truth.cls[sorting],
        boxes=truth.boxes[sorting],
        areas=truth.areas[sorting],
        crowd=truth.crowd[sorting],
    )
    own = found.image.astype(np.int64) * nc + found.cls
    sorting = np.lexsort((-found.scores, own)).astype(np.int32)
    own = own[sorting]
    rank = (np.arange(len(own)) - np.searchsorted(own, own)).astype(np.int32)
    kept = rank < max_det
    if not kept.all():
        sorting, own, rank = sorting[kept], own[kept], rank[kept]
    first = np.searchsorted(key, own).astype(np.int32)
    count = np.searchsorted(key, own, side="right").astype(np.int32) - first
    del own, key
    found = found.take(sorting)
    del sorting
    order = np.lexsort((-found.scores, found.cls)).astype(np.int32)
    return Scene(truth=truth, found=found, rank=rank, first=first, count=count, order=order)
