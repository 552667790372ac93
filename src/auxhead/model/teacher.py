"""A detector that only looks: what a student learns from, in the student's order of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from ultralytics.nn.tasks import DetectionModel

from auxhead.errors import ModelError
from auxhead.heads.base import RawPredictions
from auxhead.labels.class_names import places
from auxhead.model.attach import require_detector
from auxhead.model.criterion import raw_predictions

NAMED = 5  # classes listed in a message
CHANNELS_LAST = {"cpu", "cuda"}
"""Devices whose convolutions are faster on channels_last: weights and pictures go there alike."""


class Teacher:
    """A trained detector; never trained here, never saved, and no module, so that no model can take it in.

    Attributes:
        network: The detector, fused, without its one-to-one branch where it had one.
        order: For each of the student's classes, the place that it has with the teacher.
    """

    def __init__(self, network: DetectionModel, order: Sequence[int]) -> None:
        self.network = network.eval().requires_grad_(False)
        self.order = list(order)
        detect = network.model[-1]
        for branch in ("one2one_cv2", "one2one_cv3"):
            if getattr(detect, branch, None) is not None:
                setattr(detect, branch, None)  # the one-to-many branch is compared, the other one is work for nothing
        network.fuse(verbose=False)
        detect.training = True  # its raw predictions are what is compared: nobody asks for decoded boxes

    def to(self, device: torch.device) -> Teacher:
        """Move it, in the memory format that convolutions on that device like best."""
        self.network.to(device)
        if device.type in CHANNELS_LAST:
            self.network.to(memory_format=torch.channels_last)
        return self

    @property
    def strides(self) -> tuple[float, ...]:
        """Pixels of its own input per cell of each level, finest first."""
        return tuple(map(float, self.network.stride))

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @torch.no_grad()
    def __call__(self, images: Tensor) -> RawPredictions:
        """Look at pictures, under whatever autocast is on.

        Args:
            images: Shape (B, C, H, W), 0 to 1, sides multiples of its largest stride.

        Returns:
            Its raw predictions, classes in the student's order.
        """
        if images.device.type in CHANNELS_LAST:
            images = images.contiguous(memory_format=torch.channels_last)
        raw = raw_predictions(self.network(images), self.network)
        return replace(raw, scores=raw.scores[:, self.order])


def class_order(theirs: Mapping[int, str], ours: Mapping[int, str], where: str) -> list[int]:
    """Find each of a student's classes among a teacher's, by name; the teacher may know more.

    Args:
        theirs: The teacher's names by class id.
        ours: The student's.
        where: The teacher's file, for the message.

    Returns:
        For each of the student's class ids, from 0, the teacher's.

    Raises:
        ModelError: It lacks a class, or has names that are no answer because several classes have them.
    """
    names, wanted = ([str(given[key]) for key in sorted(given)] for given in (theirs, ours))
    if names == wanted:
        return list(range(len(names)))
    found = places(names, wanted)
    if -1 not in found:
        return found
    unlike = places(wanted, names)
    missing = [name for name, place in zip(wanted, found, strict=True) if place < 0]
    more = [name for name, place in zip(names, unlike, strict=True) if place < 0]
    parts = [f"{what} {_few(some)}" for what, some in (("it lacks", missing), ("it has beside", more)) if some]
    shared = any(name in names for name in missing)
    raise ModelError(
        expected=f"a teacher that knows the data set's classes, in any order: {_few(wanted)}",
        found="classes that share a name, in another order" if shared else "; ".join(parts),
        where=f"teacher.weights={where}",
        fix="train a teacher on this data set, or name one whose classes include these",
    )


def require_teacher(network: DetectionModel, where: str) -> DetectionModel:
    """Return a model if it can teach.

    Raises:
        ModelError: It is no plain detector, or an end-to-end one that was fused and has lost its one-to-many branch.
    """
    try:
        require_detector(network, where)
    except ModelError as error:
        fix = "name a detector's .pt: best.pt of a detect training"
        raise ModelError(error.expected, error.found, f"teacher.weights={where}", fix) from None
    if network.model[-1].cv2 is None:
        raise ModelError(
            expected="a detector as it was trained",
            found="a fused one, without the one-to-many branch that a student is compared with",
            where=f"teacher.weights={where}",
            fix="name the file it was fused from (best.pt of its run)",
        )
    return network


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
