"""What the two certificates have in common: their facts, and how they are written and read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from auxhead.notebook import InNotebooks
from auxhead.shipping.counts import Counts, Versions
from auxhead.shipping.onnx_check import ExportFacts

GROUPS: Mapping[str, tuple[str, type[Counts | Versions]]] = {
    "counts": ("", Counts),
    "stock_counts": ("stock_", Counts),
    "source_counts": ("source_", Counts),
    "versions": ("", Versions),
}
"""Fields whose parts stand among all other keys in a file, and what the parts' names begin with there."""


@dataclass(frozen=True, kw_only=True)
class Proof(InNotebooks):
    """What was compared when a detector was written, and what came out.

    Attributes:
        weights: File name of the detector.
        sha256: Its hash.
        tensors_moved: Tensors of the detector, all equal bit for bit to the trained model's.
        tensors_left_out: Tensors of the trained model that the detector doesn't have.
        left_out_parameters: Their parameters.
        float32_difference: Largest difference of the outputs in float32, over all boxes (pixels) and scores; 0.0 or
            there is no certificate.
        counts: Size of the detector, unfused.
        stock_counts: Size of the model that Ultralytics builds from the same YAML.
        imgsz: Image size for the GFLOPs, pixels.
        versions: What wrote this.
        export: What an export to ONNX showed; None when it was not asked for.
    """

    weights: str
    sha256: str
    tensors_moved: int
    tensors_left_out: int
    left_out_parameters: int
    float32_difference: float
    counts: Counts
    stock_counts: Counts
    imgsz: int
    versions: Versions
    export: ExportFacts | None = None

    def _shown(self) -> Iterator[str]:
        """Return its text, a line below the other."""
        yield str(self)

    @property
    def parameters(self) -> int:
        """Parameters of the detector."""
        return self.counts.parameters

    @property
    def gflops(self) -> float:
        """GFLOPs of the detector at `imgsz`, unfused."""
        return self.counts.gflops

    def to_dict(self) -> dict[str, Any]:
        """Return the plain data that files hold: counts and versions as keys beside the others."""
        flat: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if name in GROUPS:
                flat |= {f"{GROUPS[name][0]}{part}": one for part, one in value.items()}
            else:
                flat[name] = value
        return flat

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`, or from what a file holds.

        Raises:
            KeyError: A count or a version is missing.
            TypeError: Another key is missing, or one is unknown.
        """
        given = dict(content)
        for name, (prefix, kind) in GROUPS.items():
            if name in cls.__dataclass_fields__:
                given[name] = kind(**{part.name: given.pop(f"{prefix}{part.name}") for part in fields(kind)})
        export = given.get("export")
        return cls(**{**given, "export": ExportFacts(**export) if export else None})

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"
