"""Which detections of a run are right, and which boxes it misses, in a few images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auxhead.errors import DataError
from auxhead.metrics.closeness import overlap, pairs
from auxhead.metrics.detections import Detections, scene
from auxhead.metrics.matching import NONE, greedy
from auxhead.metrics.mistakes import HALF
from auxhead.metrics.results_file import read_json
from auxhead.metrics.truth import Bools, Truth


@dataclass(frozen=True, eq=False)
class Judged:
    """One run's detections beside the truth, in the images of the truth. k detections, m boxes.

    Attributes:
        truth: The boxes, sorted by image and class.
        found: The detections.
        right: Whether a detection found a box, shape (k,).
        missed: Whether a box was not found, shape (m,).
    """

    truth: Truth
    found: Detections
    right: Bools
    missed: Bools


def judge(truth: Truth, found: Detections) -> Judged:
    """Match detections to boxes at IoU 0.5, as `auxhead.metrics.mistakes` counts what is found.

    Args:
        truth: The boxes.
        found: Detections from the score on at which mistakes are counted.
    """
    both = scene(truth, found, len(found.image) + 1)
    crowd = both.truth.crowd
    near = pairs(both, overlap, HALF)
    chosen = greedy(near, len(both.found.image), np.array([HALF]), free=crowd, last=crowd)[:, 0]
    right = chosen != NONE
    missed = ~crowd
    missed[chosen[right]] = False
    return Judged(both.truth, both.found, right, missed)


def read_some(path: Path, places: Mapping[str, int], classes: int, score: float | None) -> Detections:
    """Read the predictions of a few images.

    Args:
        path: A file that `auxhead.metrics.results_file.to_json` has made.
        places: Number of each image by its `file_name`; rows of other images are passed over.
        classes: Number of classes.
        score: Lowest score; None keeps no detection.

    Raises:
        DataError: The file is missing, or holds something else.
    """
    expected = "predictions of auxhead evaluate"
    rows = read_json(path, expected)
    try:
        kept = [row for row in rows if score is not None and row["score"] >= score and row["file_name"] in places]
        cls = np.array([row["category_id"] for row in kept], dtype=np.int64)
        boxes = np.array([row["bbox"] for row in kept], dtype=np.float64).reshape(len(kept), 4)
        scores = np.array([row["score"] for row in kept], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(expected, f"{type(error).__name__}: {error}", str(path), "evaluate the run again") from error
    if ((cls < 0) | (cls >= classes)).any():
        raise DataError(expected, f"a class beyond {classes - 1}", str(path), "evaluate the run again")
    return Detections(np.array([places[row["file_name"]] for row in kept], dtype=np.int64), cls, boxes, scores)
