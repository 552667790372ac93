"""What a finished run leaves: written once, last, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auxhead.errors import ResumeError
from auxhead.files import write_atomic
from auxhead.formats import points
from auxhead.notebook import InNotebooks, Shown
from auxhead.shipping.certificate import Certificate
from auxhead.shipping.strip_certificate import StripCertificate


@dataclass(frozen=True)
class TrainResult(InNotebooks):
    """What a finished run has left.

    Attributes:
        save_dir: The run's folder.
        best: The shipped detector, chosen by `certificate.select`.
        last: The detector of the last epoch.
        metrics: Validation metrics of best.pt, by Ultralytics' names.
        gradients: Means over the last epoch with a measurement: gradient norms, shares and gains by column name.
        warnings: Gain settings that defeat the training, in words; empty when there are none.
        certificate: The proof that `best` is the stock detector that was trained. On the pose and segment routes it
            also holds the validation of both models.
    """

    save_dir: Path
    best: Path
    last: Path
    metrics: Mapping[str, float]
    gradients: Mapping[str, float]
    warnings: tuple[str, ...]
    certificate: Certificate | StripCertificate

    def _shown(self) -> Iterator[str | Shown]:
        """Return what was validated, warnings, and the detector to ship."""
        names = [name.removeprefix("metrics/").removesuffix("(B)") for name in self.metrics]
        if names:
            yield Shown([names, [points(value) for value in self.metrics.values()]], "Validation of best.pt")
        yield from self.warnings
        yield f"The detector to ship: {self.best}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        paths = {name: str(getattr(self, name)) for name in ("save_dir", "best", "last")}
        measured = {"metrics": dict(self.metrics), "gradients": dict(self.gradients), "warnings": self.warnings}
        return {**paths, **measured, "certificate": self.certificate.to_dict()}


def read_result(run: Path) -> TrainResult:
    """Read what a finished run has left.

    Raises:
        ResumeError: The run is not finished.
    """
    path = run / RESULT_FILE
    if not path.is_file():
        raise ResumeError("a finished run", f"no {RESULT_FILE}", str(run), f"finish it: auxhead train resume={run}")
    content = json.loads(path.read_text(encoding="utf-8"))
    proof = content["certificate"]
    certificate = (StripCertificate if "source" in proof else Certificate).from_dict(proof)
    return TrainResult(
        save_dir=run,
        best=run / "weights" / certificate.weights,
        last=run / "weights" / "last.pt",
        metrics=content["metrics"],
        gradients=content["gradients"],
        warnings=tuple(content["warnings"]),
        certificate=certificate,
    )


CERTIFICATE_FILE = "certificate.json"
RESULT_FILE = "result.json"


def write_result(
    run: Path, metrics: Mapping[str, Any], warnings: Sequence[str], certificate: Certificate | StripCertificate
) -> None:
    """Write a finished run's result; its presence says that the run is finished.

    Args:
        run: The run's folder.
        metrics: Validation metrics, gradient norms, shares and gains by column name.
        warnings: Gain settings that defeat the training, in words.
        certificate: The proof for best.pt.
    """
    numbers = {key: float(value) for key, value in metrics.items() if value is not None}
    gradients = {key: value for key, value in numbers.items() if key.split("/")[0] in {"grad", "share", "gain"}}
    content = {
        "metrics": {key: value for key, value in numbers.items() if key.startswith("metrics/")},
        "gradients": gradients,
        "warnings": list(warnings),
        "certificate": certificate.to_dict(),
    }
    write_atomic(run / CERTIFICATE_FILE, certificate.to_json().encode())
    write_atomic(run / RESULT_FILE, (json.dumps(content, indent=2) + "\n").encode())
