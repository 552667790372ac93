"""Make a stock detector of a pose or segment model, or of a training state of ours, with its proof."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
from torch import Tensor
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import DEFAULT_CFG_KEYS

from auxhead.errors import AuxHeadError, ModelError, OutputError, ResumeError, VerificationError
from auxhead.files import sha256, write_atomic
from auxhead.host import checkpoint
from auxhead.host.cpu import restored_threads
from auxhead.host.datasets import validation_images
from auxhead.host.quiet import quiet
from auxhead.host.unusable import UNUSABLE
from auxhead.host.validation import Row, validate
from auxhead.model import state
from auxhead.shipping.certificate import Certificate, certify
from auxhead.shipping.onnx_check import check_export as export_facts
from auxhead.shipping.onnx_check import require_packages
from auxhead.shipping.ship import ship
from auxhead.shipping.strip_certificate import StripCertificate, certify_strip
from auxhead.shipping.transplant import detector_of

AnyCertificate = TypeVar("AnyCertificate", Certificate, StripCertificate)

KEPT = ("date", "version", "license", "docs", "git", "train_metrics", "train_results")
"""Entries of a checkpoint that say where it comes from."""
EMPTY = ("ema", "optimizer", "best_fitness", "stopper", "updates", "scaler", "modelopt")
"""Entries that Ultralytics' `strip_optimizer` empties, or that a detector in floating point doesn't have."""


RANDOM_IMAGES, RANDOM_SIZE = 2, 320
"""Number and size (pixels) of the random images. Source: own choice; every layer runs, in a tenth of a second."""

GPU_TOLERANCE = 1e-3
"""How far metrics on a GPU may differ, whose kernels needn't add in one order for both models; on CPUs nothing may.
Source: own choice, the last digit that Ultralytics prints. Outputs are compared on the CPU, bit for bit."""


# -- the model ------------------------------------------------------------------------------------------------------


# -- the file -------------------------------------------------------------------------------------------------------


def strip(
    file: str | Path,
    out: str | Path | None = None,
    data: str | None = None,
    *,
    exist_ok: bool = False,
    trust: bool = False,
    check_export: bool = False,
) -> Certificate | StripCertificate | None:
    """Write the plain detector that a pose or segment model, or a training state of ours, contains, with its proof.

    Args:
        file: A pose or segment model of Ultralytics (`best.pt`, or `last.pt` at any moment of its training), a training
            state of ours (`best.state.pt`, `last.state.pt`), or the folder of a run of either, which means its best.
        out: Where the detector shall be; default: `best-detect.pt` beside `best.pt` or `best.state.pt`.
        data: A data.yaml. The outputs are also compared on its validation pictures, and a pose or segment model and its
            detector are both validated on it; without, they are compared on random pictures.
        exist_ok: Whether a file that stands at `out` may be replaced.
        trust: Whether code in `file` may run; see `checkpoint.load`.
        check_export: Whether to export the detector to ONNX, beside a stock one, and compare (extra `export`).

    Returns:
        The certificate, also written beside `out` as `<name>.certificate.json`; None when the file is a plain detector
        already, and nothing is written.

    Raises:
        ModelError: The file is missing, broken, unsafe, or no model that contains a plain detector.
        ResumeError: The training state is broken, or not ours.
        DataError: The data set can't be used, or is not the model's.
        OutputError: `out` exists, or can't be written.
        VerificationError: The detector differs from the trained one.
        MissingExtraError: The export can't be checked, as its packages are missing.
    """
    if check_export:
        require_packages()
    source = _source(Path(file))
    with restored_threads():
        if source.name.endswith(".state.pt"):
            return _strip_state(source, _target(source, out, exist_ok), data, trust=trust, check_export=check_export)
        content = checkpoint.load(source, trust=trust)
        with _explained(source):
            model = checkpoint.model_of(content, source)
            if checkpoint.task_of(model, str(source)) == "detect":
                return None
        target = _target(source, out, exist_ok)
        return _strip_model(source, content, model, target, data, trust=trust, check_export=check_export)


def _strip_model(
    source: Path,
    content: Mapping[str, Any],
    model: DetectionModel,
    target: Path,
    data: str | None,
    *,
    trust: bool,
    check_export: bool,
) -> StripCertificate:
    """Write the detector of a pose or segment model."""
    task, precision = checkpoint.task_of(model, str(source)), checkpoint.stored_precision(model)
    with _explained(source), quiet(), checkpoint.building(source, trust=trust):
        stock, left_out = detector_of(model.float())
    arguments = {**checkpoint.as_dict(getattr(model, "args", {})), **(content.get("train_args") or {})}
    imgsz = _image_size(arguments.get("imgsz"))
    images = [_random_images(stock)]
    if data:
        keys = {"imgsz": imgsz, "single_cls": bool(arguments.get("single_cls"))}
        images.append(validation_images(data, keys, int(stock.nc)))

    def prove(trial: Path) -> StripCertificate:
        saved = checkpoint.model_of(checkpoint.load(trial), trial).float()
        facts = {
            "source": source.name,
            "source_sha256": sha256(source),
            "task": task,
            "weights": target.name,
            "sha256": sha256(trial),
            "precision": str(precision).removeprefix("torch."),
            "imgsz": imgsz,
        }
        with _explained(source):
            certificate = certify_strip(model, left_out, stock, saved, images=images, facts=facts)
        if data:
            certificate = replace(certificate, validation=_validated(source, trial, data, imgsz, trust=trust))
        return replace(certificate, export=export_facts(trial, imgsz)) if check_export else certificate

    shipped = _content(content, stock, precision)
    return _place(target, lambda trial: state.save(shipped, trial), prove)


def _strip_state(source: Path, target: Path, data: str | None, *, trust: bool, check_export: bool) -> Certificate:
    """Write the detector of a training state of ours."""
    try:
        trained = checkpoint.load(source, trust=trust)
        own = trained.get(state.KEY)
        known = isinstance(own, dict) and "head_state" in own
        found = "a file without auxhead's training data"
        cause = None
    except ModelError as error:
        known, found, cause = False, error.found, error
    if not known:
        raise ResumeError(
            expected="a training state that auxhead wrote (weights/last.state.pt or weights/best.state.pt)",
            found=found,
            where=str(source),
            fix=cause.fix if cause else "name the run's folder or one of these two files",
        ) from cause
    images = validation_images(data, trained["train_args"], trained["ema"].yaml["nc"]) if data else None

    def prove(trial: Path) -> Certificate:
        certificate = certify(trained, trial, images)
        return replace(certificate, export=export_facts(trial, certificate.imgsz)) if check_export else certificate

    return _place(target, lambda trial: ship(trained, trial), prove)


def _source(file: Path) -> Path:
    """Find the file that is meant."""
    if file.is_dir():
        ours, theirs = file / "weights" / "best.state.pt", file / "weights" / "best.pt"
        file = theirs if theirs.is_file() and not ours.is_file() else ours
    if not file.is_file():
        raise ModelError(
            expected="a pose or segment model, a training state of auxhead, or the folder of a run",
            found="no such file",
            where=str(file),
            fix="correct it",
        )
    return file


def _target(source: Path, out: str | Path | None, exist_ok: bool) -> Path:
    """Say where the detector shall be, and that it may be there."""
    stem = source.name.removesuffix(".pt").removesuffix(".state")
    target = Path(out) if out else source.with_name(f"{stem}-detect.pt")
    if target.suffix != ".pt":
        raise OutputError("a file name that ends in .pt", target.name, f"out={target}", "Ultralytics opens .pt only")
    if target.exists() and (not exist_ok or target.samefile(source)):
        fix = "name another out=" if target.samefile(source) else "name another out=, or add exist_ok=true"
        raise OutputError("a new file", "one that exists", str(target), fix)
    return target


def _place(target: Path, write: Callable[[Path], None], prove: Callable[[Path], AnyCertificate]) -> AnyCertificate:
    """Write a file somewhere else, prove it, and only then put it, and the proof, where they belong."""
    with TemporaryDirectory(prefix="auxhead-") as folder:
        trial = Path(folder) / target.name
        write(trial)
        certificate = prove(trial)
        content = trial.read_bytes()
    write_atomic(target, content)
    write_atomic(target.with_suffix(".certificate.json"), certificate.to_json().encode())
    return certificate


def _content(source: Mapping[str, Any], detector: DetectionModel, precision: torch.dtype) -> dict[str, Any]:
    """Compose the checkpoint as Ultralytics leaves one after training; it holds stock classes and plain data only."""
    arguments = {key: value for key, value in (source.get("train_args") or {}).items() if key in DEFAULT_CFG_KEYS}
    return {
        **{key: checkpoint.plain_data(source[key]) for key in KEPT if key in source},
        **dict.fromkeys(EMPTY),
        "epoch": -1,
        "train_args": {**checkpoint.plain_data(arguments), "task": "detect"},
        "model": deepcopy(detector).to(precision),
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


@contextmanager
def _explained(source: Path) -> Iterator[None]:
    """Say in our words what Ultralytics raises for a model that it can't build or read."""
    try:
        yield
    except AuxHeadError:
        raise
    except UNUSABLE as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise ModelError(
            expected="a pose or segment model that the installed Ultralytics can build",
            found=f"{type(error).__name__}: {first}",
            where=str(source),
            fix="train or save it again with a recent Ultralytics",
        ) from error
