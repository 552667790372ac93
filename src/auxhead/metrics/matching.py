"""COCO's greedy matching, for any measure of closeness and many thresholds at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from auxhead.metrics.closeness import Pairs
from auxhead.metrics.detections import Indices, Scene
from auxhead.metrics.truth import Bools, Floats

NONE = -1
Matches = npt.NDArray[np.int32]


class Flags:
    """Yes or no for k detections at T thresholds, packed, as there may be millions: few of them differ by threshold.

    Args:
        rows: The detections that may, shape (r,), rising.
        answers: Of these, shape (r, T).
        others: Of all the others, at every threshold, shape (k,).

    Examples:
        >>> flags = Flags(np.array([1]), np.array([[True, False]]), np.array([True, False, False]))
        >>> flags.table().tolist(), flags.at(0).tolist()
        ([[True, True], [True, False], [False, False]], [True, True, False])
    """

    def __init__(self, rows: Indices, answers: Bools, others: Bools) -> None:
        """Pack them."""
        self.rows, self.columns = len(others), answers.shape[1]
        self._some = rows.astype(np.int32, copy=False)
        self._answers = np.packbits(answers, axis=0)
        self._others = np.packbits(others)

    def at(self, column: int) -> Bools:
        """Return the answers at a threshold, shape (k,)."""
        found = _unpack(self._others, self.rows)
        found[self._some] = _unpack(self._answers[:, column], len(self._some))
        return found

    def table(self) -> Bools:
        """Return all answers, shape (k, T)."""
        found = np.repeat(_unpack(self._others, self.rows)[:, None], self.columns, axis=1)
        found[self._some] = _unpack(self._answers, len(self._some))
        return found


def _unpack(packed: npt.NDArray[np.uint8], count: int) -> Bools:
    return np.unpackbits(packed, axis=0, count=count).view(np.bool_)


@dataclass(frozen=True, eq=False)
class Matching:
    """The result of matching k detections with m boxes at T thresholds.

    Attributes:
        hits: Whether a detection found a box that counts, by detection and threshold.
        ignores: Whether a detection counts neither as right nor as wrong, likewise.
        counted: Whether a box counts, shape (m,).
    """

    hits: Flags
    ignores: Flags
    counted: Bools

    @property
    def hit(self) -> Bools:
        """The hits as an array, shape (k, T)."""
        return self.hits.table()

    @property
    def ignored(self) -> Bools:
        """The ignored ones as an array, shape (k, T)."""
        return self.ignores.table()


def match(scene: Scene, pairs: Pairs, thresholds: Floats, low: float = 0.0, high: float = np.inf) -> Matching:
    """Match detections to boxes as COCO does, in one band of sizes.

    Detections choose in the order of their scores, each the closest box that is still free and at least as close as the
    threshold. Boxes that don't count (crowds, and those outside the band) are chosen last, and who chose one is
    ignored, as is a detection without box whose own size is outside the band.

    Args:
        scene: Truth and detections.
        pairs: Candidates at least as close as the lowest threshold.
        thresholds: Shape (T,).
        low: Smallest area in the band, square pixels.
        high: First area beyond the band, square pixels.

    Source:
        pycocotools, cocoeval.py, evaluateImg; the upper edge is open here.
    """
    outside = (scene.truth.areas < low) | (scene.truth.areas >= high)
    counted = ~(outside | scene.truth.crowd)
    near, few = pairs.numbered  # the others find nothing at any threshold
    chosen = greedy(few, len(near), thresholds, free=scene.truth.crowd, last=~counted)
    hit = chosen != NONE
    idle = hit & ~counted[chosen] if len(counted) else np.zeros_like(hit)
    area = scene.found.boxes[:, 2] * scene.found.boxes[:, 3]
    strays = (area < low) | (area >= high)
    hits = Flags(near, hit & ~idle, np.zeros_like(strays))
    return Matching(hits, Flags(near, idle | (~hit & strays[near, None]), strays), counted)


def greedy(pairs: Pairs, detections: int, thresholds: Floats, *, free: Bools, last: Bools) -> Matches:
    """Let detections choose boxes, one after the other within an image and class, side by side across them.

    Args:
        pairs: Candidates, sorted by detection; detections of an image and class come by falling score.
        detections: Number of detections, k.
        thresholds: Least closeness, shape (T,).
        free: Boxes that any number of detections may choose, shape (m,).
        last: Boxes that are chosen only if no other is to be had, shape (m,).

    Returns:
        The box that each detection chose, or -1; shape (k, T). Of equally close boxes it is the later one.

    Examples:
        Two detections reach for box 0; the second one finds it taken, and box 1 is too far away at 0.5.

        >>> near = Pairs(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([0.6, 0.9, 0.4]))
        >>> greedy(near, 2, np.array([0.3, 0.5]), free=np.zeros(2, dtype=bool), last=np.zeros(2, dtype=bool)).tolist()
        [[0, 0], [1, -1]]
    """
    chosen = np.full((detections, len(thresholds)), NONE, dtype=np.int32)
    turn, sorting = pairs.in_turns
    if (late := last[pairs.truth[sorting]]).any():
        whose = np.cumsum(np.diff(pairs.found[sorting], prepend=-1) != 0)
        sorting = sorting[np.argsort(2 * whose + late, kind="stable")]
    found, truth, near = pairs.found[sorting], pairs.truth[sorting], pairs.closeness[sorting]
    taken = np.zeros((len(free), len(thresholds)), dtype=np.bool_)
    columns = np.arange(len(thresholds))
    bounds = np.searchsorted(turn[sorting], np.arange(turn.max(initial=-1) + 2))
    for start, stop in pairwise(bounds):
        who, what = found[start:stop], truth[start:stop]
        open_ = (near[start:stop, None] >= thresholds) & ~(taken[what] & ~free[what, None])
        places = np.where(open_, np.arange(stop - start)[:, None], stop - start)
        begins = np.flatnonzero(np.r_[True, who[1:] != who[:-1]])
        best = np.minimum.reduceat(places, begins, axis=0)
        some = best < stop - start
        box = what[np.minimum(best, stop - start - 1)]
        chosen[who[begins]] = np.where(some, box, NONE)
        taken[box[some], np.broadcast_to(columns, some.shape)[some]] = True
    return chosen
