"""What the plots show, as plain arrays: precision by recall, boxes found by size."""

from __future__ import annotations

import numpy as np

from auxhead.metrics.bands import ALL
from auxhead.metrics.closeness import Pairs
from auxhead.metrics.detections import Scene
from auxhead.metrics.matching import NONE, Matching, greedy
from auxhead.metrics.measures import Matched
from auxhead.metrics.precision import IOU_THRESHOLDS, RECALLS
from auxhead.metrics.truth import Bools, Floats, Ints

SMALLEST = 0.5  # pixels; sizes below are drawn here, as a log axis has no 0. Source: own choice
STEPS = tuple(2.0**power for power in range(-4, 3))  # octaves that a bin of sizes may span


def precision_curve(scene: Scene, matching: Matching, place: int) -> Floats:
    """Return the best precision at or beyond each of COCO's recalls, as a mean over the classes that have boxes.

    Args:
        scene: Truth and detections.
        matching: At T thresholds.
        place: The threshold, 0 to T - 1.

    Returns:
        Shape (101,), 0 to 1, for recalls 0, 0.01, ..., 1; its mean is the average precision. NaN without boxes.

    Source:
        pycocotools, cocoeval.py, accumulate.
    """
    boxes = np.bincount(scene.truth.cls[matching.counted], minlength=len(scene.truth.names))
    hit, ignored = matching.hits.at(place), matching.ignores.at(place)
    curves = []
    for cls in np.flatnonzero(boxes):
        ranked = scene.order[scene.found.cls[scene.order] == cls]
        ranked = ranked[~ignored[ranked]]
        right = np.cumsum(hit[ranked])
        precision = right / np.arange(1, len(ranked) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        curves.append(np.append(best, 0.0)[np.searchsorted(right / boxes[cls], RECALLS)])
    return np.mean(curves, axis=0) if curves else np.full(len(RECALLS), np.nan)


def score_at_false_positives(scene: Scene, matching: Matching, place: int, per_image: float = 1.0) -> float:
    """Return the lowest score down to which at most so many detections an image are wrong.

    Args:
        scene: Truth and detections.
        matching: At T thresholds.
        place: The threshold, 0 to T - 1.
        per_image: Wrong detections an image, all classes together.

    Returns:
        The score; infinite where even the best detections are too many wrong ones. Detections of equal score are taken
        together or not at all, as in the recall at false positives.
    """
    kept = ~matching.ignores.at(place)
    scores, wrong = scene.found.scores[kept], ~matching.hits.at(place)[kept]
    levels, level = np.unique(-scores, return_inverse=True)  # the highest score first
    total = np.cumsum(np.bincount(level, weights=wrong, minlength=len(levels)))
    reached = int((total <= per_image * len(scene.truth.files)).sum())
    return float(-levels[reached - 1]) if reached else float("inf")


def found_boxes(matched: Matched, place: int | None = None) -> Bools:
    """Tell which boxes are found at one false positive an image, whatever its size.

    Args:
        matched: The detector.
        place: Which of the center distances makes a box found; None for an overlap of IoU 0.5.

    Returns:
        Shape (m,); crowds are never found.
    """
    both = matched.scene
    candidates, matching, threshold = _measure(matched, place)
    at = place or 0
    chosen = greedy(
        candidates, len(both.found.image), np.array([threshold]), free=both.truth.crowd, last=~matching.counted
    )[:, 0]
    shown = both.found.scores >= score_at_false_positives(both, matching, at)
    found = np.zeros(len(both.truth.image), dtype=np.bool_)
    found[chosen[shown & matching.hits.at(at) & (chosen != NONE)]] = True
    return found


def _measure(matched: Matched, place: int | None) -> tuple[Pairs, Matching, float]:
    if place is None:
        return matched.overlaps, matched.by_overlap[ALL.name], float(IOU_THRESHOLDS[0])
    return matched.centers, matched.by_center[ALL.name], -matched.setup.distances[place]


def box_sizes(matched: Matched) -> Floats:
    """Return the size that puts each box into its band, but at least SMALLEST; shape (m,), pixels."""
    sizes: Floats = np.maximum(np.sqrt(matched.scene.truth.areas), SMALLEST)
    return sizes


def size_edges(sizes: Floats, bins: int) -> Floats:
    """Choose edges of bins that are evenly spaced on a log axis; powers of two are edges, as far as bins go.

    Args:
        sizes: What shall lie in the bins, above 0, pixels; empty: some usual sizes are divided.
        bins: About how many bins there shall be.

    Returns:
        Rising edges from the smallest size or below to beyond the largest, two octaves apart at least.
    """
    low, high = np.log2([sizes.min(), sizes.max()]) if len(sizes) else (1.0, 5.0)
    low, high = min(low, (low + high) / 2 - 1), max(high, (low + high) / 2 + 1)
    step = min(STEPS, key=lambda one: abs((high - low) / one - bins))
    first, last = np.floor(low / step), np.floor(high / step) + 1
    edges: Floats = 2.0 ** (np.arange(first, last + 1) * step)
    return edges


def in_bins(sizes: Floats, edges: Floats, which: Bools) -> Ints:
    """Count some of the boxes by size.

    Args:
        sizes: Of all boxes, shape (m,), pixels.
        edges: Of the bins, as size_edges chooses them, shape (b + 1,).
        which: Boxes to count, shape (m,).

    Returns:
        Shape (b,).
    """
    bins = len(edges) - 1
    own = np.searchsorted(edges, sizes[which], side="right") - 1
    counts: Ints = np.bincount(np.clip(own, 0, bins - 1), minlength=bins)  # an edge may be a rounding error off
    return counts
