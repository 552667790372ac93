"""Box centers as a single point: the head of the pose-head tutorial, without its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from auxhead.heads.base import Head, HeadSpec, ObjectSizes, SharedFeatures, Targets
from auxhead.heads.layers import conv3x3
from auxhead.keys.heads.center import CenterSpec, Metric


def decode_centers(raw: Tensor, anchors: Tensor) -> Tensor:
    """Turn raw outputs into center points.

    Args:
        raw: Network output, shape (..., 2).
        anchors: Anchor points, shape (..., 2), grid cells of their level (cell centers, so k + 0.5).

    Returns:
        Points x, y, same shape, grid cells. Empty input gives an empty tensor.

    Source:
        Ultralytics' keypoint decoding (`v8PoseLoss.kpts_decode`): factor 2, from the cell's corner.

    >>> decode_centers(torch.tensor([[0.25, 0.5]]), anchors=torch.tensor([[3.5, 7.5]]))
    tensor([[3.5000, 8.0000]])
    """
    return raw * 2.0 + (anchors - 0.5)


def center_loss(
    predicted: Tensor,
    boxes_xyxy: Tensor,
    strides: Tensor,
    *,
    metric: Metric,
    sigma: float = 0.25,
    constant: float = 1.0,
) -> Tensor:
    """Measure how far predicted centers are from the centers of their boxes.

    With the distance d and the box area a in the same unit, OKS gives 1 - exp(-d^2 / (8 sigma^2 a)): blind to scale,
    as IoU is. NWD and DotD give 1 - exp(-d / constant) with d in pixels: they forgive pixels, not fractions. (Between
    boxes of equal size the Wasserstein distance is the distance of the centers, so that for a point the two differ in
    their constants only.) smooth_l1 is the Huber loss of dx and dy in grid cells, summed.

    Args:
        predicted: Center points, shape (N, 2), grid cells.
        boxes_xyxy: Assigned boxes, shape (N, 4), pixels of the network input, x2 > x1, y2 > y1.
        strides: Pixels per cell, shape (N, 1).
        metric: One of oks, nwd, dotd, smooth_l1.
        sigma: OKS tolerance, fraction of sqrt(area) / 2.
        constant: NWD and DotD scale, pixels of the network input.

    Returns:
        Loss of each point, shape (N,), 0 for a perfect center; below 1 for all but smooth_l1. N = 0 gives an empty
        tensor.

    Source:
        OKS: COCO's keypoint evaluation as in Ultralytics' `KeypointLoss`. NWD: Wang et al., "A Normalized Gaussian
        Wasserstein Distance for Tiny Object Detection", 2021. DotD: Xu et al., "Dot Distance for Tiny Object Detection
        in Aerial Images", CVPRW 2021. smooth_l1: Girshick, "Fast R-CNN", 2015, beta 1 cell.

    >>> box = torch.tensor([[8.0, 8.0, 24.0, 24.0]])  # 16 pixels wide, its center in cell 2, 2 of 8 pixels
    >>> off_by_half = torch.tensor([[2.5, 2.0]])  # 4 pixels to the right
    >>> center_loss(off_by_half, box, torch.tensor([[8.0]]), metric="oks")
    tensor([0.1175])
    >>> center_loss(off_by_half, box, torch.tensor([[8.0]]), metric="nwd", constant=16.0)
    tensor([0.2212])
    """
    boxes = boxes_xyxy / strides
    difference = predicted - (boxes[:, :2] + boxes[:, 2:]) / 2
    if metric == "smooth_l1":
        return F.smooth_l1_loss(difference, torch.zeros_like(difference), reduction="none").sum(-1)
    if metric == "oks":
        area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
        return 1 - torch.exp(-difference.square().sum(-1) / (8 * sigma**2 * (area + 1e-9)))
    distance = torch.linalg.vector_norm(difference, dim=-1) * strides.squeeze(-1)
    return 1 - torch.exp(-distance / constant)


class CenterHead(Head):
    """Predict the center of every assigned box, one small branch a level.

    Source:
        Layers and widths are those of Ultralytics' `Pose` head for one keypoint: Conv 3x3, Conv 3x3, 1x1 with
        max(channels[0] // 4, outputs) channels between; batch-norm constants are Ultralytics'.
    """

    Spec: ClassVar[type[HeadSpec]] = CenterSpec
    spec: CenterSpec

    def __init__(self, spec: CenterSpec, shared: SharedFeatures) -> None:
        super().__init__(spec, shared)
        outputs = 3 if spec.visibility else 2
        width = max(shared.channels[0] // 4, outputs)
        self.branches = nn.ModuleList(
            nn.Sequential(conv3x3(channels, width), conv3x3(width, width), nn.Conv2d(width, outputs, 1))
            for channels in shared.channels
        )
        self.constant = spec.constant or 1.0

    def fit_data(self, sizes: ObjectSizes) -> None:
        """Take the default constant from the data, as the papers do: the mean size for NWD, the rms size for DotD."""
        if self.spec.constant is None:
            self.constant = sizes.rms if self.spec.metric == "dotd" else sizes.mean

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return raw x, y (and visibility logit) of every anchor, shape (B, 2 or 3, A)."""
        return torch.cat([branch(map_).flatten(2) for branch, map_ in zip(self.branches, features, strict=True)], -1)

    def loss(self, output: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the terms center_loss and, with a visibility logit, center_vis_loss."""
        image, anchor = targets.foreground.nonzero(as_tuple=True)
        raw = output.transpose(1, 2)[image, anchor].float()
        if not len(raw):
            nothing = output[..., :0].sum()
            return {"center_loss": nothing} | ({"center_vis_loss": nothing} if self.spec.visibility else {})
        each = center_loss(
            decode_centers(raw[:, :2], targets.anchors[anchor]),
            targets.boxes_xyxy[image, anchor],
            targets.strides[anchor],
            metric=self.spec.metric,
            sigma=self.spec.sigma,
            constant=self.constant,
        )
        terms = {"center_loss": each.mean()}
        if self.spec.visibility:
            seen = F.binary_cross_entropy_with_logits(raw[:, 2], torch.ones_like(raw[:, 2]))
            terms["center_vis_loss"] = seen * self.spec.visibility_gain
        return terms
