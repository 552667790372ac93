"""Let the detection loss count no background where regions are ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.utils.tal import make_anchors

from auxhead.heads.base import IGNORED, RawPredictions


@contextmanager
def sparing(losses: Mapping[str, tuple[Any, RawPredictions]], batch: Mapping[str, Any]) -> Iterator[None]:
    """Leave anchors inside ignored regions out of the classification loss, unless they have an object.

    Boxes are learned where objects are, so they need nothing.

    Args:
        losses: Ultralytics' losses of the branches, each with what its branch predicts; by name.
        batch: Ultralytics' batch; without regions nothing is changed.
    """
    regions = batch.get(IGNORED)
    if regions is None or not len(regions):
        yield
        return
    hooks = [
        loss.bce.register_forward_hook(partial(_spare, spared(regions, raw, batch["img"].shape)))
        for loss, raw in losses.values()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def spared(regions: Tensor, raw: RawPredictions, shape: tuple[int, ...]) -> Tensor:
    """Tell which anchors lie inside regions, by class.

    Args:
        regions: Rows of picture, class (-1: every one), x_center, y_center, width, height, shares of the picture.
        raw: What a branch predicts: scores of shape (B, C, A), and its levels.
        shape: Of the batch's pictures, (B, channels, height, width).

    Returns:
        Booleans, shape (B, A, C).
    """
    scores = raw.scores
    maps = [scores.new_empty(()).float().expand(1, 1, *level) for level in raw.levels]
    points, strides = make_anchors(maps, torch.tensor(raw.strides, device=scores.device), 0.5)
    x, y = (points * strides / torch.tensor([shape[3], shape[2]], device=scores.device)).T
    inside = torch.zeros(shape[0], scores.shape[2], scores.shape[1], dtype=torch.bool, device=scores.device)
    for image, cls, *box in regions.tolist():
        center_x, center_y, width, height = box
        here = ((x - center_x).abs() <= width / 2) & ((y - center_y).abs() <= height / 2)
        columns = slice(None) if cls < 0 else int(cls)
        inside[int(image), here, columns] = True
    return inside


def _spare(inside: Tensor, _module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """Take the terms of anchors without an object out of what the binary cross entropy gives, shape (B, A, C)."""
    background = inputs[1].sum(-1, keepdim=True) <= 0
    return output.masked_fill(inside & background, 0.0)
