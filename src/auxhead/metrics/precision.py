"""Average precision and recall from a matching, for any weights of the images.

An image's weight is how often it counts: 1 in a plain evaluation, the number of times it was drawn in a resample.
Rows of weights are evaluated side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from auxhead.metrics.detections import Scene
from auxhead.metrics.matching import Matching
from auxhead.metrics.truth import Ints

Weights = npt.NDArray[np.floating[Any]]

# Source: pycocotools, cocoeval.py, Params.
RECALLS = np.linspace(0.0, 1.0, 101)
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
FAR = float(2**32)  # more than any number of boxes; float64 stays exact to a million times that


def boxes_by_class(scene: Scene, matching: Matching, weights: Weights) -> Weights:
    """Count the boxes that can be found, of each class.

    Args:
        scene: Truth and detections.
        matching: Tells which boxes count.
        weights: Shape (r, n).

    Returns:
        Shape (r, C).
    """
    return weights @ _by_image(scene, scene.truth.image, scene.truth.cls, matching.counted).astype(weights.dtype)


def average_precision(scene: Scene, matching: Matching, weights: Weights) -> Weights:
    """Return COCO's average precision of each class at each threshold.

    Args:
        scene: Truth and detections.
        matching: At T thresholds.
        weights: Shape (r, n).

    Returns:
        Shape (r, C, T), 0 to 1; NaN where a class has no box that counts.

    Source:
        pycocotools, cocoeval.py, accumulate: the mean over 101 recalls of the best precision at that recall or beyond.
        Only its places of right detections are computed, as precision falls between them.
    """
    boxes = boxes_by_class(scene, matching, weights)
    found = np.full((*boxes.shape, matching.hit.shape[1]), np.nan, dtype=weights.dtype)
    bounds = np.searchsorted(scene.found.cls[scene.order], np.arange(boxes.shape[1] + 1))
    for cls in range(boxes.shape[1]):
        rows = boxes[:, cls] > 0
        if rows.any():
            ranked = scene.order[bounds[cls] : bounds[cls + 1]]
            found[rows, cls] = _class_precision(scene, matching, ranked, weights[rows], boxes[rows, cls])
    return found


def recall(scene: Scene, matching: Matching, weights: Weights, first: int | None = None) -> Weights:
    """Return the share of boxes that are found, of each class at each threshold.

    Args:
        scene: Truth and detections.
        matching: At T thresholds.
        weights: Shape (r, n).
        first: Count only that many best detections of a class in an image, as COCO's `maxDets`; None: all.

    Returns:
        Shape (r, C, T), 0 to 1; NaN where a class has no box that counts.
    """
    boxes = boxes_by_class(scene, matching, weights)
    kept = scene.rank < (np.inf if first is None else first)
    hits = [
        weights @ _by_image(scene, scene.found.image, scene.found.cls, kept & hit).astype(weights.dtype)
        for hit in matching.hit.T
    ]
    return _divide(np.stack(hits, axis=-1), boxes[..., None])


def recall_at_false_positives(scene: Scene, matching: Matching, weights: Weights, per_image: float = 1.0) -> Weights:
    """Return the share of all boxes that are found while at most so many detections an image are wrong.

    Args:
        scene: Truth and detections.
        matching: At one threshold.
        weights: Shape (r, n).
        per_image: Wrong detections an image, all classes together.

    Returns:
        Shape (r,), 0 to 1; NaN without boxes that count. Detections of equal score are taken together or not at all.

    Source:
        The free-response operating characteristic, at one place.
    """
    boxes = boxes_by_class(scene, matching, weights).sum(axis=1)
    kept = np.flatnonzero(~matching.ignored[:, 0])
    ranked = kept[np.argsort(-scene.found.scores[kept], kind="stable")]
    scores, hit = scene.found.scores[ranked], matching.hit[ranked, 0]
    ends = np.flatnonzero(np.r_[scores[1:] != scores[:-1], True]) if len(ranked) else np.empty(0, dtype=np.int64)
    each = weights[:, scene.found.image[ranked]]
    wrong = np.cumsum(np.where(hit, 0, each), axis=1)[:, ends]
    right = np.cumsum(np.where(hit, each, 0), axis=1)[:, ends]
    reached = (wrong <= per_image * weights.sum(axis=1, keepdims=True)).sum(axis=1)  # wrong only grows
    found = np.take_along_axis(np.concatenate([np.zeros_like(boxes[:, None]), right], axis=1), reached[:, None], axis=1)
    return _divide(found[:, 0], boxes)


def _by_image(scene: Scene, image: Ints, cls: Ints, which: npt.NDArray[np.bool_]) -> Ints:
    """Count by image and class, shape (n, C)."""
    n, classes = len(scene.truth.files), len(scene.truth.names)
    counts: Ints = np.bincount((image * classes + cls)[which], minlength=n * classes).reshape(n, classes)
    return counts


def _divide(part: Weights, whole: Weights) -> Weights:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _class_precision(scene: Scene, matching: Matching, ranked: Ints, weights: Weights, boxes: Weights) -> Weights:
    """Average precision of one class, shape (r, T); every row has boxes."""
    hit, kept = matching.hit[ranked], ~matching.ignored[ranked]
    image = scene.found.image[ranked]
    needed = _needed(boxes)
    everything = np.cumsum(weights[:, image], axis=1) if kept.all() else None
    columns = []
    for own_hit, own_kept in zip(hit.T, kept.T, strict=True):
        right = np.flatnonzero(own_hit)
        if not len(right):
            columns.append(np.zeros(len(weights), dtype=weights.dtype))
            continue
        true = np.cumsum(weights[:, image[right]], axis=1)
        if everything is None:
            shown = np.flatnonzero(own_kept[: right[-1] + 1])
            seen = np.cumsum(weights[:, image[shown]], axis=1)[:, np.searchsorted(shown, right)]
        else:
            seen = everything[:, right]
        precision = np.divide(true, seen, out=np.zeros_like(true), where=seen > 0)
        np.maximum.accumulate(precision[:, ::-1], axis=1, out=precision[:, ::-1])
        columns.append(_interpolate(precision, true, needed))
    return np.stack(columns, axis=1)


def _needed(boxes: Weights) -> npt.NDArray[np.float64]:
    """Return how many boxes must be found for each of COCO's recalls, shape (r, 101), by its own comparison."""
    whole = boxes.astype(np.float64)[:, None]
    count = np.ceil(RECALLS * whole - 1e-6)
    return np.where(count / whole < RECALLS, count + 1, count)


def _interpolate(precision: Weights, true: Weights, needed: npt.NDArray[np.float64]) -> Weights:
    """Average the best precision at or beyond each recall, which is 0 beyond the last one reached."""
    rows, length = true.shape
    apart = (np.arange(rows) * FAR)[:, None]  # so that one sorted search serves all rows
    places = np.searchsorted((true + apart).ravel(), (needed + apart).ravel()).reshape(needed.shape)
    places -= (np.arange(rows) * length)[:, None]
    padded = np.concatenate([precision, np.zeros((rows, 1), dtype=precision.dtype)], axis=1)
    total: Weights = np.take_along_axis(padded, np.minimum(places, length), axis=1).sum(axis=1)
    return total / len(RECALLS)
