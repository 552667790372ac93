"""The contract between a removable head and the training around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

Schedule = Literal["constant", "linear", "cosine", "detach"]


class HeadSpec(BaseModel):
    """The keys every head understands; a head adds its own in a subclass."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    share: float | None = Field(
        default=0.1,
        gt=0,
        le=1,
        description="gradient of the head on the shared feature maps, as a fraction of the detection loss's; "
        "the gain follows it",
    )
    gain: float | None = Field(default=None, ge=0, description="fixed loss gain, instead of share")
    schedule: Schedule = Field(
        default="constant",
        description="how the head's weight changes: constant; linear or cosine down to 0 at schedule_epoch; "
        "detach: from schedule_epoch on the head no longer reaches the detector",
    )
    schedule_epoch: int | None = Field(
        default=None, ge=1, description="epoch at which the schedule ends (default: the last one; detach needs it)"
    )

    @model_validator(mode="after")
    def _one_way_to_weigh(self) -> Self:
        if self.gain is not None and self.share is not None:
            if "share" in self.model_fields_set:
                msg = "gain and share exclude each other: gain fixes the weight, share lets it follow the gradients"
                raise ValueError(msg)
            object.__setattr__(self, "share", None)  # frozen for users, not for its own validator
        if self.gain is None and self.share is None:
            msg = "one of gain and share is needed"
            raise ValueError(msg)
        if self.schedule == "detach" and self.schedule_epoch is None:
            msg = "schedule=detach needs schedule_epoch, the first epoch without the head's pull on the detector"
            raise ValueError(msg)
        return self


@dataclass(frozen=True)
class SharedFeatures:
    """What a head is told about the detector when it is built.

    Attributes:
        channels: Channels of each feature map the detector's head reads, finest level first.
        strides: Pixels of the network input per cell of each level.
        nc: Number of classes.
    """

    channels: tuple[int, ...]
    strides: tuple[float, ...]
    nc: int


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
    """

    foreground: Tensor
    object_index: Tensor
    boxes_xyxy: Tensor
    anchors: Tensor
    strides: Tensor
    image_size: tuple[int, int]
    batch: Mapping[str, Any]


class Head(nn.Module, ABC):
    """A branch that learns beside the detector and is left out of what is saved.

    Subclasses name their keys in `Spec`, take `(spec, shared)` in the constructor, and are built for every run.
    """

    Spec: ClassVar[type[HeadSpec]] = HeadSpec

    def __init__(self, spec: HeadSpec, shared: SharedFeatures) -> None:
        super().__init__()
        self.spec = spec
        self.shared = shared

    def fit_data(self, sizes: ObjectSizes) -> None:
        """Take in how large the training objects are; called before the first batch, unless there are no boxes."""

    @abstractmethod
    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Predict from the shared feature maps; called in training only.

        Args:
            features: One map a level, shape (B, C, H, W) each, channels as in `SharedFeatures.channels`.

        Returns:
            The head's raw output, shape (B, K, A), anchors in the order of `Targets.anchors`.
        """

    @abstractmethod
    def loss(self, output: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Compare the output with the batch.

        Args:
            output: What `forward` returned.
            targets: The batch as assigned by the detection loss.

        Returns:
            Named scalar terms before the gain; the names end in `_loss` so that plots and trackers show them. Without
            foreground every term is 0 and still part of the graph.
        """
