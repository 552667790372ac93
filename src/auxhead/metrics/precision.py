"""Average precision and recall from a matching, for any weights of the images.

An image's weight is how often it counts: 1 in a plain evaluation, the number of times it was drawn in a resample.
Rows of weights are evaluated side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from auxhead.metrics.detections import Indices, Scene
from auxhead.metrics.matching import Matching
from auxhead.metrics.truth import Bools, Ints

Weights = npt.NDArray[np.floating[Any]]

# Source: pycocotools, cocoeval.py, Params.
RECALLS = np.linspace(0.0, 1.0, 101)
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
CELLS = 2**17  # weights looked at side by side: some arrays of them fit a core's cache. Source: measured
FLAGS = 2**24  # verdicts unpacked side by side: bounds the memory. Source: own choice
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
    found = np.full((*boxes.shape, matching.hits.columns), np.nan, dtype=weights.dtype)
    bounds = np.searchsorted(scene.found.cls[scene.order], np.arange(boxes.shape[1] + 1))
    for columns in _blocks(found.shape[2], len(scene.order), FLAGS):
        places = range(*columns.indices(found.shape[2]))
        flags = [(matching.hits.at(place), ~matching.ignores.at(place)) for place in places]
        for cls in np.flatnonzero((boxes > 0).any(axis=0)):
            rows = boxes[:, cls] > 0
            ranked = scene.order[bounds[cls] : bounds[cls + 1]]
            image = scene.found.image[ranked]
            for some in _blocks(len(places), len(ranked)):
                verdicts = [(hit[ranked], kept[ranked]) for hit, kept in flags[some]]
                found[rows, cls, places[some].start : places[some].stop] = _class_precision(
                    verdicts, image, weights[rows], boxes[rows, cls]
                )
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
        for hit in map(matching.hits.at, range(matching.hits.columns))
    ]
    return _divide(np.stack(hits, axis=-1), boxes[..., None])


def recall_at_false_positives(scene: Scene, matching: Matching, weights: Weights, per_image: float = 1.0) -> Weights:
    """Return the share of all boxes that are found while at most so many detections an image are wrong.

    Args:
        scene: Truth and detections.
        matching: Its first threshold counts.
        weights: Shape (r, n).
        per_image: Wrong detections an image, all classes together.

    Returns:
        Shape (r,), 0 to 1; NaN without boxes that count. Detections of equal score are taken together or not at all.

    Source:
        The free-response operating characteristic, at one place.
    """
    boxes = boxes_by_class(scene, matching, weights).sum(axis=1)
    kept = np.flatnonzero(~matching.ignores.at(0)).astype(np.int32)
    ranked = kept[np.argsort(-scene.found.scores[kept], kind="stable")]
    del kept  # there may be millions
    falling, hit, image = -scene.found.scores[ranked], matching.hits.at(0)[ranked], scene.found.image[ranked]
    found = np.zeros_like(boxes)
    for rows in _blocks(len(weights), len(ranked)):
        each = np.take(weights[rows], image, axis=1)
        wrong = np.where(hit, 0, each)
        np.cumsum(wrong, axis=1, out=wrong)  # it only grows
        for row, (own, most) in enumerate(zip(wrong, per_image * weights[rows].sum(axis=1), strict=True)):
            reached = int(np.searchsorted(own, most, side="right"))
            if reached < len(falling):  # all of one score, or none of them
                reached = int(np.searchsorted(falling, falling[reached]))
            found[rows.start + row] = each[row, :reached][hit[:reached]].sum()
    return _divide(found, boxes)


def _by_image(scene: Scene, image: Indices, cls: Indices, which: npt.NDArray[np.bool_]) -> Ints:
    """Count by image and class, shape (n, C)."""
    n, classes = len(scene.truth.files), len(scene.truth.names)
    counts: Ints = np.bincount(image[which].astype(np.int64) * classes + cls[which], minlength=n * classes)
    return counts.reshape(n, classes)


def _divide(part: Weights, whole: Weights) -> Weights:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _class_precision(
    verdicts: Sequence[tuple[Bools, Bools]], image: Indices, weights: Weights, boxes: Weights
) -> Weights:
    """Average precision of one class, shape (r, T); every row has boxes.

    Args:
        verdicts: By threshold, whether its detections are right and whether they are kept; by falling score.
        image: Of each detection.
        weights: Shape (r, n).
        boxes: That can be found, shape (r,).
    """
    kept = [own for _, own in verdicts]
    rights = [np.flatnonzero(own) for own, _ in verdicts]
    starts = np.cumsum([0, *map(len, rights)])  # thresholds lie side by side
    every_right = np.concatenate([np.empty(0, dtype=np.int64), *rights])
    rights_image = image[every_right]
    if all(own.all() for own in kept):
        shown, places = [np.arange(len(image))], [every_right]
    else:
        shown = [np.flatnonzero(own) for own in kept]
        places = [np.searchsorted(one, right) for one, right in zip(shown, rights, strict=True)]
    images = [image[one[: place.max(initial=-1) + 1]] for one, place in zip(shown, places, strict=True)]
    found = np.zeros((len(weights), len(rights)), dtype=weights.dtype)
    for rows in _blocks(len(weights), max(len(rights_image), len(images[0]))) if len(rights_image) else ():
        own = weights[rows]
        true = np.take(own, rights_image, axis=1)
        for start, stop in pairwise(starts):
            np.cumsum(true[:, start:stop], axis=1, out=true[:, start:stop])
        seen = np.concatenate(
            [
                np.take(np.cumsum(np.take(own, one, axis=1), axis=1), place, axis=1)
                for one, place in zip(images, places, strict=True)
            ],
            axis=1,
        )
        precision = np.divide(true, np.maximum(seen, np.finfo(seen.dtype).tiny))
        found[rows] = _interpolate(precision, true, starts, _needed(boxes[rows]))
    return found


def _blocks(rows: int, columns: int, cells: int = CELLS) -> Iterator[slice]:
    """Divide rows so that there are few cells in them: by default those that stay in a core's cache."""
    step = max(cells // max(columns, 1), 1)
    return (slice(start, start + step) for start in range(0, rows, step))


def _needed(boxes: Weights) -> npt.NDArray[np.float64]:
    """Return how many boxes must be found for each of COCO's recalls, shape (r, 101), by its own comparison."""
    whole = boxes.astype(np.float64)[:, None]
    count = np.ceil(RECALLS * whole - 1e-6)
    return np.where(count / whole < RECALLS, count + 1, count)


def _interpolate(precision: Weights, true: Weights, starts: Ints, needed: npt.NDArray[np.float64]) -> Weights:
    """Average the best precision at or beyond each recall, which is 0 beyond the last one reached; shape (r, T)."""
    rows, length = true.shape
    thresholds = len(starts) - 1
    apart = np.arange(rows * thresholds).reshape(rows, thresholds) * FAR  # so that one sorted search serves all
    sought = needed[:, None] + apart[:, :, None]
    places = np.searchsorted((true + np.repeat(apart, np.diff(starts), axis=1)).ravel(), sought.ravel())
    # Each recall starts a stretch that ends where the next one starts, or the next threshold.
    best = np.maximum.reduceat(np.append(precision, precision.dtype.type(0)), places).reshape(sought.shape)
    ends = starts[1:] + np.arange(rows)[:, None] * length
    best[places.reshape(sought.shape) >= ends[:, :, None]] = 0
    backwards = best[:, :, ::-1]
    np.maximum.accumulate(backwards, axis=2, out=backwards)
    average: Weights = best.sum(axis=2) / len(RECALLS)
    return average
