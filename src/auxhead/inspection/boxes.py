"""What the boxes of a split are like: pure functions on arrays, and the plain data they give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from auxhead.metrics.truth import Bools, Floats, Truth, network_scale

EDGES = (0, 2, 4, 8, 16, 32, 64, 96)
"""Lower edges of the size bands, pixels of the network input. Source: powers of two, which are the strides of P1 to P6;
96 is where COCO's large objects begin."""
STRIDES = (4, 8, 16, 32)
"""Pixels a grid cell of the levels P2 to P5."""
BORDER = 1.0  # pixels of the original image within which a box counts as cut off. Source: own choice, labels' rounding


@dataclass(frozen=True)
class Sizes:
    """How large boxes are: the side sqrt(width x height) in pixels of the network input. None where there is no box.

    Attributes:
        bands: Boxes in each half-open band, "0-2" to ">=96".
        below_stride: Share of boxes smaller than one grid cell, by stride ("4", "8", "16", "32"), 0 to 1.
        p10: 10th percentile.
        p25: Lower quartile.
        median: Median.
        p75: Upper quartile.
        mean: Mean.
    """

    bands: Mapping[str, int]
    below_stride: Mapping[str, float | None]
    p10: float | None
    p25: float | None
    median: float | None
    p75: float | None
    mean: float | None


def sides(truth: Truth) -> Floats:
    """Return sqrt(width x height) of each box, shape (m,), in the pixels of `truth`."""
    square: Floats = np.sqrt(truth.boxes[:, 2] * truth.boxes[:, 3])
    return square


def at_imgsz(truth: Truth, imgsz: int) -> Truth:
    """Return the boxes as large as the network sees them, without augmentation and still without padding."""
    return truth.scaled(network_scale(truth.sizes, imgsz))


def measure(sides_net: Floats) -> Sizes:
    """Sum up sides.

    Args:
        sides_net: Sides of the boxes, shape (m,), pixels of the network input, at least 0. m = 0 gives zeros and Nones.
    """
    counts, _ = np.histogram(sides_net, [*EDGES, np.inf])
    labels = [f"{low}-{high}" for low, high in pairwise(EDGES)] + [f">={EDGES[-1]}"]
    bands = dict(zip(labels, counts.tolist(), strict=True))
    if not len(sides_net):
        return Sizes(bands, {str(stride): None for stride in STRIDES}, None, None, None, None, None)
    below = {str(stride): float((sides_net < stride).mean()) for stride in STRIDES}
    p10, p25, median, p75 = np.percentile(sides_net, [10, 25, 50, 75]).tolist()
    return Sizes(bands, below, p10, p25, median, p75, float(sides_net.mean()))


def truncated(truth: Truth) -> Bools:
    """Say which boxes come within one pixel of a border of their image, shape (m,).

    Args:
        truth: Boxes in pixels of the original images. Boxes beyond the border count too.
    """
    left, top, width, height = truth.boxes.T
    right, bottom = truth.sizes[truth.image].T - [[BORDER], [BORDER]]
    touching: Bools = (left <= BORDER) | (top <= BORDER) | (left + width >= right) | (top + height >= bottom)
    return touching


def counts_from_one(truths: Iterable[Truth]) -> bool:
    """Say whether class ids look as if they were counted from 1: no box has id 0, and each other id has one.

    Args:
        truths: The splits of a data set. Of a single class nothing can be said.
    """
    counts = [np.bincount(truth.cls, minlength=len(truth.names)) for truth in truths]
    total = np.sum(counts, axis=0)
    return len(total) > 1 and not total[0] and bool((total[1:] > 0).all())


def disagreeing(truth: Truth) -> Bools:
    """Say which boxes stand at exactly the same place as one of another class in their image, shape (m,)."""
    if not len(truth.cls):
        return np.zeros(0, dtype=np.bool_)
    places = np.column_stack((truth.image, truth.boxes))
    place = np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)  # numpy 2.0 gives it another shape
    kinds = np.unique(np.column_stack((place, truth.cls)), axis=0)[:, 0]  # once for each class of a place
    several: Bools = np.bincount(kinds)[place] > 1
    return several
