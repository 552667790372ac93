"""Whether two models are the same: tensors bit for bit, and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.nn.modules.head import Detect
from ultralytics.nn.tasks import BaseModel, DetectionModel
from ultralytics.utils.torch_utils import initialize_weights

from auxhead.errors import ModelError, VerificationError
from auxhead.formats import first_few
from auxhead.host.calls import named_line, told_as

CLASS_BRANCHES = ("cv3", "one2one_cv3")
SHOWN = 5  # tensors that a message names


def build_like(yaml: Mapping[str, Any], model: BaseModel) -> DetectionModel:
    """Let Ultralytics build the detector of a YAML, and take over from a model what its YAML doesn't tell.

    That is the width of the class branch, which pretrained weights of other classes may have set, and its kind: which
    of the two a YAML stands for depends on the release. Weights are taken over where names and shapes agree.

    Args:
        yaml: The detector's, resolved by Ultralytics; it is not changed.
        model: A detector, pose or segment model of the same layers, float32.
    """
    channels = yaml.get("channels", yaml.get("ch", 3))
    detector = DetectionModel(deepcopy(dict(yaml)), ch=channels, nc=yaml["nc"], verbose=False)
    head, source = detector.model[-1], model.model[-1]
    if type(head) is Detect and not _same_kind(head, source):
        other = _other_kind(head)
        if _same_kind(other, source):
            for name in CLASS_BRANCHES:
                if hasattr(head, name):
                    setattr(head, name, getattr(other, name))
    detector.load(model, verbose=False)
    return detector


def is_as_built(detector: DetectionModel) -> bool:
    """Tell whether the class branch is of the kind that the installed Ultralytics builds for the detector's YAML."""
    yaml = deepcopy(detector.yaml)
    built = DetectionModel(yaml, ch=yaml.get("channels", yaml.get("ch", 3)), nc=yaml["nc"], verbose=False)
    return _same_kind(built.model[-1], detector.model[-1])


def _same_kind(one: nn.Module, other: nn.Module) -> bool:
    """Tell whether two heads have class branches of the same parts, however wide."""
    mine, theirs = (getattr(head, CLASS_BRANCHES[0], None) for head in (one, other))
    if mine is None or theirs is None:
        return mine is theirs
    return list(mine.state_dict()) == list(theirs.state_dict())


def _other_kind(head: Detect) -> Detect:
    """Build the head with the other one of Ultralytics' two class branches: YOLOv8's and YOLO11's."""
    kind = type("Detect", (Detect,), {"legacy": not head.legacy})
    widths = tuple(branch[0].conv.in_channels for branch in head.cv2)
    other: Detect = kind(head.nc, head.reg_max, hasattr(head, "one2one_cv3"), widths)
    initialize_weights(other)  # the settings of its normalisation are not among its tensors
    return other


def require_finite(detector: DetectionModel, where: str) -> None:
    """Refuse weights that are no numbers: nothing can be said of them, and Ultralytics ships zeros in their place.

    Args:
        detector: What shall be shipped.
        where: Its file, for the message.

    Raises:
        VerificationError: There are some.
    """
    wrong = [name for name, value in detector.state_dict().items() if not value.isfinite().all()]
    if wrong:
        raise VerificationError(
            expected="weights that are finite numbers",
            found=f"NaN or infinity in {len(wrong)} tensors: {first_few(wrong, SHOWN)}",
            where=where,
            fix="the training has diverged: lower lr0 or the loss gains, and train again",
        )


def stock_copy(trained: DetectionModel) -> DetectionModel:
    """Build the detector anew from its YAML as Ultralytics does, and move every tensor over.

    Args:
        trained: A detector without heads.

    Raises:
        VerificationError: A tensor has no place in the stock model, differs in shape, or a place stays empty.
    """
    stock = build_like(trained.yaml, trained)
    moved, source = stock.state_dict(), trained.state_dict()
    wrong = [name for name in source if name not in moved or not torch.equal(moved[name], source[name])]
    wrong += [name for name in moved if name not in source]
    if wrong:
        raise VerificationError(
            expected=f"all {len(source)} tensors of the trained detector in the stock model",
            found=f"{len(wrong)} that differ or have no counterpart: {', '.join(wrong[:5])}",
            where=str(trained.yaml.get("yaml_file", "the model's YAML")),
            fix="report this with the YAML and the output of `auxhead env`",
        )
    return stock


@torch.inference_mode()
def predictions(model: DetectionModel, images: Tensor, where: str) -> tuple[Tensor, Tensor]:
    """Run a detector, pose or segment model, leaving keypoints and masks aside.

    Args:
        model: The model; it is put into evaluation mode.
        images: Pictures, shape (B, C, H, W), 0 to 1.
        where: The model's file, for the message.

    Returns:
        All boxes (pixels, before NMS or top-k) and scores, shape (B, 4 + nc, A), float32; end-to-end models have both
        of their branches in it, one after the other along A. And boxes and scores as the model hands them out: the
        same again, or for end-to-end inference the best ones, shape (B, K, 6).

    Raises:
        ModelError: It can't be run, such as a model of an Ultralytics whose layers had other parts.
    """

    def refuse(error: BaseException) -> ModelError:
        return ModelError(
            expected="a model that the installed Ultralytics can run",
            found=named_line(error),
            where=where,
            fix="train or save it again with a recent Ultralytics",
        )

    head: Detect = model.eval().model[-1]
    with told_as(refuse):
        final, raw = model(images)
    final = final[0] if isinstance(final, tuple) else final  # segment models add their prototypes
    branches = [raw["one2many"], raw["one2one"]] if "one2one" in raw else [raw]
    decoded = torch.cat([Detect._inference(head, branch) for branch in branches], 2)
    return decoded.float(), final[..., :6] if head.end2end else final[:, : 4 + head.nc]


def outputs(model: DetectionModel, images: Tensor, where: str) -> Tensor:
    """Return all boxes and scores of a model (the first that `predictions` returns)."""
    return predictions(model, images, where)[0]


def equal(first: Tensor, second: Tensor) -> bool:
    """Tell whether two tensors hold the same numbers, NaN included."""
    return first.shape == second.shape and torch.allclose(first, second, rtol=0, atol=0, equal_nan=True)
