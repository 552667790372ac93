from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from ultralytics.nn.modules.head import Pose
from ultralytics.utils.loss import KeypointLoss, v8PoseLoss

from auxhead.heads.base import ObjectSizes, RawPredictions, SharedFeatures, Targets
from auxhead.heads.center import CenterHead, center_loss, decode_centers
from auxhead.keys.heads.center import CenterSpec, Metric

SHARED = SharedFeatures(channels=(16, 32), strides=(8.0, 16.0), nc=3)
BOX = torch.tensor([[8.0, 16.0, 24.0, 24.0]])  # 16 x 8 px, center (16, 20)


def targets(foreground: torch.Tensor, boxes: torch.Tensor) -> Targets:
    """One image, a 4x4 and a 2x2 level."""
    fine = torch.cartesian_prod(torch.arange(4), torch.arange(4)).flip(-1) + 0.5
    coarse = torch.cartesian_prod(torch.arange(2), torch.arange(2)).flip(-1) + 0.5
    strides = torch.cat([torch.full((16, 1), 8.0), torch.full((4, 1), 16.0)])
    raw = RawPredictions(torch.zeros(1, 4, 20), torch.zeros(1, 3, 20), ((4, 4), (2, 2)), SHARED.strides)
    return Targets(foreground, foreground.long(), boxes, torch.cat([fine, coarse]), strides, (32, 32), {}, raw)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # 3 px right, 4 px down, stride 8: 5 px, area 128 px^2
        ("oks", 1 - math.exp(-25 / (8 * 0.25**2 * 128))),
        ("nwd", 1 - math.exp(-5 / 10)),
        ("dotd", 1 - math.exp(-5 / 10)),
        ("smooth_l1", 0.5 * (3 / 8) ** 2 + 0.5 * (4 / 8) ** 2),
    ],
)
def test_center_loss_by_hand(metric: Metric, expected: float) -> None:
    predicted = torch.tensor([[19.0, 24.0]]) / 8
    loss = center_loss(predicted, BOX, torch.tensor([[8.0]]), metric=metric, sigma=0.25, constant=10.0)
    assert loss.shape == (1,)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("metric", ["oks", "nwd", "dotd", "smooth_l1"])
def test_center_loss_pulls_towards_the_center(metric: Metric) -> None:
    strides = torch.tensor([[8.0]])
    exact = center_loss(torch.tensor([[2.0, 2.5]]), BOX, strides, metric=metric, constant=10.0)
    assert exact.item() == 0
    point = torch.tensor([[2.25, 2.25]], requires_grad=True)
    center_loss(point, BOX, strides, metric=metric, constant=10.0).sum().backward()
    assert point.grad is not None
    assert point.grad[0, 0] > 0
    assert point.grad[0, 1] < 0
    assert center_loss(torch.zeros(0, 2), torch.zeros(0, 4), torch.zeros(0, 1), metric=metric).shape == (0,)


def test_oks_ignores_scale_and_nwd_does_not() -> None:
    strides = torch.tensor([[8.0]])
    predicted = torch.tensor([[2.25, 2.75]])
    small = [center_loss(predicted, BOX, strides, metric=m, constant=10.0) for m in ("oks", "nwd")]
    large = [center_loss(predicted * 2, BOX * 2, strides, metric=m, constant=10.0) for m in ("oks", "nwd")]
    assert torch.allclose(small[0], large[0])
    assert large[1] > small[1]


def test_decoding_and_oks_are_those_of_ultralytics_pose_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(50, 2, generator=generator)
    anchors = torch.randint(0, 8, (50, 2), generator=generator) + 0.5
    corners = torch.rand(50, 2, generator=generator) * 40
    boxes = torch.cat([corners, corners + 2 + 30 * torch.rand(50, 2, generator=generator)], -1)
    strides = torch.full((50, 1), 8.0)
    theirs_decoded = v8PoseLoss.kpts_decode(anchors, raw.view(1, 50, 1, 2))[0, :, 0]
    assert torch.allclose(decode_centers(raw, anchors), theirs_decoded)

    cells = boxes / strides
    center = ((cells[:, :2] + cells[:, 2:]) / 2)[:, None]
    area = (cells[:, 2:] - cells[:, :2]).prod(1, keepdim=True)
    for sigma in (1.0, 0.25):
        theirs = KeypointLoss(torch.tensor([sigma]))(theirs_decoded[:, None], center, torch.ones(50, 1), area)
        ours = center_loss(decode_centers(raw, anchors), boxes, strides, metric="oks", sigma=sigma).mean()
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)


@pytest.mark.parametrize("visibility", [True, False])
def test_branches_have_the_layers_and_widths_of_ultralytics_pose_head(visibility: bool) -> None:
    head = CenterHead(CenterSpec(visibility=visibility), SHARED)
    pose = Pose(nc=3, kpt_shape=(1, 3 if visibility else 2), ch=SHARED.channels)
    assert [tuple(p.shape) for p in head.parameters()] == [tuple(p.shape) for p in pose.cv4.parameters()]
    ours = {type(m) for m in head.modules() if not list(m.children())}
    assert ours == {nn.Conv2d, nn.BatchNorm2d, nn.SiLU}


def test_head_learns_the_center_of_its_box() -> None:
    head = CenterHead(CenterSpec(metric="smooth_l1", visibility=True), SHARED)
    features = [torch.randn(1, 16, 4, 4), torch.randn(1, 32, 2, 2)]
    foreground = torch.zeros(1, 20, dtype=torch.bool)
    foreground[0, [5, 6, 17]] = True
    batch = targets(foreground, BOX.expand(20, 4)[None])
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    first = None
    for _ in range(60):
        output = head(features)
        assert output.shape == (1, 3, 20)
        terms = head.loss(output, batch)
        loss = torch.stack(list(terms.values())).sum()
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert set(terms) == {"center_loss", "center_vis_loss"}
    assert loss.item() < first / 5


def test_no_foreground_is_zero_and_keeps_the_graph() -> None:
    head = CenterHead(CenterSpec(visibility=True), SHARED)
    output = head([torch.randn(1, 16, 4, 4), torch.randn(1, 32, 2, 2)])
    terms = head.loss(output, targets(torch.zeros(1, 20, dtype=torch.bool), torch.zeros(1, 20, 4)))
    assert {name: value.item() for name, value in terms.items()} == {"center_loss": 0, "center_vis_loss": 0}
    torch.stack(list(terms.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_constant_comes_from_the_data_unless_given() -> None:
    sizes = ObjectSizes(mean=10.0, rms=12.0)
    specs = (CenterSpec(metric="nwd"), CenterSpec(metric="dotd"), CenterSpec(metric="nwd", constant=7.0))
    constants = []
    for spec in specs:
        head = CenterHead(spec, SHARED)
        head.fit_data(sizes)
        constants.append(head.constant)
    assert constants == [10.0, 12.0, 7.0]


@pytest.mark.parametrize(
    "keys",
    [
        {"gain": 1.0, "share": 0.1},
        {"share": None},
        {"schedule": "detach"},
        {"sigma": 0.0},
        {"sigma": "big"},
        {"metric": "iou"},
        {"sigmaa": 0.1},
        {"gain": -1.0},
    ],
)
def test_spec_refuses(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CenterSpec(**keys)


def test_gain_replaces_share() -> None:
    assert CenterSpec(gain=3.0).share is None
    assert CenterSpec().share == 0.1
