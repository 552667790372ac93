"""Every headline number of one detector, for any weights of the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from auxhead.metrics.bands import ALL, Band
from auxhead.metrics.closeness import Closeness, Pairs, center_pixels, center_sizes, nwd, overlap, pairs
from auxhead.metrics.detections import Detections, Scene, scene
from auxhead.metrics.matching import Matching, match
from auxhead.metrics.precision import (
    IOU_THRESHOLDS,
    Weights,
    average_precision,
    boxes_by_class,
    recall,
    recall_at_false_positives,
)
from auxhead.metrics.truth import Floats, Truth

Numbers = dict[tuple[str, str], Weights]
"""By band and measure; one value for each row of weights."""


@dataclass(frozen=True)
class Setup:
    """What is measured.

    Attributes:
        bands: Bands of sizes; a band of everything comes first by itself.
        max_det: Most detections of a class in an image, as COCO's `maxDets`.
        recalls: Numbers of detections below `max_det` to give the average recall at as well.
        distances: Thresholds of center-distance AP, in sizes of the true box.
        distances_px: The same in pixels.
        nwd: Constant of the Wasserstein distance, pixels.
    """

    bands: tuple[Band, ...]
    max_det: int
    recalls: tuple[int, ...]
    distances: tuple[float, ...]
    distances_px: tuple[float, ...]
    nwd: float

    @property
    def every_band(self) -> tuple[Band, ...]:
        """Everything first, then the bands."""
        return (ALL, *self.bands)


@dataclass(frozen=True, eq=False)
class Matched:
    """One detector, matched by every measure of closeness.

    Attributes:
        scene: Truth and detections.
        setup: What is measured.
        overlaps: Candidates that overlap by half at least.
        centers: Candidates by distance in sizes.
        by_overlap: By band, at COCO's ten thresholds.
        by_center: By band, at `setup.distances`.
        by_pixels: Of all sizes, at `setup.distances_px`.
        by_nwd: Of all sizes, at COCO's ten thresholds.
    """

    scene: Scene
    setup: Setup
    overlaps: Pairs
    centers: Pairs
    by_overlap: Mapping[str, Matching]
    by_center: Mapping[str, Matching]
    by_pixels: Matching
    by_nwd: Matching


def match_all(truth: Truth, found: Detections, setup: Setup) -> Matched:
    """Match detections to boxes by overlap, by distance and by Wasserstein distance, in all bands."""
    both = scene(truth, found, setup.max_det)
    del found  # sorted anew; there may be millions

    def near(closeness: Closeness, thresholds: Floats) -> Pairs:
        return pairs(both, closeness, float(thresholds.min(initial=np.inf)))

    sizes, pixels = -np.array(setup.distances, dtype=float), -np.array(setup.distances_px, dtype=float)
    overlaps, centers = near(overlap, IOU_THRESHOLDS), near(center_sizes, sizes)
    return Matched(
        scene=both,
        setup=setup,
        overlaps=overlaps,
        centers=centers,
        by_overlap={band.name: match(both, overlaps, IOU_THRESHOLDS, *band.areas) for band in setup.every_band},
        by_center={band.name: match(both, centers, sizes, *band.areas) for band in setup.every_band},
        by_pixels=match(both, near(center_pixels, pixels), pixels),
        by_nwd=match(both, near(nwd(setup.nwd), IOU_THRESHOLDS), IOU_THRESHOLDS),
    )


def numbers(matched: Matched, weights: Weights) -> Numbers:
    """Measure a detector.

    Args:
        matched: The detector.
        weights: How often each image counts, shape (r, n).

    Returns:
        By band and measure, shape (r,) each, 0 to 1; NaN where there is no box. AP, AP50, AP75, AR@max_det and the
        recall at one false positive an image by overlap; center_AP (mean over the distances) for every band; each
        distance, and NWD_AP, over all sizes. All but the recall at false positives are means over the classes that have
        boxes, as in COCO.
    """
    both, setup = matched.scene, matched.setup
    found: Numbers = {}
    for band in setup.every_band:
        own = matched.by_overlap[band.name]
        precision = average_precision(both, own, weights)
        found[band.name, "AP"] = mean(precision)
        found[band.name, "AP50"] = mean(precision[..., :1])
        if band is ALL:
            found[band.name, "AP75"] = mean(precision[..., 5:6])
        for count in setup.recalls if band is ALL else ():
            found[band.name, f"AR@{count}"] = mean(recall(both, own, weights, count))
        found[band.name, f"AR@{setup.max_det}"] = mean(recall(both, own, weights))
        found[band.name, "recall@1FPPI"] = recall_at_false_positives(both, own, weights)
        centers = average_precision(both, matched.by_center[band.name], weights)
        found[band.name, "center_AP"] = mean(centers)
        if band is ALL:
            for place, distance in enumerate(setup.distances):
                found[band.name, f"center_AP@{distance:g}"] = mean(centers[..., place : place + 1])
    pixels = average_precision(both, matched.by_pixels, weights)
    for place, distance in enumerate(setup.distances_px):
        found[ALL.name, f"center_AP@{distance:g}px"] = mean(pixels[..., place : place + 1])
    found[ALL.name, "NWD_AP"] = mean(average_precision(both, matched.by_nwd, weights))
    return found


def point_numbers(matched: Matched) -> Numbers:
    """Measure a detector on the images as they are: `numbers` with a single row."""
    return numbers(matched, np.ones((1, len(matched.scene.truth.files))))


def without_bands(matched: Matched) -> Matched:
    """Let go of the matchings of the bands, when their numbers are known: there may be millions of detections."""
    overlaps, centers = ({ALL.name: by[ALL.name]} for by in (matched.by_overlap, matched.by_center))
    return replace(matched, by_overlap=overlaps, by_center=centers)


def boxes_in_bands(matched: Matched) -> dict[str, int]:
    """Count the boxes that can be found in each band."""
    return {name: int(own.counted.sum()) for name, own in matched.by_overlap.items()}


def boxes_of_classes(matched: Matched) -> Sequence[int]:
    """Count the boxes that can be found of each class."""
    own = matched.by_overlap[ALL.name]
    counts: list[int] = boxes_by_class(matched.scene, own, np.ones((1, len(matched.scene.truth.files))))[0].tolist()
    return [int(count) for count in counts]


def mean(values: Weights) -> Weights:
    """Average over classes and thresholds, leaving out classes without boxes; shape (r, C, T) gives (r,)."""
    there = ~np.isnan(values)
    count = there.sum(axis=(1, 2))
    total = np.where(there, values, 0).sum(axis=(1, 2))
    average: Weights = np.divide(total, count, out=np.full(len(values), np.nan, dtype=values.dtype), where=count > 0)
    return average
