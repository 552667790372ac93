"""The assistant: a second detection branch, on finer maps than the detector's own, made of Ultralytics' parts."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules.block import C2f
from ultralytics.nn.modules.head import Detect
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.torch_utils import initialize_weights

from auxhead.errors import ConfigError
from auxhead.heads.base import Head, HeadSpec, RawPredictions, SharedFeatures, Targets
from auxhead.keys.heads.detect import DetectSpec
from auxhead.model.sparing import sparing

TOPK = 10
"""Anchors that a box selects among its candidates. Source: Ultralytics, utils/loss.py, v8DetectionLoss; YOLOv9 has the
same for its auxiliary branch as for its main one (utils/loss_tal_dual.py)."""


def _width(stride: float, shared: SharedFeatures) -> int:
    """Return the channels of a join: half at each finer level, but no fewer than Detect's own least width."""
    return max(int(shared.channels[0] * stride / shared.strides[0]), 16)


class DetectHead(Head):
    """Detect on finer maps than the detector does, beside it.

    A level that the detector's head reads is read as it is. A finer one is the backbone's map joined with the finest
    level, enlarged: alone, the backbone's early maps see little of the surroundings of an object, and the detector's
    finest level, which ships, would not be taught.

    Source:
        The branch and its loss are Ultralytics' `Detect` and `v8DetectionLoss`; a join is a top-down step of its
        yolov8-p2.yaml: upsample, concatenate, C2f with half the channels at each finer level. A second branch that is
        left out after training: Wang et al., "YOLOv7", CVPR 2023, and "YOLOv9", ECCV 2024.
    """

    Spec: ClassVar[type[HeadSpec]] = DetectSpec
    spec: DetectSpec

    def __init__(self, spec: DetectSpec, shared: SharedFeatures) -> None:
        super().__init__(spec, shared)
        channels = dict(zip(shared.strides, shared.channels, strict=True))
        channels |= {stride: _width(stride, shared) for stride in shared.finer}
        if missing := [stride for stride in spec.strides if stride not in channels]:
            raise ConfigError(
                expected=f"strides among {', '.join(f'{stride:g}' for stride in sorted(channels))}, "
                "of which this model has maps",
                found=", ".join(map(str, missing)),
                where=f"detect.strides={','.join(map(str, spec.strides))}",
                fix="choose some of them",
            )
        self.finer = tuple(float(stride) for stride in spec.strides if stride not in shared.strides)
        self.joins = nn.ModuleList(
            C2f(shared.channels[0] + shared.finer[stride], channels[stride], n=1) for stride in self.finer
        )
        self.reg_max = spec.reg_max or shared.reg_max
        self.branch = Detect(nc=shared.nc, reg_max=self.reg_max, ch=tuple(channels[stride] for stride in spec.strides))
        self.branch.dfl = nn.Identity()  # it decodes, which is for inference; it would count as weights left out
        self.branch.stride = torch.tensor(spec.strides, dtype=torch.float32)
        self.branch.bias_init()
        initialize_weights(self)  # Ultralytics' constants of batch norm

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Predict boxes and classes.

        Returns:
            Distances to the four sides as bins, then class logits, shape (B, 4 reg_max + nc, A); A anchors of its own,
            level by level, finest first.
        """
        levels: dict[float, Tensor] = dict(zip(self.shared.strides, features, strict=False))
        for stride, map_, join in zip(self.finer, features[len(self.shared.strides) :], self.joins, strict=True):
            enlarged = F.interpolate(features[0], size=map_.shape[2:], mode="nearest")
            levels[stride] = join(torch.cat((enlarged, map_), 1))
        predicted = self.branch([levels[stride] for stride in self.spec.strides])
        return torch.cat((predicted["boxes"], predicted["scores"]), 1)

    def loss(self, output: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Compare with the boxes of the batch, by an assignment of its own.

        Args:
            output: What `forward` returned.
            targets: The batch, and the detection loss, whose gains `box`, `cls` and `dfl` count here as well.

        Returns:
            The terms detect_box_loss, detect_cls_loss and detect_dfl_loss (detect_l1_loss with reg_max=1). Without
            objects the class term alone is above 0: all of the picture is background.
        """
        boxes, scores = output[:, : 4 * self.reg_max], output[:, 4 * self.reg_max :]
        high, wide = targets.image_size
        one = output.new_zeros((), dtype=torch.float32)  # the loss asks maps for shape and type; bfloat16 has no halves
        maps = [one.expand(len(output), 1, high // stride, wide // stride) for stride in self.spec.strides]
        criterion = v8DetectionLoss(self._stand_in(targets.host), tal_topk=TOPK)
        predicted = {"boxes": boxes, "scores": scores, "feats": maps}
        cells = tuple((high // stride, wide // stride) for stride in self.spec.strides)
        raw = RawPredictions(boxes, scores, cells, tuple(map(float, self.spec.strides)))
        with sparing({"detect": (criterion, raw)}, targets.batch):
            _, terms, _ = criterion.get_assigned_targets_and_loss(predicted, targets.batch)
        return {f"detect_{name}": term for name, term in zip(criterion.loss_names, terms, strict=True)}

    def _stand_in(self, detection: Any) -> Any:
        """Describe the branch as a model of its own, as Ultralytics' loss asks for it."""
        return SimpleNamespace(
            parameters=self.parameters,
            args=detection.hyp,
            model=[self.branch],
            class_weights=detection.class_weights,
        )
