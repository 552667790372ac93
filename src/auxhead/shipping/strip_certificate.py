"""The proof that a detector is what a stock pose or segment model had inside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor
from ultralytics import __version__ as ultralytics_version
from ultralytics.nn.tasks import DetectionModel

from auxhead._version import __version__
from auxhead.errors import VerificationError
from auxhead.host.validation import Row, table
from auxhead.shipping.onnx_check import ExportFacts
from auxhead.shipping.sameness import cost, equal, predictions


@dataclass(frozen=True)
class StripCertificate:
    """What was compared when a detector was made from a pose or segment model, and what came out.

    Attributes:
        source: File name of the pose or segment model.
        source_sha256: Its hash.
        task: What it was trained for: pose or segment.
        weights: File name of the detector.
        sha256: Its hash.
        tensors_moved: Tensors of the detector, all equal bit for bit to the source's.
        tensors_left_out: Tensors that only keypoints or masks need.
        left_out_parameters: Their parameters.
        random_images: Random images compared.
        real_images: Validation images compared.
        float32_difference: Largest difference between both files' models, over all boxes (pixels) and scores, before
            and after the choice of the best; 0.0 or there is no certificate.
        precision: Precision of both files' tensors.
        source_parameters: Parameters of the source.
        source_gflops: GFLOPs of the source at `imgsz`, unfused.
        source_layers: Its modules without children.
        parameters: The same of the detector.
        gflops: See above.
        layers: See above.
        stock_parameters: The same of the model that Ultralytics builds from the detector's YAML.
        stock_gflops: See above.
        stock_layers: See above.
        imgsz: Image size for the GFLOPs, the export and the validation, pixels.
        auxhead: Version that wrote this.
        ultralytics: Version that wrote this.
        torch: Version that wrote this.
        validation: Both models on the data set given, the source first; empty without one.
        export: What an export to ONNX showed; None when it was not asked for.
    """

    source: str
    source_sha256: str
    task: str
    weights: str
    sha256: str
    tensors_moved: int
    tensors_left_out: int
    left_out_parameters: int
    random_images: int
    real_images: int
    float32_difference: float
    precision: str
    source_parameters: int
    source_gflops: float
    source_layers: int
    parameters: int
    gflops: float
    layers: int
    stock_parameters: int
    stock_gflops: float
    stock_layers: int
    imgsz: int
    auxhead: str
    ultralytics: str
    torch: str
    validation: tuple[Row, ...] = ()
    export: ExportFacts | None = None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `dataclasses.asdict` or the JSON text."""
        rows = tuple(Row(**row) for row in content.get("validation", ()))
        export = content.get("export")
        return cls(**{**content, "validation": rows, "export": ExportFacts(**export) if export else None})

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain data."""
        return asdict(self)

    def to_json(self) -> str:
        """Return all fields as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def __str__(self) -> str:
        """Return the proof as a few lines of text."""
        real = f" and {self.real_images} validation" if self.real_images else ""
        counts = (
            f"{self.source_parameters:,} parameters, {self.source_gflops:.2f} GFLOPs at {self.imgsz} px, "
            f"{self.source_layers} layers before; {self.parameters:,}, {self.gflops:.2f}, {self.layers} after; "
            f"stock: {self.stock_parameters:,}, {self.stock_gflops:.2f}, {self.stock_layers}"
        )
        left_out = (
            f"{self.tensors_left_out} of the {self.task} branch left out ({self.left_out_parameters:,} parameters)"
        )
        images = f"{self.random_images} random{real} images"
        lines = [
            f"Certificate for {self.weights} (from the {self.task} model {self.source})",
            f"  tensors  {self.tensors_moved} moved, equal bit for bit; {left_out}",
            f"  outputs  boxes and scores of both files: difference {self.float32_difference:g} in float32 on {images}",
            f"  saved    in {self.precision}, as the source",
            f"  cost     {counts}",
        ]
        lines += [f"  export   {self.export}"] if self.export else []
        lines += [f"  sha256   {self.sha256}"]
        if self.validation:
            lines += ["", table(self.validation)]
            wanted = {"pose": self.validation[0].pose_map50, "segment": self.validation[0].mask_map50}
            if wanted.get(self.task) is None:
                kind = "keypoints" if self.task == "pose" else "outlines"
                lines.append(f"The labels have no {kind} that fit, so both models were validated by their boxes.")
        return "\n".join(lines)


def certify_strip(
    source: DetectionModel,
    left_out: Sequence[str],
    stock: DetectionModel,
    saved: DetectionModel,
    *,
    images: Sequence[Tensor],
    facts: Mapping[str, Any],
) -> StripCertificate:
    """Compare a pose or segment model with the detector that was read back from the file made of it.

    Args:
        source: The pose or segment model, float32.
        left_out: Names of its tensors that the detector doesn't have.
        stock: What Ultralytics builds from the detector's YAML.
        saved: The detector from the file, float32.
        images: Batches of pictures to compare outputs on, shape (B, C, H, W), 0 to 1: random ones, and real ones if
            there are any.
        facts: The certificate's fields that say what the files are.

    Raises:
        VerificationError: A tensor or an output differs, or the cost is not the stock model's.
    """
    before, after = source.state_dict(), saved.state_dict()
    wrong = [name for name, value in after.items() if name not in before or not equal(value, before[name])]
    difference = 0.0
    for batch in images:
        for ours, theirs in zip(predictions(saved, batch), predictions(source, batch), strict=True):
            if ours.shape != theirs.shape:
                difference = float("inf")
            elif not equal(ours, theirs):
                difference = max(difference, float((ours - theirs).abs().nan_to_num(float("inf")).max()))
    imgsz = facts["imgsz"]
    counted, counted_stock = cost(saved, imgsz), cost(stock, imgsz)
    if wrong or difference or set(before) != {*after, *left_out} or counted != counted_stock:
        raise VerificationError(
            expected=f"the boxes and scores of {facts['source']}, and the stock model's cost",
            found=f"{len(wrong)} tensors that differ ({', '.join(wrong[:5]) or 'none'}), an output difference of "
            f"{difference:g}, cost {counted} against {counted_stock}",
            where=str(facts["source"]),
            fix="report this with the YAML and the output of `auxhead env`",
        )
    counted_source = cost(source, imgsz)
    parameters = dict(source.named_parameters())
    return StripCertificate(
        **facts,
        tensors_moved=len(after),
        tensors_left_out=len(left_out),
        left_out_parameters=sum(parameters[name].numel() for name in left_out if name in parameters),
        random_images=len(images[0]),
        real_images=sum(map(len, images[1:])),
        float32_difference=difference,
        source_parameters=counted_source[0],
        source_gflops=counted_source[1],
        source_layers=counted_source[2],
        parameters=counted[0],
        gflops=counted[1],
        layers=counted[2],
        stock_parameters=counted_stock[0],
        stock_gflops=counted_stock[1],
        stock_layers=counted_stock[2],
        auxhead=__version__,
        ultralytics=ultralytics_version,
        torch=torch.__version__,
    )
