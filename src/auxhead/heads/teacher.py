"""A better-sighted detector as a teacher: no weights of its own, only targets for what the detector predicts anyway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import complete_box_iou_loss

from auxhead.errors import AttachError
from auxhead.heads.anchors import cells, spared
from auxhead.heads.base import IGNORED, Head, HeadSpec, Moment, RawPredictions, SharedFeatures, Targets
from auxhead.keys.heads.teacher import TeacherSpec

Look = Callable[[Tensor], RawPredictions]
"""What a teacher does: pictures, shape (B, C, H, W), 0 to 1, to predictions with the classes in the student's order."""

LARGE = "auxhead_large"
"""Entry of a batch that holds its pictures at the teacher's size, where that is another one."""

SEEN = 0.05
"""Best class score above which the teacher sees an object. Source: BCKD, as are the two weights below: Yang et al.,
"Bridging Cross-task Protocol Inconsistency for Distillation in Dense Object Detection", ICCV 2023."""

CLASS_WEIGHT, BOX_WEIGHT = 1.0, 4.0

FULL_SIDE, HEAVIEST = 32.0, 4.0
"""Side of an object, pixels of the student's input, that weighs 1; half as wide weighs twice as much, to HEAVIEST.
Source: own choice; 32 is COCO's limit of small."""

BACKGROUND = 0.5
"""What all cells without an object may weigh together, times the others. Source: own choice."""


@dataclass(frozen=True)
class Pooled:
    """What a teacher sees, cell by cell of the student; A cells, in the order of the student's anchors.

    Attributes:
        logits: Largest logit of each class in the cell, shape (B, nc, A); -inf where no anchor of the teacher's lies.
        anchor: The teacher's anchor with the best score in the cell, shape (B, A); 0 where there is none.
        covered: Cells of levels that the teacher has a level for, shape (A,), bool.
    """

    logits: Tensor
    anchor: Tensor
    covered: Tensor


def level_for(stride: float, strides: Sequence[float]) -> int | None:
    """Choose the student's level that a level of the teacher's teaches: the finest one that is no finer than it.

    Args:
        stride: Of the teacher's level, pixels of the student's input.
        strides: Of the student's levels, finest first.

    Returns:
        Its place; None for a level coarser than all of the student's.

    >>> [level_for(stride, (8.0, 16.0, 32.0)) for stride in (4.0, 8.0, 16.0, 64.0)]
    [0, 0, 1, None]
    """
    return next((place for place, own in enumerate(strides) if own >= stride), None)


def pool(seen: RawPredictions, levels: Sequence[tuple[int, int]], strides: Sequence[float], scale: int) -> Pooled:
    """Gather what a teacher sees into the cells of a student.

    Args:
        seen: The teacher's predictions, on pictures that are `scale` times as large as the student's.
        levels: Height and width of the student's grids, finest first.
        strides: Pixels of the student's input per cell of each.
        scale: Side of the teacher's picture over that of the student's.

    Returns:
        The largest logit of each class in each cell, and which anchor is the best there. Where several levels of the
        teacher's come to one of the student's, the best of all.
    """
    batch, classes, _ = seen.scores.shape
    scores = seen.scores.float()
    logits = [scores.new_full((batch, classes, high, wide), -torch.inf) for high, wide in levels]
    best = [scores.new_full((batch, high, wide), -torch.inf) for high, wide in levels]
    anchor = [torch.zeros_like(map_, dtype=torch.long) for map_ in best]
    covered = [False] * len(levels)
    start = 0
    for (high, wide), stride in zip(seen.levels, seen.strides, strict=True):
        place = level_for(stride / scale, strides)
        if place is not None:
            map_ = scores[..., start : start + high * wide].reshape(batch, classes, high, wide)
            side = round(strides[place] * scale / stride)
            logits[place] = torch.maximum(logits[place], F.max_pool2d(map_, side))
            top, where = F.max_pool2d(map_.amax(1), side, return_indices=True)
            anchor[place] = torch.where(top > best[place], where + start, anchor[place])
            best[place] = torch.maximum(best[place], top)
            covered[place] = True
        start += high * wide
    cells = [torch.full((high * wide,), there) for (high, wide), there in zip(levels, covered, strict=True)]
    return Pooled(
        torch.cat([map_.flatten(2) for map_ in logits], -1),
        torch.cat([map_.flatten(1) for map_ in anchor], -1),
        torch.cat(cells).to(scores.device),
    )


def decode_boxes(raw: RawPredictions, image: Tensor, anchor: Tensor) -> Tensor:
    """Decode the boxes of some anchors, in float32 whatever the predictions are in.

    Args:
        raw: Predictions of a detector.
        image: Picture of each box, shape (N,).
        anchor: Anchor of each box, shape (N,).

    Returns:
        Boxes x1, y1, x2, y2, shape (N, 4), pixels of that detector's input. N = 0 gives an empty tensor.

    Source:
        Ultralytics' `Detect.decode_bboxes` and `DFL`: the mean of the bins, from the middle of the cell. Its grid is as
        precise as the feature maps, which in bfloat16 can't tell columns beyond the 128th.
    """
    bins = raw.boxes.shape[1] // 4
    distances = raw.boxes[image, :, anchor].float().view(-1, 4, bins)
    if bins > 1:
        distances = (distances.softmax(-1) * torch.arange(bins, device=distances.device)).sum(-1)
    else:
        distances = distances.squeeze(-1)
    places, pixels = cells(raw, anchor)
    return torch.cat((places - distances[:, :2], places + distances[:, 2:]), -1) * pixels


def class_loss(logits: Tensor, q: Tensor) -> Tensor:
    """Measure how far class scores are from a teacher's.

    Args:
        logits: The student's, any shape.
        q: The teacher's scores, same shape, 0 to 1.

    Returns:
        |sigmoid(logits) - q| times the binary cross entropy, same shape; 0 where both agree.

    Source:
        BCKD's classification loss (`novel_kd_loss` in its repository), whose weight is part of the graph as well.

    >>> class_loss(torch.tensor([0.0, 0.0]), torch.tensor([0.5, 1.0]))
    tensor([0.0000, 0.3466])
    """
    return (logits.sigmoid() - q).abs() * F.binary_cross_entropy_with_logits(logits, q, reduction="none")


def size_weight(boxes_xyxy: Tensor) -> Tensor:
    """Weigh small objects more: FULL_SIDE over the side, from 1 to HEAVIEST.

    Args:
        boxes_xyxy: Boxes, shape (N, 4), pixels of the student's input.

    Returns:
        Weights, shape (N,); 0 for boxes without an area. N = 0 gives an empty tensor.

    >>> size_weight(torch.tensor([[0.0, 0.0, 64.0, 64.0], [0.0, 0.0, 16.0, 16.0], [0.0, 0.0, 2.0, 2.0]]))
    tensor([1., 2., 4.])
    """
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    weight = (FULL_SIDE / sides.prod(-1).clamp(min=1e-9).sqrt()).clamp(1.0, HEAVIEST)
    return weight * (sides > 0).all(-1)


def teaching_losses(student: RawPredictions, seen: RawPredictions, targets: Targets, scale: int) -> dict[str, Tensor]:
    """Compare what a student predicts with what its teacher sees.

    A cell has an object where the teacher's best class score u is above SEEN. There its classes and its box are taught,
    small objects more. Anchors that the detection loss has assigned to a labelled box learn from the teacher only where
    it sees an object whose box fits the label at least as well as the student's own (by CIoU): where the label is the
    better teacher, the label alone teaches. In ignored regions nothing is taught, as nobody says what is there.

    Args:
        student: Its predictions, part of the graph.
        seen: The teacher's predictions, on pictures that are `scale` times as large.
        targets: The batch as the detection loss has assigned it.
        scale: Side of the teacher's picture over that of the student's.

    Returns:
        The terms teach_cls_loss and teach_box_loss, over the sum of u of all levels (at least 1, as the detection
        loss has it); 0 where the teacher sees nothing.
    """
    pooled = pool(seen, student.levels, student.strides, scale)
    q = pooled.logits.sigmoid()
    ignored = _ignored(student, targets)
    u, best = q.max(1)
    u = u.masked_fill(ignored.gather(1, best.unsqueeze(1)).squeeze(1), 0.0)
    image, anchor = (u > SEEN).nonzero(as_tuple=True)
    if not len(image):
        return nothing(student)
    theirs = decode_boxes(seen, image, pooled.anchor[image, anchor]) / scale
    own = decode_boxes(student, image, anchor)
    weight = size_weight(theirs) * _is_trusted(theirs, own.detach(), targets, image, anchor)
    classes = class_loss(student.scores.float(), q).masked_fill(ignored, 0.0).sum(1)
    objects = (classes[image, anchor] * weight).sum()
    rest = classes[pooled.covered & (u <= SEEN) & ~targets.foreground].sum()
    share = (BACKGROUND * objects.detach() / rest.detach().clamp(min=1e-9)).clamp(max=1.0)
    strength = u[image, anchor]
    total = strength.sum().clamp(min=1.0)
    boxes = (strength * weight * complete_box_iou_loss(own, theirs, reduction="none")).sum()
    return {
        "teach_cls_loss": CLASS_WEIGHT * (objects + share * rest) / total,
        "teach_box_loss": BOX_WEIGHT * boxes / total,
    }


def nothing(student: RawPredictions) -> dict[str, Tensor]:
    """Return the terms of a batch with nothing to learn from: 0, and still part of the graph."""
    zero = student.scores[..., :0].sum() + student.boxes[..., :0].sum()
    return {"teach_cls_loss": zero, "teach_box_loss": zero}


def _ignored(student: RawPredictions, targets: Targets) -> Tensor:
    """Tell what is not taught: classes of anchors in ignored regions that have no labelled object, shape (B, nc, A)."""
    regions = targets.batch.get(IGNORED)
    if regions is None:
        return torch.zeros_like(student.scores, dtype=torch.bool)
    return spared(regions, student, targets.image_size) & ~targets.foreground.unsqueeze(1)


def _is_trusted(theirs: Tensor, own: Tensor, targets: Targets, image: Tensor, anchor: Tensor) -> Tensor:
    """Tell at which of some anchors the teacher counts, shape (N,): not where the label is the better teacher."""
    label = targets.boxes_xyxy[image, anchor].float()
    worse = complete_box_iou_loss(theirs, label) > complete_box_iou_loss(own, label)
    untaught: Tensor = targets.foreground[image, anchor] & worse
    return ~untaught


class Outside:
    """Hold a teacher outside of the module tree: copies share it, and a pickle leaves it out."""

    def __init__(self, look: Look | None = None) -> None:
        self.look = look

    def __deepcopy__(self, memo: dict[int, object]) -> Outside:
        return self

    def __reduce__(self) -> tuple[type[Outside], tuple[()]]:
        return Outside, ()


class TeacherHead(Head):
    """Draw the detector's own predictions to those of a teacher; a head without weights."""

    Spec: ClassVar[type[HeadSpec]] = TeacherSpec
    spec: TeacherSpec

    def __init__(self, spec: TeacherSpec, shared: SharedFeatures) -> None:
        super().__init__(spec, shared)
        self.outside = Outside()

    def meet(self, look: Look) -> None:
        """Take a teacher; it stays outside of the module tree, and so of copies, optimizers, devices and files."""
        self.outside.look = look

    def strength(self, moment: Moment) -> float:
        """Rise over `warmup` batches; nothing in the last epochs, without mosaics, and where gain=0 asks no teacher."""
        if moment.closing or not self.spec.looks:
            return 0.0
        return min((moment.batch + 1) / max(self.spec.warmup, 1), 1.0)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return nothing, shape (B, 0, 0): what is compared is what the detector predicts."""
        return features[0].new_zeros(len(features[0]), 0, 0)

    def loss(self, output: Tensor, targets: Targets) -> dict[str, Tensor]:  # noqa: ARG002  the detector's counts
        """Return the terms teach_cls_loss and teach_box_loss.

        Raises:
            AttachError: There is a teacher to ask, and none was met.
        """
        alone = self.spec.permute and len(targets.foreground) < 2
        if alone or not self.strength(targets.moment):
            return nothing(targets.raw)
        if self.outside.look is None:
            raise AttachError(
                expected="a teacher to ask",
                found="none: it is left out of pickles, and a head that is built anew has met none",
                where="heads=teacher",
                fix="train with `auxhead train` or `auxhead.trainer(...)`, which open teacher.weights",
            )
        seen = self.outside.look(targets.batch.get(LARGE, targets.batch["img"]))
        if self.spec.permute:
            seen = replace(seen, boxes=seen.boxes.roll(1, 0), scores=seen.scores.roll(1, 0))
        return teaching_losses(targets.raw, seen, targets, self.spec.scale)
