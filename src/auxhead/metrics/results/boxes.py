"""Whether boxes can be left, top, width and height in pixels of their picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from auxhead.metrics.results.problems import BadRowError
from auxhead.metrics.truth import Bools, Floats, Ints

OUTSIDE = 0.1  # of the longer side, beyond the image: no detector puts a box there. Source: own choice
MANY = 0.3  # of all boxes may end there; of corners read as sizes two in three do. Source: own choice, simulated
MOST = 0.9  # of all boxes: nearly all. Source: own choice
STRAY = 0.02  # of the boxes may lie outside of their picture, whole: more, and sizes are wrong. Source: own choice
SPECK = 2.0  # pixels: a box whose longer side is below can't be told from a share of the picture. Source: own choice
OTHER = "predict on the images of this data set and split, and write pixels of the original images"
WRITE = "write bbox as [left, top, width, height] and a score of at least 0"


def read_box(value: Any, score: float) -> list[float]:
    """Read a box of [left, top, width, height], pixels; one that can't be right in any picture is refused.

    Args:
        value: What a row says: a text or an object of four can be gone through, too, but is no box.
        score: Confidence.

    Raises:
        BadRowError: Not a list of four finite numbers, or a negative side or score.
        TypeError, ValueError, OverflowError: Not numbers.
    """
    if not isinstance(value, (list, tuple)):
        raise BadRowError(f"expected a list of four numbers in bbox, found {value!r:.80}", WRITE)
    box = [float(number) for number in value]
    if len(box) != 4:
        raise BadRowError(f"expected four numbers in bbox, found {len(box)}", WRITE)
    if not all(map(math.isfinite, box)) or min(box[2:]) < 0:
        found = f"expected finite numbers with width and height of at least 0 in bbox, found {list(box)}"
        raise BadRowError(found, WRITE)
    if not math.isfinite(score) or score < 0:
        raise BadRowError(f"expected a score of at least 0, found {score}", WRITE)
    return box


def far_rows(boxes: Floats, sizes: Ints) -> dict[int, BadRowError]:
    """Find boxes that lie far outside of their picture, whole.

    Args:
        boxes: Left, top, width, height, shape (k, 4), pixels.
        sizes: Width and height of the picture of each, shape (k, 2), pixels.

    Returns:
        What is wrong, by place.
    """
    bad = {}
    for place in np.flatnonzero(lies_outside(boxes, sizes)).tolist():
        width, height = sizes[place].tolist()
        found = (
            f"bbox {boxes[place].tolist()} lies outside of its image of {width}x{height} pixels: of another data set?"
        )
        bad[place] = BadRowError(found, OTHER)
    return bad


def lies_outside(boxes: Floats, sizes: Ints) -> Bools:
    """Tell which boxes lie far outside of their picture, whole. Arguments and result are those of ends_outside."""
    beyond = np.maximum(boxes[:, :2] - sizes, -boxes[:, :2] - boxes[:, 2:]).max(axis=1, initial=-np.inf)
    found: Bools = beyond > OUTSIDE * sizes.max(axis=1, initial=0)
    return found


def strays(outside: Bools) -> int:
    """Count what lies_outside found; 0 where that is as little as slips are."""
    count = int(outside.sum())
    return count if count > max(1, STRAY * len(outside)) else 0


def ends_outside(boxes: Floats, sizes: Ints) -> Bools:
    """Tell which boxes end far beyond the right or lower side of their picture, as corners do that are read as sizes.

    Args:
        boxes: Left, top, width, height, shape (k, 4), pixels.
        sizes: Width and height of the picture of each, shape (k, 2), pixels.

    Returns:
        Shape (k,).

    Examples:
        >>> ends_outside(np.array([[50, 50, 20, 20], [50, 50, 70, 70.0]]), np.array([[100, 80]] * 2)).tolist()
        [False, True]
    """
    beyond = (boxes[:, :2] + boxes[:, 2:] - sizes).max(axis=1, initial=-np.inf)
    found: Bools = beyond > OUTSIDE * sizes.max(axis=1, initial=0)
    return found


def reaches_outside(boxes: Floats, sizes: Ints) -> Bools:
    """Tell which boxes end far beyond any side of their picture, as corners do that are read as center and size.

    Arguments and result are those of ends_outside.
    """
    beyond = (-boxes[:, :2]).max(axis=1, initial=-np.inf) > OUTSIDE * sizes.max(axis=1, initial=0)
    found: Bools = beyond | ends_outside(boxes, sizes)
    return found


def shares(boxes: Floats) -> bool:
    """Tell whether nearly all boxes are shares of the picture: no number above 1. Shape (k, 4); none: False."""
    return len(boxes) > 0 and float((boxes.max(axis=1) <= 1).mean()) >= MOST


def specks(boxes: Floats) -> int:
    """Count the boxes whose longer side is below two pixels, shape (k, 4), pixels."""
    return int((boxes[:, 2:].max(axis=1, initial=0) < SPECK).sum())
