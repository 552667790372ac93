from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.model.test_criterion import batch, detector
from torch import Tensor
from torch.nn import functional as F

from auxhead.heads.base import IGNORED, RawPredictions, SharedFeatures, Targets
from auxhead.heads.mask import MaskHead, box_weights, mask_loss
from auxhead.keys.heads.mask import MaskSpec
from auxhead.model.attach import attach

SHARED = SharedFeatures(channels=(16, 32), strides=(8.0, 16.0), nc=3)


def cells_of(box: Tensor, high: int, wide: int, stride: int) -> set[tuple[int, int]]:
    """The cells of one box, one by one: those whose centers are in it, and at least one row and one column."""
    x1, y1, x2, y2 = box.tolist()
    rows = {row for row in range(high) if y1 <= (row + 0.5) * stride <= y2}
    columns = {column for column in range(wide) if x1 <= (column + 0.5) * stride <= x2}
    rows.add(min(max(int((y1 + y2) / 2 // stride), 0), high - 1))
    columns.add(min(max(int((x1 + x2) / 2 // stride), 0), wide - 1))
    return {(row, column) for row in rows for column in columns}


corner = st.integers(0, 127)
boxes_ = st.lists(st.tuples(corner, corner, st.integers(1, 90), st.integers(1, 90)), max_size=6)


@given(boxes_, boxes_)
def test_the_loss_is_the_mean_over_objects_and_over_background(
    first: list[tuple[int, ...]], second: list[tuple[int, ...]]
):
    pictures = [
        torch.tensor([[x, y, min(x + w, 128), min(y + h, 96)] for x, y, w, h in rows if y < 96]).view(-1, 4) / 1.0
        for rows in (first, second)
    ]
    logits = torch.randn(2, 24, 32, generator=torch.Generator().manual_seed(0))
    objects, covered = [], torch.zeros(2, 24, 32, dtype=torch.bool)
    for image, boxes in enumerate(pictures):
        for box in boxes:
            row, column = zip(*cells_of(box, 24, 32, 4), strict=True)
            covered[image, list(row), list(column)] = True
            here = logits[image, list(row), list(column)]
            objects.append(F.binary_cross_entropy_with_logits(here, torch.ones_like(here)))
    rest = logits[~covered]
    expected = F.binary_cross_entropy_with_logits(rest, torch.zeros_like(rest)) if len(rest) else torch.zeros(())
    seen = torch.stack(objects).mean() if objects else torch.zeros(())
    assert mask_loss(logits, pictures, 4).item() == pytest.approx((expected + seen).item() / 2, rel=1e-5)


def test_ignored_regions_are_no_background_and_objects_in_them_are_objects() -> None:
    logits = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(0))
    objects, region = [torch.tensor([[4.0, 4.0, 12.0, 12.0]])], [torch.tensor([[8.0, 0.0, 32.0, 16.0]])]
    rest = torch.ones(8, 8, dtype=torch.bool)
    rest[1:3, 1:3] = rest[:4, 2:] = False
    seen = F.softplus(-logits[0, 1:3, 1:3]).mean()
    expected = (seen + F.softplus(logits[0][rest]).mean()) / 2
    assert mask_loss(logits, objects, 4, region).item() == pytest.approx(expected.item(), rel=1e-5)
    assert mask_loss(logits, objects, 4, [torch.zeros(0, 4)]).equal(mask_loss(logits, objects, 4))
    everywhere = mask_loss(logits, [torch.zeros(0, 4)], 4, [torch.tensor([[0.0, 0.0, 32.0, 32.0]])])
    assert everywhere.item() == 0


def test_the_head_is_given_the_regions_of_each_picture() -> None:
    head = MaskHead(MaskSpec(), SharedFeatures(channels=(16,), strides=(8.0,), nc=1))
    nothing = torch.zeros(0)
    data = {"bboxes": torch.zeros(0, 4), "batch_idx": nothing, IGNORED: torch.tensor([[1, -1, 0.25, 0.5, 0.5, 1.0]])}
    raw = RawPredictions(nothing, nothing, ((2, 4),), (8.0,))
    output = torch.zeros(2, 4, 8, requires_grad=True)
    targets = Targets(nothing, nothing, nothing, nothing, nothing, (16, 32), data, raw)
    head.loss(output, targets)["mask_loss"].backward()
    assert output.grad is not None
    pushed = output.grad.view(2, 4, 2, 4) > 0
    assert pushed[0].all()
    assert not pushed[1, :, :, :2].any()
    assert pushed[1, :, :, 2:].all()


def test_objects_weigh_the_same_whatever_their_size() -> None:
    boxes = torch.tensor([[0.0, 0.0, 8.0, 8.0], [16.0, 16.0, 64.0, 64.0], [10.0, 1.0, 10.5, 1.5]])
    weights, background = box_weights(boxes, (16, 16), 4)
    assert [weights[:2, :2].sum(), weights[4:, 4:].sum(), weights[0, 2]] == pytest.approx([1.0, 1.0, 1.0])
    assert (weights == 0).equal(background)


def test_no_object_is_all_background_and_objects_everywhere_are_no_background() -> None:
    logits = torch.zeros(1, 4, 4, requires_grad=True)
    for boxes in (torch.zeros(0, 4), torch.tensor([[0.0, 0.0, 16.0, 16.0]])):
        loss = mask_loss(logits, [boxes], 4)
        assert loss.item() == pytest.approx(0.5 * torch.tensor(2.0).log().item())
        loss.backward()
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(("finest", "factor"), [(16.0, 4), (8.0, 2), (4.0, 1), (2.0, 1)])
def test_cells_lie_where_the_picture_has_them(finest: float, factor: int) -> None:
    head = MaskHead(MaskSpec(), SharedFeatures(channels=(16,), strides=(finest,), nc=1))
    assert (head.factor, head.stride) == (factor, min(finest, 4))
    high, wide = 32, 64
    boxes = torch.tensor([[40.0, 8.0, 48.0, 20.0], [4.0, 16.0, 8.0, 20.0]])
    size = torch.tensor([wide, high, wide, high])
    normal = torch.cat(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]), 1) / size
    nothing = torch.zeros(0)
    raw = RawPredictions(nothing, nothing, ((2, 4),), (finest,))
    data = {"bboxes": normal, "batch_idx": torch.tensor([1.0, 1.0])}
    targets = Targets(nothing, nothing, nothing, nothing, nothing, (high, wide), data, raw)
    rows, columns = int(high / finest), int(wide / finest)
    output = head([torch.randn(2, 16, rows, columns)])
    assert output.shape == (2, factor**2, rows * columns)
    output = output.detach().requires_grad_()
    head.loss(output, targets)["mask_loss"].backward()
    assert output.grad is not None
    pulled = output.grad.view(2, factor, factor, rows, columns).permute(0, 3, 1, 4, 2).flatten(3).flatten(1, 2) < 0
    assert not pulled[0].any()
    side = int(head.stride)
    wanted = torch.zeros(high, wide, dtype=torch.bool)
    for x1, y1, x2, y2 in boxes.int().tolist():
        wanted[y1:y2, x1:x2] = True
    assert torch.equal(pulled[1], wanted[side // 2 :: side, side // 2 :: side])


@pytest.mark.parametrize(
    ("yaml", "narrow"),
    [("yolov8n.yaml", False), ("yolov8n.yaml", True), ("yolov8n-p2.yaml", False), ("yolo26n.yaml", False)],
)
def test_it_teaches_any_family_with_and_without_objects(yaml: str, narrow: bool) -> None:
    model = detector(yaml)
    criterion = attach(model, {"mask": MaskSpec(gain=1.0)}, epochs=10)
    criterion.detection = model.init_criterion()
    for objects in (3, 0):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            loss, items = model(batch(objects=objects))
        assert items["mask_loss"] > 0
        loss[-1].backward()
        assert all(p.grad.any() for p in criterion.parameters())
        assert next(model.model[0].parameters()).grad.any()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
        assert all(p.grad is None or not p.grad.any() for p in model.model[-1].parameters())


def test_one_batch_is_learned() -> None:
    head = MaskHead(MaskSpec(), SHARED)
    features = [torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(0))]
    nothing = torch.zeros(0)
    raw = RawPredictions(nothing, nothing, ((8, 8),), (8.0,))
    targets = Targets(nothing, nothing, nothing, nothing, nothing, (64, 64), batch(), raw)
    optimizer = torch.optim.Adam(head.parameters(), 2e-2)
    losses = []
    for _ in range(150):
        loss = head.loss(head(features), targets)["mask_loss"]
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0] / 5
