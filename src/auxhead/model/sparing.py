"""Let the detection loss count no background where regions are ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from auxhead.heads.anchors import spared
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
    size = batch["img"].shape[2], batch["img"].shape[3]
    hooks = [
        loss.bce.register_forward_hook(partial(_spare, spared(regions, raw, size).transpose(1, 2)))
        for loss, raw in losses.values()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _spare(inside: Tensor, _module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """Take the terms of anchors without an object out of what the binary cross entropy gives, shape (B, A, C)."""
    background = inputs[1].sum(-1, keepdim=True) <= 0
    return output.masked_fill(inside & background, 0.0)
