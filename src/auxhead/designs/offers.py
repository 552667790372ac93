"""What levels offer the boxes of a data set: anchors, sides that can be told, pixels that are seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import maximum_bipartite_matching  # type: ignore[import-untyped]

from auxhead.designs.result import Offer
from auxhead.host.anchors import candidacies, letterboxed
from auxhead.layouts.layout import Layout
from auxhead.metrics.truth import Floats, Ints, Truth
from auxhead.progress import Progress, named

Levels = tuple[int, ...]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]

SMALL = 16.0
"""Sides below which a box is small, pixels of the network input. Source: own choice. Twice the stride of P3; at 640 px
such boxes have a median of 5 candidate anchors on P3 to P5, and 13 with P2 beside them."""

PICTURES = 1000
"""Pictures whose anchors are counted at most, evenly spread: medians need no more. Source: own choice."""

ONE_BIN = 1  # reg_max of heads that give sides as they are (yolo26): nothing is beyond their reach


@dataclass(frozen=True)
class Survey:
    """What candidates the boxes of a data set have.

    Attributes:
        sides: Width and height of each box, shape (m, 2), pixels of the network input.
        counted: Boxes whose candidates were counted, shape (k,): those of the pictures that were looked at.
        pictures: How many pictures that were.
        counts: Candidates of each of them by levels, each of shape (k,).
        unmatched: By levels, how many of them get no anchor of their own even at the best assignment.
    """

    sides: Floats
    counted: Ints
    pictures: int
    counts: Mapping[Levels, Ints] = field(repr=False)
    unmatched: Mapping[Levels, int]

    @property
    def small(self) -> Flags:
        """Which boxes are small, shape (m,)."""
        flags: Flags = np.sqrt(self.sides.prod(axis=1)) < SMALL
        return flags


def survey(truth: Truth, imgsz: int, levels: Sequence[Levels], tell: Progress) -> Survey:
    """Count candidate anchors for several sets of levels; sets that start at one level share the work.

    Args:
        truth: Boxes in pixels of the original images.
        imgsz: Side of the network input, pixels, a multiple of the largest stride.
        levels: Sets of levels, such as (2, 3, 4).
        tell: Called as tell(task, done, total).
    """
    corners = letterboxed(truth, imgsz)
    looked_at = np.arange(0, len(truth.files), math.ceil(len(truth.files) / PICTURES) or 1)
    counted = np.flatnonzero(np.isin(truth.image, looked_at))
    some = _part(truth, looked_at, counted)
    counts: dict[Levels, list[Ints]] = {each: [np.zeros(0, np.int64)] for each in levels}
    unmatched = dict.fromkeys(levels, 0)
    for finest in sorted({each[0] for each in levels}):
        several = [each for each in levels if each[0] == finest]
        reach = range(finest, max(each[-1] for each in several) + 1)
        cells = np.array([(imgsz // 2**level) ** 2 for level in reach])
        strides = [2**level for level in reach]
        for boxes, box, anchor in candidacies(some, imgsz, strides, named(tell, f"anchors from P{finest} on")):
            for each in several:
                own = anchor < cells[: len(each)].sum()
                counts[each].append(np.bincount(box[own], minlength=boxes))
                unmatched[each] += boxes - _matched(box[own], anchor[own], boxes)
    sizes = corners[:, 2:] - corners[:, :2]
    return Survey(
        sizes, counted, len(looked_at), {each: np.concatenate(found) for each, found in counts.items()}, unmatched
    )


def _part(truth: Truth, images: Ints, boxes: Ints) -> Truth:
    """Keep some images, ascending, and the boxes given, which are all of theirs."""
    return replace(
        truth,
        files=tuple(truth.files[image] for image in images.tolist()),
        sizes=truth.sizes[images],
        image=np.searchsorted(images, truth.image[boxes]),
        cls=truth.cls[boxes],
        boxes=truth.boxes[boxes],
        areas=truth.areas[boxes],
        crowd=truth.crowd[boxes],
        ids=(),
    )


def _matched(box: Ints, anchor: Ints, boxes: int) -> int:
    """Return how many boxes can own an anchor each, by the best assignment."""
    if not len(box):
        return 0
    _, column = np.unique(anchor, return_inverse=True)
    pairs = csr_array((np.ones(len(box), np.int8), (box, column)), shape=(boxes, int(column.max()) + 1))
    return int((maximum_bipartite_matching(pairs, perm_type="column") >= 0).sum())


def detail(truth: Truth) -> int:
    """Return the image size beyond which half of the pictures have no more detail, pixels; 0 without pictures.

    Args:
        truth: Sizes of the pictures.
    """
    return int(np.median(truth.sizes.max(axis=1))) if len(truth.files) else 0


def reach(layout: Layout, reg_max: int) -> float:
    """Return the longest side that a layout's bins can tell, pixels of the network input; infinity without bins.

    Args:
        layout: Its levels.
        reg_max: Bins a side; 1: sides aren't told by bins.

    Source:
        Ultralytics 8.4.190, utils/tal.py, bbox2dist: a distance from the anchor is at most reg_max - 1 strides; a box
        centred on the anchor is told by two of them.
    """
    return float("inf") if reg_max == ONE_BIN else 2.0 * (reg_max - 1) * 2 ** layout.levels[-1]


def offer(found: Survey, layout: Layout, reg_max: int, seen: int, small: Flags | None = None) -> Offer:
    """Say what a layout offers the boxes.

    Args:
        found: Candidates and sides of the boxes.
        layout: Its levels; they are among those that were surveyed.
        reg_max: Bins a side.
        seen: Pixels across that one cell of its coarsest level sees.
        small: Which boxes count as small, shape (m,); None: those that are small in this survey.
    """
    longest = found.sides.max(axis=1, initial=0.0)
    told = reach(layout, reg_max)
    told_or_none = told if np.isfinite(told) else None
    if not len(longest):
        return Offer(None, None, told_or_none, None, seen, None)
    few = found.counts[layout.levels][(found.small if small is None else small)[found.counted]]
    return Offer(
        small=float(np.median(few)) if len(few) else None,
        without_own=found.unmatched[layout.levels] / len(found.counted) if len(found.counted) else None,
        reach=told_or_none,
        beyond=float((longest > told).mean()),
        field=seen,
        larger=float((longest > seen).mean()),
    )


@torch.inference_mode()
def seen_by_a_cell(model: Any, imgsz: int) -> int:
    """Measure how many pixels across one cell of the coarsest level sees: pixels that can change it at all.

    A pixel that is not a number makes every cell that reads it not a number, whatever the weights are.

    Args:
        model: A detector of Ultralytics in evaluation mode, on the CPU.
        imgsz: Side of its input, pixels.

    Returns:
        Pixels across, at most imgsz.
    """
    image = torch.zeros(1, int(model.yaml.get("channels", 3)), imgsz, imgsz)
    image[..., imgsz // 2, imgsz // 2] = float("nan")
    maps: list[torch.Tensor] = []
    handle = model.model[-1].register_forward_pre_hook(lambda _, inputs: maps.extend(inputs[0]))
    try:
        model(image)
    finally:
        handle.remove()
    coarsest = maps[-1].isnan().any(dim=1)[0]
    across = int(coarsest.any(dim=0).sum())
    return min(imgsz, across * imgsz // coarsest.shape[1])
