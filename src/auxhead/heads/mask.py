"""A foreground mask, finer than the detector's finest level: where any object is, whatever it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from auxhead.heads.base import IGNORED, Head, HeadSpec, SharedFeatures, Targets
from auxhead.heads.layers import conv3x3
from auxhead.keys.heads.mask import MaskSpec

STRIDE = 4
"""Pixels of the network input per cell of the mask; that of the finest level, where this is finer. Source: own choice:
an object of 8 px has four cells, where the usual finest level has one."""


def box_weights(boxes_xyxy: Tensor, size: tuple[int, int], stride: int) -> tuple[Tensor, Tensor]:
    """Tell which cells show the objects of a picture, and which show none.

    A cell belongs to an object if its center lies in the object's box. A box too narrow for that has the column, or the
    row, that its own center is in.

    Args:
        boxes_xyxy: The boxes of one picture, shape (N, 4), pixels of the network input.
        size: Height and width of the grid, cells.
        stride: Pixels per cell.

    Returns:
        Weight of each cell as an object, shape (H, W): the cells of each object share a weight of 1; and whether the
        cell is background, same shape, bool. N = 0 gives weights of 0, and all is background.

    Source:
        Filled boxes as a mask: Zhang et al., "Single-Shot Object Detection with Enriched Semantics", CVPR 2018. Shared
        weights: own choice, as otherwise an object 64 px wide counts as much as 64 of 8 px.

    >>> weights, background = box_weights(torch.tensor([[0.0, 0.0, 8.0, 8.0], [4.0, 4.0, 8.0, 5.0]]), (2, 3), 4)
    >>> weights
    tensor([[0.2500, 0.2500, 0.0000],
            [0.2500, 1.2500, 0.0000]])
    >>> background
    tensor([[False, False,  True],
            [False, False,  True]])
    """
    boxes = boxes_xyxy.float() / stride
    within = []
    for axis, cells in ((1, size[0]), (0, size[1])):
        low, high = boxes[:, axis : axis + 1], boxes[:, axis + 2 : axis + 3]
        cell = torch.arange(cells, device=boxes.device)
        own = ((low + high) / 2).floor().clamp(0, cells - 1)
        within.append((((cell + 0.5 >= low) & (cell + 0.5 <= high)) | (cell == own)).float())
    down, across = within
    shares = down / (down.sum(1) * across.sum(1))[:, None]
    return shares.T @ across, down.T @ across == 0


def mask_loss(
    logits: Tensor, boxes_xyxy: Sequence[Tensor], stride: int, ignored_xyxy: Sequence[Tensor] | None = None
) -> Tensor:
    """Compare a predicted mask with boxes: objects weigh as much as background, and one object as much as another.

    Args:
        logits: Of the foreground, shape (B, H, W).
        boxes_xyxy: Boxes of each picture, shape (N, 4) each, pixels of the network input.
        stride: Pixels per cell.
        ignored_xyxy: Regions of each picture whose cells are no background, as the boxes are given; None: nowhere any.

    Returns:
        Half the mean over all objects of the binary cross entropy in their cells, plus half its mean over the
        background; a part without cells is 0.

    Source:
        Class-balanced cross entropy: Xie & Tu, "Holistically-Nested Edge Detection", ICCV 2015, but for its common
        factor, which the gain stands for, and for objects in place of their cells.

    >>> mask_loss(torch.zeros(1, 4, 4), [torch.tensor([[4.0, 4.0, 12.0, 12.0]])], 4)
    tensor(0.6931)
    """
    logits = logits.float()
    size = (logits.shape[1], logits.shape[2])
    with torch.autocast(logits.device.type, enabled=False):  # weights are products of matrices
        found = [box_weights(boxes, size, stride) for boxes in boxes_xyxy]
        if ignored_xyxy is not None:
            outside = [box_weights(boxes, size, stride)[1] for boxes in ignored_xyxy]
            found = [(weight, empty & apart) for (weight, empty), apart in zip(found, outside, strict=True)]
    weights, background = (torch.stack(each) for each in zip(*found, strict=True))
    objects = sum(len(boxes) for boxes in boxes_xyxy)
    seen = (F.softplus(-logits) * weights).sum() / max(objects, 1)
    rest = (F.softplus(logits) * background).sum() / background.sum().clamp(min=1)
    return (seen + rest) / 2


class MaskHead(Head):
    """Predict from the detector's finest level where objects are, in cells of STRIDE pixels.

    Each cell of the level predicts the finer cells within it, so that it has to keep where in it an object is.

    Source:
        Layers: own choice, the center head's with one convolution less. Finer cells as channels: Shi et al., "Real-Time
        Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network", CVPR 2016.
    """

    Spec: ClassVar[type[HeadSpec]] = MaskSpec

    def __init__(self, spec: HeadSpec, shared: SharedFeatures) -> None:
        super().__init__(spec, shared)
        finest = int(shared.strides[0])
        self.factor = max(finest // STRIDE, 1)
        self.stride = finest // self.factor
        width = max(shared.channels[0] // 4, self.factor**2)
        self.branch = nn.Sequential(conv3x3(shared.channels[0], width), nn.Conv2d(width, self.factor**2, 1))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return logits of the foreground, shape (B, F, A): the F finer cells of each cell of the finest level."""
        predicted: Tensor = self.branch(features[0])
        return predicted.flatten(2)

    def loss(self, output: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the term mask_loss; without objects all of the picture is background, but for ignored regions."""
        coarse = [side // (self.stride * self.factor) for side in targets.image_size]
        logits = F.pixel_shuffle(output.reshape(*output.shape[:2], *coarse), self.factor).squeeze(1)
        image, boxes = (targets.batch[name].to(output.device) for name in ("batch_idx", "bboxes"))
        objects = _by_picture(image.view(-1), boxes, targets.image_size, len(output))
        ignored = None
        if IGNORED in targets.batch:
            regions = targets.batch[IGNORED].to(output.device)
            ignored = _by_picture(regions[:, 0], regions[:, 2:], targets.image_size, len(output))
        return {"mask_loss": mask_loss(logits, objects, self.stride, ignored)}


def _by_picture(image: Tensor, boxes: Tensor, size: tuple[int, int], pictures: int) -> list[Tensor]:
    """Part boxes given as center and size, shares of a picture, by picture: corners, pixels of the network input."""
    center, half = boxes[:, :2].float(), boxes[:, 2:].float() / 2
    corners = torch.cat((center - half, center + half), 1)
    corners = corners * torch.tensor(size[::-1], device=boxes.device).repeat(2)
    return [corners[image == number] for number in range(pictures)]
