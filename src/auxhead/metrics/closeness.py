"""How close a detection is to a box: overlap, distance of centers, Wasserstein distance. Higher is closer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auxhead.metrics.detections import Indices, Scene
from auxhead.metrics.truth import Bools, Floats

Closeness = Callable[[Floats, Floats, Bools], Floats]
"""Takes p detections and p boxes (shape (p, 4): left, top, width, height) and which of the boxes are crowds."""

PAIRS_AT_ONCE = 250_000  # bounds the memory to some 50 MB. Source: own choice


@dataclass(frozen=True, eq=False)
class Pairs:
    """Detections beside boxes of the truth that they may match. p pairs, sorted by detection.

    Attributes:
        found: Index of the detection, shape (p,).
        truth: Index of the box, shape (p,).
        closeness: How close they are, shape (p,).
    """

    found: Indices
    truth: Indices
    closeness: Floats

    def take(self, which: Bools) -> Pairs:
        """Return some of them."""
        return Pairs(self.found[which], self.truth[which], self.closeness[which])

    @cached_property
    def numbered(self) -> tuple[Indices, Pairs]:
        """The detections that have candidates, and the same pairs with these numbered from 0."""
        new = np.diff(self.found, prepend=-1) > 0
        return self.found[new], Pairs((np.cumsum(new) - 1).astype(np.int32), self.truth, self.closeness)

    @cached_property
    def in_turns(self) -> tuple[Indices, Indices]:
        """The turn of each pair, shape (p,); and the pairs by turn, detection, falling closeness and falling box.

        In a turn no two detections compete for a box. Detections that reach for the same box are linked; the turn of
        one is its place among the detections it is linked to through any chain, at most its place in the image.
        """
        turn = _turns(self.found, self.truth)
        return turn, np.lexsort((-self.truth, -self.closeness, self.found, turn)).astype(np.int32)


def overlap(found: Floats, truth: Floats, crowd: Bools) -> Floats:
    """Intersection over union; over a crowd, intersection over the detection's area. 0 to 1.

    Source:
        pycocotools, common/maskApi.c, bbIou, operation by operation.

    Examples:
        >>> found, truth = np.array([[0.0, 0, 4, 4]]), np.array([[2.0, 0, 4, 4]])
        >>> overlap(found, truth, np.array([False])).round(3).item(), overlap(found, truth, np.array([True])).item()
        (0.333, 0.5)
    """
    width = np.minimum(found[:, 0] + found[:, 2], truth[:, 0] + truth[:, 2]) - np.maximum(found[:, 0], truth[:, 0])
    height = np.minimum(found[:, 1] + found[:, 3], truth[:, 1] + truth[:, 3]) - np.maximum(found[:, 1], truth[:, 1])
    shared = np.where((width > 0) & (height > 0), width * height, 0.0)
    own = found[:, 2] * found[:, 3]
    union = np.where(crowd, own, own + truth[:, 2] * truth[:, 3] - shared)
    return np.divide(shared, union, out=np.zeros(len(shared)), where=union > 0)


def center_pixels(found: Floats, truth: Floats, crowd: Bools) -> Floats:
    """Minus the distance of the centers, pixels; 0 for a center inside a crowd, minus infinity outside of it.

    Source:
        Own definition (docs/evaluate.md). The crowd rule is COCO's, with the center for the box.

    Examples:
        >>> found, truth = np.array([[0.0, 0, 4, 4]]), np.array([[3.0, 4, 4, 4]])
        >>> center_pixels(found, truth, np.array([False])).item(), center_pixels(found, truth, np.array([True])).item()
        (-5.0, -inf)
    """
    offset = np.abs(found[:, :2] + found[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2)
    inside = np.where((offset <= truth[:, 2:] / 2).all(axis=1), 0.0, -np.inf)
    return np.where(crowd, inside, -np.hypot(offset[:, 0], offset[:, 1]))


def center_sizes(found: Floats, truth: Floats, crowd: Bools) -> Floats:
    """Minus the distance of the centers in sizes of the true box (square root of its area).

    A box without area is matched by its very center only.

    Source:
        Own definition (docs/evaluate.md).

    Examples:
        >>> center_sizes(np.array([[0.0, 0, 4, 4]]), np.array([[3.0, 4, 4, 4]]), np.array([False])).item()
        -1.25
    """
    pixels = center_pixels(found, truth, crowd)
    size = np.sqrt(truth[:, 2] * truth[:, 3])
    free = np.where(pixels == 0, 0.0, -np.inf)
    return np.where(crowd, pixels, np.divide(pixels, size, out=free, where=size > 0))


def nwd(constant: float) -> Closeness:
    """Make the normalized Wasserstein distance exp(-W2 / constant) of boxes seen as Gaussians. 0 to 1.

    Args:
        constant: Pixels, above 0.

    Source:
        Wang et al., "A Normalized Gaussian Wasserstein Distance for Tiny Object Detection" (2021), equations 6 to 8:
        a box is a Gaussian with its center as mean and diag(w²/4, h²/4) as covariance. Crowds: the center inside.

    Examples:
        >>> nwd(5.0)(np.array([[0.0, 0, 4, 4]]), np.array([[3.0, 4, 4, 4]]), np.array([False])).round(3).item()
        0.368
    """

    def closeness(found: Floats, truth: Floats, crowd: Bools) -> Floats:
        centers = (found[:, :2] + found[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2) ** 2
        sizes = ((found[:, 2:] - truth[:, 2:]) / 2) ** 2
        near: Floats = np.exp(-np.sqrt(centers.sum(axis=1) + sizes.sum(axis=1)) / constant)
        return np.where(crowd, np.exp(center_pixels(found, truth, crowd)), near)

    return closeness


def pairs(scene: Scene, closeness: Closeness, floor: float) -> Pairs:
    """List the pairs of the same image and class that are at least `floor` close.

    Args:
        scene: Truth and detections.
        closeness: The measure.
        floor: The lowest threshold that matters.
    """
    parts = []
    for found, truth in _candidates(scene.first, scene.count):
        near = closeness(scene.found.boxes[found], scene.truth.boxes[truth], scene.truth.crowd[truth])
        kept = near >= floor
        parts.append((found[kept].astype(np.int32), truth[kept].astype(np.int32), near[kept]))
    if not parts:
        return Pairs(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
    return Pairs(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _candidates(first: Indices, count: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Yield indices of detections and of all boxes beside them, a bounded number of pairs at a time."""
    ends = np.cumsum(count)
    start = 0
    while start < len(count):
        before = ends[start] - count[start]
        stop = max(int(np.searchsorted(ends, before + PAIRS_AT_ONCE, side="right")), start + 1)
        own = count[start:stop]
        found = np.repeat(np.arange(start, stop), own)
        within = np.arange(len(found)) - np.repeat(ends[start:stop] - own - before, own)
        yield found, first[found] + within
        start = stop


def _turns(found: Indices, truth: Indices) -> Indices:
    """Number the rounds in which detections choose; found is rising, and boxes are sorted by image and class."""
    if not len(found):
        return np.empty(0, dtype=np.int64)
    new = np.r_[True, found[1:] != found[:-1]]
    nth = np.cumsum(new) - 1  # of the detections that have candidates
    least = np.full(int(nth[-1]) + 1, np.iinfo(np.int64).max)
    most = np.full(int(nth[-1]) + 1, -1)
    np.minimum.at(least, nth, truth)
    np.maximum.at(most, nth, truth)
    # Where all later detections reach for later boxes only, nobody meets.
    reach, ahead = np.maximum.accumulate(most), np.minimum.accumulate(least[::-1])[::-1]
    fresh = np.r_[True, ahead[1:] > reach[:-1]]
    begins = np.flatnonzero(fresh)
    place = np.arange(len(least)) - begins[np.cumsum(fresh) - 1]
    turns: Indices = place[nth].astype(np.int32)
    return turns
