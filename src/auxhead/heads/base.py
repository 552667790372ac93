"""The contract between a removable head and the training around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from auxhead.keys.heads.base import HeadSpec

__all__ = ["IGNORED", "Head", "HeadSpec", "Moment", "ObjectSizes", "RawPredictions", "SharedFeatures", "Targets"]

IGNORED = "ignored"
"""Where a batch holds its ignored regions, if it has any: rows of picture, class (-1: every one), x_center, y_center,
width, height, shape (k, 6), shares of the picture. What is in them is an object or none."""


@dataclass(frozen=True)
class SharedFeatures:
    """What a head is told about the detector when it is built.

    Attributes:
        channels: Channels of each feature map the detector's head reads, finest level first.
        strides: Pixels of the network input per cell of each level.
        nc: Number of classes.
        reg_max: Bins of a distance to a side of a box; 1: the distance itself.
        finer: Channels of the backbone's maps that are finer than all of these, by stride.
    """

    channels: tuple[int, ...]
    strides: tuple[float, ...]
    nc: int
    reg_max: int = 16
    finer: Mapping[float, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectSizes:
    """How large the training objects are, pixels of the network input before augmentation.

    Attributes:
        mean: Mean of sqrt(box area).
        rms: Square root of the mean box area.
    """

    mean: float
    rms: float


@dataclass(frozen=True)
class RawPredictions:
    """What a detector's own head gives for a batch, before anything is decoded; A anchors, level by level, row by row.

    Attributes:
        boxes: Distances to the four sides, as R bins each, shape (B, 4 R, A); R = 1: the distances, grid cells.
        scores: Logits of the classes, shape (B, nc, A).
        levels: Height and width of each level's grid, finest level first.
        strides: Pixels of the network input per cell of each level.
    """

    boxes: Tensor
    scores: Tensor
    levels: tuple[tuple[int, int], ...]
    strides: tuple[float, ...]


@dataclass(frozen=True)
class Moment:
    """When in a training a batch comes.

    Attributes:
        batch: Batches before it.
        closing: Whether it is one of the last `close_mosaic` epochs.
    """

    batch: int = 0
    closing: bool = False


@dataclass(frozen=True)
class Targets:
    """One batch as the detection loss has assigned it.

    Attributes:
        foreground: Anchors that carry an object, shape (B, A), bool.
        object_index: Row of the assigned object among its image's objects, shape (B, A); meaningless off foreground.
        boxes_xyxy: Box assigned to each anchor, shape (B, A, 4), pixels of the network input.
        anchors: Anchor points, shape (A, 2), grid cells of their level.
        strides: Pixels per cell of each anchor's level, shape (A, 1).
        image_size: Height and width of the network input, pixels.
        batch: The batch itself, for heads that need more than boxes (masks, keypoints).
        raw: What the detector predicts, part of the graph; of end-to-end detectors the one-to-many branch.
        moment: When in the training the batch comes.
        host: Ultralytics' loss that has assigned the batch, for heads made of its parts.
    """

    foreground: Tensor
    object_index: Tensor
    boxes_xyxy: Tensor
    anchors: Tensor
    strides: Tensor
    image_size: tuple[int, int]
    batch: Mapping[str, Any]
    raw: RawPredictions
    moment: Moment = Moment()
    host: Any = None


class Head(nn.Module, ABC):
    """A branch that learns beside the detector and is left out of what is saved.

    Subclasses name their keys in `Spec`, take `(spec, shared)` in the constructor, and are built for every run.

    Attributes:
        finer: Strides of the backbone's maps, among `SharedFeatures.finer`, that `forward` is given besides.
    """

    Spec: ClassVar[type[HeadSpec]] = HeadSpec
    finer: tuple[float, ...] = ()

    def __init__(self, spec: HeadSpec, shared: SharedFeatures) -> None:
        super().__init__()
        self.spec = spec
        self.shared = shared

    def fit_data(self, sizes: ObjectSizes) -> None:
        """Take in how large the training objects are; called before the first batch, unless there are no boxes."""

    def strength(self, moment: Moment) -> float:  # noqa: ARG002  for heads whose weight changes
        """Return what is left of the head's weight at a moment, 0 to 1, beside its schedule."""
        return 1.0

    @abstractmethod
    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Predict from the shared feature maps; called in training only.

        Args:
            features: One map a level, shape (B, C, H, W) each, channels as in `SharedFeatures.channels`; then one for
                each stride of `finer`.

        Returns:
            The head's raw output, shape (B, K, A), anchors in the order of `Targets.anchors` or the head's own.
        """

    @abstractmethod
    def loss(self, output: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Compare the output with the batch.

        Args:
            output: What `forward` returned.
            targets: The batch as assigned by the detection loss.

        Returns:
            Named scalar terms before the gain; the names end in `_loss` so that plots and trackers show them. Without
            foreground every term is finite (0, unless background is a target) and still part of the graph.
        """
