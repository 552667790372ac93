"""Make a stock detector of a pose or segment model, or of a training state of ours, with its proof."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from auxhead.errors import ModelError, OutputError, ResumeError
from auxhead.files import path_given
from auxhead.host import checkpoint
from auxhead.host.calls import quiet
from auxhead.host.checkpoint import Opened, open_model
from auxhead.host.cpu import restored_threads
from auxhead.host.datasets import validation_images
from auxhead.keys.reading import validated
from auxhead.keys.strip import StripKeys
from auxhead.model import state
from auxhead.shipping.certificate import Certificate, certify
from auxhead.shipping.contained import detector_of
from auxhead.shipping.onnx_check import require_packages
from auxhead.shipping.ship import compose, place, ship
from auxhead.shipping.strip_certificate import StripCertificate
from auxhead.shipping.strip_proof import Checks, prove, with_export


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
        ConfigError: `file` is no path, or a value none of its kind.
        ModelError: The file is missing, broken, unsafe, or no model that contains a plain detector.
        ResumeError: The training state is broken, or not ours.
        DataError: The data set can't be used, or is not the model's.
        OutputError: `out` exists, or can't be written.
        VerificationError: The detector differs from the trained one.
        MissingExtraError: The export can't be checked, as its packages are missing.
    """
    named = path_given(file, 'auxhead.strip("best.pt")')
    validated(StripKeys, {"file": named, "out": out, "data": data, "exist_ok": exist_ok, "trust": trust})
    if check_export:
        require_packages()
    source, checks = (
        _source(Path(named)),
        Checks(data, export=check_export, trust=trust),
    )
    with restored_threads(), checkpoint.restricted(trust=trust):
        if source.name.endswith(".state.pt"):
            return _strip_state(source, _target(source, out, exist_ok), checks)
        opened = open_model(source, trust=trust)
        if opened.task == "detect":
            return None
        return _strip_model(source, opened, _target(source, out, exist_ok), checks)


def _strip_model(source: Path, opened: Opened, target: Path, checks: Checks) -> StripCertificate:
    """Write the detector of a pose or segment model."""
    with quiet():
        detector, left_out = detector_of(opened.model, str(source))
    content = compose(opened, detector)

    def write(trial: Path) -> None:
        state.save(content, trial)

    def prove_it(trial: Path) -> StripCertificate:
        return prove(trial, source, opened, detector, left_out, checks=checks)

    return place(target, write, prove_it)


def _strip_state(source: Path, target: Path, checks: Checks) -> Certificate:
    """Write the detector of a training state of ours."""
    trained = _open_state(source, trust=checks.trust)
    images: Tensor | None = None
    if checks.data:
        images = validation_images(checks.data, trained["train_args"], trained["ema"].yaml["nc"])

    def write(trial: Path) -> None:
        ship(trained, trial)

    def prove_it(trial: Path) -> Certificate:
        return with_export(certify(trained, trial, images), trial, checks)

    return place(target, write, prove_it)


def _open_state(source: Path, *, trust: bool) -> Mapping[str, Any]:
    """Open a training state, as safely as any file.

    Raises:
        ResumeError: It is broken, or none of ours.
    """
    expected = "a training state that auxhead wrote (weights/last.state.pt or weights/best.state.pt)"
    try:
        trained = checkpoint.load(source, trust=trust)
    except ModelError as error:
        raise ResumeError(expected, error.found, str(source), error.fix) from error
    own = trained.get(state.KEY)
    if isinstance(own, dict) and "head_state" in own:
        return trained
    found, fix = "a file without auxhead's training data", "name the run's folder or one of these two files"
    raise ResumeError(expected, found, str(source), fix)


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
    proof = target.with_suffix(".certificate.json")
    with suppress(FileNotFoundError, NotADirectoryError):
        os.lstat(proof)  # the longest name to be written: too long a one ends here
    if proof.exists() and not target.exists() and not exist_ok:
        raise OutputError("a new file", "one that exists", str(proof), "name another out=, or add exist_ok=true")
    if target.exists() and (not exist_ok or target.samefile(source)):
        fix = "name another out=" if target.samefile(source) else "name another out=, or add exist_ok=true"
        raise OutputError("a new file", "one that exists", str(target), fix)
    return target
