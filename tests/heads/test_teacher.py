from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.metrics import bbox_iou
from ultralytics.utils.tal import make_anchors

from auxhead.errors import AttachError
from auxhead.heads.base import IGNORED, Moment, RawPredictions, SharedFeatures, Targets
from auxhead.heads.teacher import (
    LARGE,
    TeacherHead,
    class_loss,
    decode_boxes,
    level_for,
    pool,
    size_weight,
    teaching_losses,
)
from auxhead.keys.heads.teacher import TeacherSpec

SHARED = SharedFeatures(channels=(16, 32), strides=(8.0, 16.0), nc=3)
NOWHERE = -12.0  # a logit far below SEEN


def raw(
    size: int, strides: tuple[float, ...], *, bins: int = 16, images: int = 2, seed: int = 0, shift: float = 0.0
) -> RawPredictions:
    """Random predictions on pictures of a size."""
    generator = torch.Generator().manual_seed(seed)
    levels = tuple((int(size / stride), int(size / stride)) for stride in strides)
    anchors = sum(high * wide for high, wide in levels)
    boxes = torch.randn(images, 4 * bins, anchors, generator=generator)
    boxes = boxes if bins > 1 else 1.5 + boxes.abs()
    return RawPredictions(boxes, torch.randn(images, 3, anchors, generator=generator) + shift, levels, strides)


def trained(predictions: RawPredictions) -> RawPredictions:
    """The same, as leaves whose gradients can be asked."""
    return replace(
        predictions,
        boxes=predictions.boxes.clone().requires_grad_(),
        scores=predictions.scores.clone().requires_grad_(),
    )


def targets(student: RawPredictions, labels: dict[tuple[int, int], Tensor] | None = None) -> Targets:
    """A batch whose anchors (image, anchor) are assigned to labelled boxes."""
    images, _, anchors = student.scores.shape
    foreground, boxes = torch.zeros(images, anchors, dtype=torch.bool), torch.zeros(images, anchors, 4)
    for place, box in (labels or {}).items():
        foreground[place] = True
        boxes[place] = box
    nowhere = torch.zeros(anchors, 2), torch.ones(anchors, 1)
    batch = {"img": torch.zeros(images, 3, 32, 32)}
    return Targets(foreground, foreground.long(), boxes, *nowhere, (32, 32), batch, student)


def gradients(terms: dict[str, Tensor], student: RawPredictions) -> tuple[Tensor, Tensor]:
    torch.stack(list(terms.values())).sum().backward()
    assert student.boxes.grad is not None
    assert student.scores.grad is not None
    return student.boxes.grad, student.scores.grad


def met(head: TeacherHead, seen: RawPredictions) -> TeacherHead:
    head.meet(lambda _: seen)
    return head


# -- what the teacher sees, cell by cell ------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [16, 1])
def test_decoding_is_that_of_ultralytics_loss(bins: int) -> None:
    seen = raw(32, (8.0, 16.0), bins=bins)
    points, strides = make_anchors([torch.zeros(1, 1, *level) for level in seen.levels], seen.strides)
    loss = object.__new__(v8DetectionLoss)
    loss.use_dfl, loss.proj = bins > 1, torch.arange(bins, dtype=torch.float)
    theirs = loss.bbox_decode(points, seen.boxes.permute(0, 2, 1).contiguous()) * strides
    image, anchor = torch.cartesian_prod(torch.arange(2), torch.arange(20)).unbind(1)
    assert torch.allclose(decode_boxes(seen, image, anchor), theirs.flatten(0, 1), atol=1e-4)
    assert decode_boxes(seen, image[:0], anchor[:0]).shape == (0, 4)


def test_boxes_are_as_exact_in_bfloat16_also_beyond_the_128th_cell() -> None:
    boxes = torch.randn(1, 64, 300, generator=torch.Generator().manual_seed(0)).bfloat16()
    seen = RawPredictions(boxes, torch.zeros(1, 3, 300).bfloat16(), ((1, 300),), (4.0,))
    there = torch.tensor([0]), torch.tensor([299])
    bins = boxes[0, :, 299].double().view(4, 16).softmax(-1) @ torch.arange(16.0).double()
    expected = 4 * (torch.tensor([299.5, 0.5, 299.5, 0.5]) + torch.tensor([-1, -1, 1, 1]) * bins)
    assert decode_boxes(seen, *there)[0].tolist() == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("strides", "scale", "students"),
    [
        ((8.0, 16.0, 32.0), 1, (8.0, 16.0, 32.0)),
        ((8.0, 16.0, 32.0), 2, (8.0, 16.0, 32.0)),
        ((4.0, 8.0, 16.0, 32.0), 2, (8.0, 16.0)),
        ((8.0, 16.0, 32.0), 2, (4.0, 8.0, 16.0)),
        ((8.0, 16.0, 32.0), 1, (4.0, 8.0)),
        ((8.0, 16.0), 1, (32.0,)),
    ],
)
def test_pooling_is_that_of_a_plain_loop(strides: tuple[float, ...], scale: int, students: tuple[float, ...]) -> None:
    seen = raw(64 * scale, strides, seed=3)
    levels = [(int(64 / stride), int(64 / stride)) for stride in students]
    pooled = pool(seen, levels, students, scale)
    scores, starts = seen.scores, [0]
    for high, wide in seen.levels:
        starts.append(starts[-1] + high * wide)
    cell = 0
    for place, ((high, wide), own) in enumerate(zip(levels, students, strict=True)):
        for row in range(high):
            for column in range(wide):
                inside = []
                for level, stride in enumerate(strides):
                    pixels = stride / scale
                    if pixels > own or (place and pixels <= students[place - 1]):
                        continue  # another level's
                    for y in range(seen.levels[level][0]):
                        for x in range(seen.levels[level][1]):
                            middle = ((y + 0.5) * pixels, (x + 0.5) * pixels)
                            if (middle[0] // own, middle[1] // own) == (row, column):
                                inside.append(starts[level] + y * seen.levels[level][1] + x)
                assert pooled.covered[cell].item() is bool(inside)
                for image in range(2):
                    if inside:
                        assert torch.equal(pooled.logits[image, :, cell], scores[image][:, inside].amax(1))
                        best = max(inside, key=lambda anchor: scores[image, :, anchor].max().item())
                        assert pooled.anchor[image, cell] == best
                    else:
                        assert pooled.logits[image, :, cell].sigmoid().max() == 0
                cell += 1
    assert cell == pooled.logits.shape[-1]


def test_levels_go_where_they_are_no_finer() -> None:
    assert [level_for(stride, (8.0, 16.0, 32.0)) for stride in (2.0, 8.0, 12.0, 32.0, 64.0)] == [0, 0, 1, 2, None]


# -- what is learned from it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [16, 1])
def test_who_sees_what_the_teacher_sees_learns_nothing(bins: int) -> None:
    seen = raw(64, (8.0, 16.0), bins=bins)
    student = trained(seen)
    terms = teaching_losses(student, seen, targets(student), scale=1)
    assert terms["teach_cls_loss"].item() == 0
    assert terms["teach_box_loss"].item() == pytest.approx(0, abs=1e-5)
    boxes, scores = gradients(terms, student)
    assert not scores.any()
    assert boxes.abs().max() < 1e-5
    other = trained(raw(64, (8.0, 16.0), bins=bins, seed=1))
    boxes, scores = gradients(teaching_losses(other, seen, targets(other), scale=1), other)
    assert scores.abs().max() > 1e-3
    assert boxes.abs().max() > 1e-3


def test_a_larger_q_moves_logits_up_and_a_smaller_one_down() -> None:
    logits = torch.zeros(2, requires_grad=True)
    class_loss(logits, torch.tensor([0.9, 0.1])).sum().backward()
    assert logits.grad is not None
    assert logits.grad[0] < 0 < logits.grad[1]


def test_losses_by_hand() -> None:
    """One object in a 2 x 2 grid, another one seen faintly, in the words of the docs."""
    seen = raw(16, (8.0,), images=1, shift=NOWHERE)
    seen.scores[0, 1, 2] = 2.0
    student = trained(raw(16, (8.0,), images=1, seed=1))
    terms = teaching_losses(student, seen, targets(student), scale=1)
    q = seen.scores.sigmoid()
    each = (student.scores.sigmoid() - q).abs() * F.binary_cross_entropy(student.scores.sigmoid(), q, reduction="none")
    box = decode_boxes(seen, torch.tensor([0]), torch.tensor([2]))
    own = decode_boxes(student, torch.tensor([0]), torch.tensor([2]))
    side = ((box[0, 2] - box[0, 0]) * (box[0, 3] - box[0, 1])).sqrt()
    weight = (32 / side).clamp(1, 4)
    objects, rest = weight * each[0, :, 2].sum(), each[0, :, [0, 1, 3]].sum()
    assert rest > objects / 2
    assert terms["teach_cls_loss"].item() == pytest.approx((1.5 * objects).item(), rel=1e-5)  # u is below 1: over 1
    ciou = bbox_iou(own, box, xywh=False, CIoU=True).squeeze()
    assert terms["teach_box_loss"].item() == pytest.approx((4 * q.max() * weight * (1 - ciou)).item(), rel=1e-4)


def test_sums_are_over_what_is_seen_in_all_levels() -> None:
    seen, student = raw(64, (8.0, 16.0), shift=1.0), trained(raw(64, (8.0, 16.0), seed=1))
    once = teaching_losses(student, seen, targets(student), scale=1)
    more = replace(seen, boxes=seen.boxes.repeat(2, 1, 1), scores=seen.scores.repeat(2, 1, 1))
    both = replace(student, boxes=student.boxes.repeat(2, 1, 1), scores=student.scores.repeat(2, 1, 1))
    again = teaching_losses(both, more, targets(both), scale=1)
    assert all(again[name].item() == pytest.approx(once[name].item(), rel=1e-4) for name in once)


def test_a_teacher_that_sees_nothing_gives_zero_and_no_nan() -> None:
    student = trained(raw(32, (8.0, 16.0)))
    terms = teaching_losses(student, raw(32, (8.0, 16.0), shift=NOWHERE), targets(student), scale=1)
    assert {name: value.item() for name, value in terms.items()} == {"teach_cls_loss": 0, "teach_box_loss": 0}
    boxes, scores = gradients(terms, student)
    assert not boxes.any()
    assert not scores.any()


def test_the_background_weighs_at_most_half_of_the_objects() -> None:
    seen = raw(64, (8.0,), images=1, shift=NOWHERE)
    seen.scores[0, 0, 5] = 2.0
    student = trained(raw(64, (8.0,), images=1, seed=1, shift=3.0))  # sees something everywhere
    _, scores = gradients(teaching_losses(student, seen, targets(student), scale=1), student)
    assert scores[0, :, :5].abs().sum() > 0
    alone = trained(replace(student, boxes=student.boxes.detach(), scores=student.scores.detach()))
    only = targets(alone)
    everywhere_else = torch.ones_like(only.foreground)
    everywhere_else[0, 5] = False
    gradients(teaching_losses(alone, seen, replace(only, foreground=everywhere_else), scale=1), alone)
    assert alone.scores.grad is not None
    assert not alone.scores.grad[0, :, :5].any()  # labelled, and not seen: the label's business
    assert torch.allclose(alone.scores.grad[0, :, 5], scores[0, :, 5])


def test_levels_without_a_teacher_are_left_alone() -> None:
    student = trained(raw(64, (8.0, 16.0, 32.0)))
    seen = raw(128, (8.0, 16.0, 32.0), seed=1)  # 4, 8 and 16 pixels of the student's
    boxes, scores = gradients(teaching_losses(student, seen, targets(student), scale=2), student)
    assert scores[..., : 64 + 16].any()
    assert not scores[..., 64 + 16 :].any()
    assert not boxes[..., 64 + 16 :].any()


@pytest.mark.parametrize("teacher_is_better", [True, False])
def test_where_the_label_is_the_better_teacher_it_alone_teaches(teacher_is_better: bool) -> None:
    student, seen = trained(raw(64, (8.0,), images=1)), raw(64, (8.0,), images=1, seed=1)
    here = torch.tensor([0]), torch.tensor([27])
    label = decode_boxes(seen if teacher_is_better else student, *here)[0].detach()
    boxes, scores = gradients(teaching_losses(student, seen, targets(student, {(0, 27): label}), scale=1), student)
    assert scores[0, :, 27].any().item() is teacher_is_better
    assert boxes[0, :, 27].any().item() is teacher_is_better
    assert boxes[0, :, 28].any()


@pytest.mark.parametrize("cls", [-1, 1])
def test_in_ignored_regions_nothing_is_taught(cls: int) -> None:
    """The upper left quarter of the first picture is ignored; a label in it is taught as ever."""
    seen, student = raw(32, (8.0, 16.0), shift=1.0), trained(raw(32, (8.0, 16.0), seed=1))
    label = decode_boxes(seen, torch.tensor([0]), torch.tensor([5]))[0]
    plain = targets(student, {(0, 5): label})
    regions = torch.tensor([[0.0, cls, 0.25, 0.25, 0.5, 0.5]])
    batch = replace(plain, batch={**plain.batch, IGNORED: regions})
    boxes, scores = gradients(teaching_losses(student, seen, batch, scale=1), student)
    inside = [0, 1, 4, 16]  # without the label's; the last one is the coarse cell
    classes = [0, 1, 2] if cls < 0 else [cls]
    assert not scores[0, classes][:, inside].any()
    best = seen.scores[0].argmax(0)
    assert [boxes[0, :, place].any().item() for place in inside] == [
        best[place].item() not in classes for place in inside
    ]
    assert scores[0, :, 5].any()
    everywhere = torch.ones_like(student.scores, dtype=torch.bool)
    everywhere[0, :, inside] = False
    assert scores[everywhere].all()


def test_boxes_are_compared_in_the_students_pixels() -> None:
    """A teacher of the same strides at twice the size, whose boxes are those of the student, twice as large."""
    student = trained(raw(64, (8.0,), images=1, bins=1))
    image, anchor = torch.zeros(64, dtype=torch.long), torch.arange(64)
    own = decode_boxes(student, image, anchor).detach()
    fine = raw(128, (8.0,), images=1, bins=1, shift=NOWHERE)
    rows, columns = 2 * (anchor // 8), 2 * (anchor % 8)  # the upper left of each four
    place = rows * 16 + columns
    middle = torch.stack((columns, rows), -1) + 0.5
    fine.boxes[0, :, place] = torch.cat((middle - 2 * own[:, :2] / 8, 2 * own[:, 2:] / 8 - middle), -1).T
    fine.scores[0, :, place] = student.scores.detach()[0]
    fine.scores[0, 0, place] = 3.0
    terms = teaching_losses(student, fine, targets(student), scale=2)
    assert terms["teach_box_loss"].item() == pytest.approx(0, abs=1e-3)


def test_small_objects_weigh_more() -> None:
    boxes = torch.tensor([[0.0, 0, 100, 100], [0, 0, 32, 32], [0, 0, 8, 32], [0, 0, 1, 1], [3, 3, 3, 9], [9, 9, 3, 3]])
    assert size_weight(boxes).tolist() == [1, 1, 2, 4, 0, 0]
    assert size_weight(boxes[:0]).shape == (0,)


# -- the head --------------------------------------------------------------------------------------------------------


def test_the_teacher_is_shown_the_large_picture_where_there_is_one() -> None:
    student, shown = trained(raw(32, (8.0, 16.0))), []

    def look(images: Tensor) -> RawPredictions:
        shown.append(tuple(images.shape))
        return raw(images.shape[-1], (8.0, 16.0))

    for spec in (TeacherSpec(weights="t.pt", scale=1), TeacherSpec(weights="t.pt", scale=2)):
        head = TeacherHead(spec, SHARED)
        head.meet(look)
        batch = targets(student)
        large = {LARGE: torch.zeros(2, 3, 64, 64)} if spec.scale > 1 else {}
        output = head([torch.zeros(2, 16, 4, 4), torch.zeros(2, 32, 2, 2)])
        assert output.numel() == 0
        head.loss(output, replace(batch, batch={**batch.batch, **large}))
    assert shown == [(2, 3, 32, 32), (2, 3, 64, 64)]


def test_permuted_pictures_get_what_is_seen_in_the_one_before() -> None:
    seen, student = raw(32, (8.0, 16.0), images=3), trained(raw(32, (8.0, 16.0), images=3, seed=1))
    spec = TeacherSpec(weights="t.pt", permute=True)
    given = met(TeacherHead(spec, SHARED), seen).loss(torch.zeros(0), targets(student))
    order = [2, 0, 1]
    rolled = replace(seen, boxes=seen.boxes[order], scores=seen.scores[order])
    expected = teaching_losses(student, rolled, targets(student), scale=1)
    assert all(torch.equal(given[name], value) for name, value in expected.items())
    single = trained(raw(32, (8.0, 16.0), images=1))
    other = raw(32, (8.0, 16.0), images=1, seed=1)
    terms = met(TeacherHead(spec, SHARED), other).loss(torch.zeros(0), targets(single))
    assert not any(terms.values())  # there is no other picture


def test_teaching_rises_and_ends_with_the_mosaics() -> None:
    head = TeacherHead(TeacherSpec(weights="t.pt", warmup=4), SHARED)
    assert [head.strength(Moment(batch)) for batch in (0, 1, 3, 100)] == [0.25, 0.5, 1, 1]
    assert head.strength(Moment(100, closing=True)) == 0
    assert TeacherHead(TeacherSpec(weights="t.pt", warmup=0), SHARED).strength(Moment(0)) == 1
    head.meet(lambda _: pytest.fail("asked in the last epochs"))
    student = trained(raw(32, (8.0, 16.0)))
    terms = head.loss(torch.zeros(0), replace(targets(student), moment=Moment(9, closing=True)))
    assert not any(terms.values())
    assert all(value.requires_grad for value in terms.values())


def test_without_gain_no_teacher_is_needed() -> None:
    spec = TeacherSpec(gain=0.0, scale=2)
    assert not spec.looks
    student = trained(raw(32, (8.0, 16.0)))
    assert not any(TeacherHead(spec, SHARED).loss(torch.zeros(0), targets(student)).values())
    with pytest.raises(AttachError, match=r"teacher\.weights"):
        TeacherHead(TeacherSpec(weights="t.pt"), SHARED).loss(torch.zeros(0), targets(student))


def test_a_copy_shares_the_teacher_and_a_pickle_has_none() -> None:
    head = met(TeacherHead(TeacherSpec(weights="t.pt"), SHARED), raw(32, (8.0, 16.0)))
    assert not list(head.parameters())
    assert not head.state_dict()
    assert copy.deepcopy(head).outside is head.outside
    again = pickle.loads(pickle.dumps(head))
    assert again.outside.look is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "weights is required"),
        ({"share": 0.5}, "weights is required"),
        ({"weights": "t.pt", "scale": 3}, "1 or 2"),
        ({"weights": "t.pt", "schedule": "detach", "schedule_epoch": 3}, "nothing of its own"),
        ({"weights": "t.pt", "warmup": -1}, "greater than or equal to 0"),
        ({"weights": "t.pt", "sha256": "abc"}, "match pattern"),
        ({"weights": "t.pt", "share": 0.3, "gain": 1.0}, "exclude each other"),
    ],
)
def test_spec_refuses(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TeacherSpec(**keys)
