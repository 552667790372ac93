"""Everything that a stripped detector has to pass before it is put where it belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from ultralytics.nn.tasks import DetectionModel

from auxhead.errors import VerificationError
from auxhead.files import sha256
from auxhead.host import checkpoint
from auxhead.host.checkpoint import Opened, open_model
from auxhead.host.datasets import validation_images
from auxhead.host.validation import Row, validate
from auxhead.shipping.onnx_check import check_export
from auxhead.shipping.proof import Proof
from auxhead.shipping.sameness import require_finite
from auxhead.shipping.strip_certificate import StripCertificate, certify_strip

AnyProof = TypeVar("AnyProof", bound=Proof)

RANDOM_IMAGES, RANDOM_SIZE = 2, 320
"""Number and size (pixels) of the random images. Source: own choice; every layer runs, in a tenth of a second."""

GPU_TOLERANCE = 1e-3
"""How far metrics on a GPU may differ, whose kernels needn't add in one order for both models; on CPUs nothing may.
Source: own choice, the last digit that Ultralytics prints. Outputs are compared on the CPU, bit for bit."""


@dataclass(frozen=True)
class Checks:
    """What is asked for beside the comparison of tensors and outputs.

    Attributes:
        data: A data.yaml to compare outputs and metrics on.
        export: Whether to export to ONNX, beside a stock detector.
        trust: Whether code in the source's file may run.
    """

    data: str | None
    export: bool
    trust: bool


def prove(
    trial: Path, source: Path, opened: Opened, detector: DetectionModel, left_out: Sequence[str], *, checks: Checks
) -> StripCertificate:
    """Compare a stripped detector's file with the pose or segment model it was made of.

    Args:
        trial: The file, by the name that it shall have.
        source: The file of the pose or segment model.
        opened: What is in that.
        detector: What Ultralytics built from the detector's YAML, holding the model's tensors.
        left_out: Names of the tensors that it doesn't have.
        checks: What else to check.

    Raises:
        DataError: The data set can't be used, or is not the model's.
        ModelError: The model can't be run.
        VerificationError: Something differs, or weights are no numbers.
    """
    require_finite(detector, str(source))
    arguments = {**checkpoint.as_dict(getattr(opened.model, "args", {})), **(opened.content.get("train_args") or {})}
    imgsz = _image_size(arguments.get("imgsz"))
    images = [_random_images(detector)]
    if checks.data:
        keys = {"imgsz": imgsz, "single_cls": bool(arguments.get("single_cls"))}
        images.append(validation_images(checks.data, keys, int(detector.nc)))
    saved = open_model(trial).model
    facts = _facts(trial, source, opened, imgsz)
    certificate = certify_strip(opened.model, left_out, detector, saved, images=images, where=str(source), facts=facts)
    if checks.data:
        rows = _validated(source, trial, checks.data, imgsz, trust=checks.trust)
        certificate = replace(certificate, validation=rows)
    return with_export(certificate, trial, checks)


def with_export(proof: AnyProof, trial: Path, checks: Checks) -> AnyProof:
    """Add to a proof what an export shows, if it is asked for."""
    return replace(proof, export=check_export(trial, proof.imgsz)) if checks.export else proof


def _facts(trial: Path, source: Path, opened: Opened, imgsz: int) -> Mapping[str, Any]:
    """Return the certificate's fields that say what the files are."""
    return {
        "source": source.name,
        "source_sha256": sha256(source),
        "task": opened.task,
        "weights": trial.name,
        "sha256": sha256(trial),
        "precision": str(opened.precision).removeprefix("torch."),
        "imgsz": imgsz,
    }


def _validated(source: Path, detector: Path, data: str, imgsz: int, *, trust: bool) -> tuple[Row, Row]:
    """Validate both files, whose boxes must be equally good."""
    before = validate(source, data, imgsz=imgsz, name=source.stem, trust=trust)
    after = validate(detector, data, imgsz=imgsz, name=detector.stem)
    if before.boxes != after.boxes:  # labels that differ in keypoints only count once for a detector
        again = validate(source, data, imgsz=imgsz, boxes_only=True, name=source.stem, trust=trust)
        before = replace(again, pose_map50=before.pose_map50, mask_map50=before.mask_map50)
    off = max(abs(ours - theirs) for ours, theirs in zip(after.boxes, before.boxes, strict=True))
    if off > (GPU_TOLERANCE if torch.cuda.is_available() else 0):
        raise VerificationError(
            expected=f"the box metrics of {source.name}: {before.boxes}",
            found=f"{after.boxes}",
            where=data,
            fix="report this with the output of `auxhead env`",
        )
    return before, after


def _random_images(model: DetectionModel) -> Tensor:
    """Draw pictures that the model's strides divide, shape (B, C, S, S), 0 to 1."""
    stride = int(model.stride.max())
    shape = (RANDOM_IMAGES, model.yaml.get("channels", 3), *2 * [-(-RANDOM_SIZE // stride) * stride])
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def _image_size(value: Any) -> int:
    """Read a training image size: a number, or height and width, of which the larger counts."""
    sizes = value if isinstance(value, (list, tuple)) else [value]
    return max((int(size) for size in sizes if isinstance(size, (int, float))), default=640)
