"""Where a detector's anchors lie, and which of them are inside ignored regions."""

from __future__ import annotations

import torch
from torch import Tensor

from auxhead.heads.base import RawPredictions


def cells(raw: RawPredictions, anchor: Tensor) -> tuple[Tensor, Tensor]:
    """Return where anchors lie: middles of their cells, shape (N, 2), grid cells, and pixels a cell, shape (N, 1)."""
    device = anchor.device
    places, pixels = [], []
    for (high, wide), stride in zip(raw.levels, raw.strides, strict=True):
        rows, columns = torch.arange(high, device=device), torch.arange(wide, device=device)
        places.append(torch.cartesian_prod(rows, columns).flip(-1))
        pixels.append(torch.full((high * wide, 1), stride, device=device))
    return torch.cat(places)[anchor] + 0.5, torch.cat(pixels)[anchor]


def spared(regions: Tensor, raw: RawPredictions, size: tuple[int, int]) -> Tensor:
    """Tell which anchors lie inside regions, by class.

    Args:
        regions: Rows of picture, class (-1: every one), x_center, y_center, width, height, shares of the picture;
            shape (k, 6). None of them gives False everywhere.
        raw: What a branch predicts: scores of shape (B, C, A), and its levels.
        size: Height and width of the pictures, pixels.

    Returns:
        Booleans, shape (B, C, A).
    """
    scores = raw.scores
    inside = torch.zeros_like(scores, dtype=torch.bool)
    places, pixels = cells(raw, torch.arange(scores.shape[2], device=scores.device))
    x, y = (places * pixels / torch.tensor(size[::-1], device=scores.device)).T
    for image, cls, center_x, center_y, width, height in regions.tolist():
        here = ((x - center_x).abs() <= width / 2) & ((y - center_y).abs() <= height / 2)
        classes = slice(None) if cls < 0 else int(cls)
        inside[int(image), classes] |= here
    return inside
