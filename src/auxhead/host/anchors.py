"""Which anchors may serve a box: asked of Ultralytics' own assigner, before any prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from ultralytics.utils.tal import TaskAlignedAssigner, make_anchors

from auxhead.host.cpu import restored_threads
from auxhead.metrics.truth import Bools, Floats, Ints, Truth
from auxhead.progress import Steps

LEVELS: Mapping[str, tuple[int, ...]] = {"P3-P5": (8, 16, 32), "P2-P5": (4, 8, 16, 32)}
"""Strides of the usual detectors and of those with a P2 head."""
TOPK = 10  # anchors that a box selects among its candidates. Source: Ultralytics, utils/loss.py, v8DetectionLoss
FEW = 3  # candidates. Source: own choice: less than the 2 x 2 that a box of the assigner's smallest size covers
TOGETHER = 16  # boxes asked about at a time, from top to bottom: bounds memory, and leaves most anchors out


@dataclass(frozen=True)
class Anchors:
    """Candidate anchors of boxes, for one set of levels. None where there is no box.

    Attributes:
        strides: Pixels a grid cell of the levels.
        none: Share of boxes without a candidate: they get no positive anchor, whatever the network predicts.
        few: Share of boxes with one to three candidates.
        contested: Share of boxes that may lose all candidates: each is also one of another box that has at most ten,
            and so selects them all. Predictions decide who gets them.
        median: Median number of candidates.
    """

    strides: tuple[int, ...]
    none: float | None
    few: float | None
    contested: float | None
    median: float | None


def count_candidates(
    truth: Truth, imgsz: int, strides: Sequence[int], progress: Steps | None = None
) -> tuple[Ints, Bools]:
    """Count the candidate anchors of each box, in an input of imgsz x imgsz without augmentation.

    Args:
        truth: Boxes in pixels of the original images.
        imgsz: Side of the network input, pixels, a multiple of the largest stride.
        strides: Pixels a grid cell of each level, ascending.
        progress: Called as progress(done, total), in images.

    Returns:
        Candidates of each box and whether it is contested (see Anchors), both of shape (m,).
    """
    found = [(np.zeros(0, np.int64), np.zeros(0, np.bool_))]
    for boxes, box, anchor in candidacies(truth, imgsz, strides, progress):
        found.append(_count(box, anchor, boxes))
    counts, contested = zip(*found, strict=True)
    return np.concatenate(counts), np.concatenate(contested)


def candidacies(
    truth: Truth, imgsz: int, strides: Sequence[int], progress: Steps | None = None
) -> Iterator[tuple[int, Ints, Ints]]:
    """List the candidate anchors of the boxes of each image with boxes, in the order of the boxes.

    Args:
        truth: Boxes in pixels of the original images.
        imgsz: Side of the network input, pixels, a multiple of the largest stride.
        strides: Pixels a grid cell of each level, ascending. Only the two finest decide who is a candidate.
        progress: Called as progress(done, total), in images.

    Yields:
        How many boxes the image has, and for every candidacy the box in it and the anchor, both of shape (n,). Anchors
        are numbered level by level, row by row.

    Source:
        Ultralytics 8.4.190, utils/tal.py, TaskAlignedAssigner.select_candidates_in_gts, configured as in
        utils/loss.py, v8DetectionLoss.
    """
    assigner = TaskAlignedAssigner(
        topk=TOPK, num_classes=len(truth.names), alpha=0.5, beta=6.0, stride=[float(stride) for stride in strides]
    )
    maps = [torch.zeros(1, 1, imgsz // stride, imgsz // stride) for stride in strides]
    points, pixels = make_anchors(maps, torch.tensor(strides, dtype=torch.float32), 0.5)
    boxes = torch.from_numpy(letterboxed(truth, imgsz)).float()
    ends = np.searchsorted(truth.image, np.arange(len(truth.files) + 1))  # boxes are in the order of images
    for done, (start, end) in enumerate(pairwise(ends.tolist()), start=1):
        if end > start:
            with restored_threads():
                torch.set_num_threads(1)  # small tensors: on a busy machine, threads would wait for each other
                found = _pairs(assigner, points * pixels, boxes[start:end])
            yield end - start, *found
        if progress:
            progress(done, len(truth.files))


def letterboxed(truth: Truth, imgsz: int) -> Floats:
    """Place boxes where a square letterbox puts them.

    Args:
        truth: Boxes in pixels of the original images.
        imgsz: Side of the network input, pixels.

    Returns:
        Left, top, right, bottom of each box, shape (m, 4), pixels of the network input.

    Source:
        Ultralytics 8.4.190, data/base.py, load_image (sides rounded up), and data/augment.py, LetterBox (centered).
    """
    sizes = truth.sizes.astype(np.float64)
    longer = sizes.max(axis=1, keepdims=True, initial=1)
    resized = np.minimum(np.ceil(sizes * (imgsz / longer)), imgsz)
    padding = np.round((imgsz - resized) / 2 - 0.1)
    scale, shift = (resized / sizes)[truth.image], padding[truth.image]
    low = truth.boxes[:, :2] * scale + shift
    return np.hstack((low, low + truth.boxes[:, 2:] * scale))


def summarize(strides: Sequence[int], counts: Ints, contested: Bools) -> Anchors:
    """Turn what count_candidates gives into shares; no box gives Nones."""
    if not len(counts):
        return Anchors(tuple(strides), None, None, None, None)
    few = (counts > 0) & (counts <= FEW)
    none, rare, lost = (float(each.mean()) for each in (counts == 0, few, contested))
    return Anchors(tuple(strides), none, rare, lost, float(np.median(counts)))


def _pairs(assigner: TaskAlignedAssigner, points: Tensor, boxes: Tensor) -> tuple[Ints, Ints]:
    """List box and anchor of each candidacy in one image: a few neighboring boxes and the anchors around at a time."""
    rows, columns = [], []
    margin = assigner.stride_val  # more than the half of it by which small boxes grow
    for some in torch.split(boxes[:, 1].argsort(), TOGETHER):
        part = boxes[None, some]
        low, high = part[0, :, :2].amin(0) - margin, part[0, :, 2:].amax(0) + margin
        near = ((points > low) & (points < high)).all(1).nonzero().squeeze(1)
        there = part.sum(2, keepdim=True).gt_(0.0)  # as the loss tells boxes from padding
        mask = assigner.select_candidates_in_gts(points[near], part, there) & there.bool()
        box, anchor = mask[0].nonzero(as_tuple=True)
        rows.append(some[box].numpy())
        columns.append(near[anchor].numpy())
    return np.concatenate(rows), np.concatenate(columns)


def _count(box: Ints, anchor: Ints, boxes: int) -> tuple[Ints, Bools]:
    """Count candidates and find contested boxes among the pairs of one image."""
    counts = np.bincount(box, minlength=boxes)
    selecting = (counts <= TOPK)[box]  # pairs whose box selects all its candidates
    others = np.bincount(anchor, weights=selecting)[anchor] - selecting if len(anchor) else np.zeros(0)
    uncontested = np.bincount(box[others == 0], minlength=boxes)
    return counts, (counts > 0) & (uncontested == 0)
