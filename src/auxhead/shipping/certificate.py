"""The proof that what is saved is the stock detector that was trained."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from ultralytics import __version__ as ultralytics_version
from ultralytics.nn.tasks import DetectionModel, load_checkpoint

from auxhead._version import __version__
from auxhead.errors import VerificationError
from auxhead.files import sha256 as sha256_of
from auxhead.model import state
from auxhead.model.attach import attach, plain
from auxhead.model.choices import RunPlan
from auxhead.shipping.onnx_check import ExportFacts
from auxhead.shipping.sameness import cost, outputs, stock_copy


@dataclass(frozen=True)
class Certificate:
    """What was compared when a detector was saved, and what came out.

    Attributes:
        weights: File name of the shipped detector.
        sha256: Its hash.
        epoch: Epoch (from 1) whose weights it holds.
        select: Metric that chose it.
        tensors_moved: Tensors of the detector, all equal bit for bit before rounding.
        tensors_left_out: Tensors of the heads, in no file that ships.
        left_out_parameters: Parameters of the heads.
        images: Validation images (or random ones, see `real_images`) compared.
        real_images: Whether they are pictures of the data set.
        float32_difference: Largest difference between the trained model with heads and the stock model holding its
            tensors, over all boxes (pixels) and scores; 0.0 or there is no certificate.
        saved_precision: Precision of the file's tensors.
        saved_box_difference: Largest box difference after rounding to that precision, pixels.
        saved_score_difference: Largest score difference after rounding, 0 to 1.
        parameters: Parameters of the shipped detector.
        gflops: GFLOPs at `imgsz`, unfused.
        layers: Modules without children.
        stock_parameters: The same of the model that Ultralytics builds from the YAML (and, where the run started from
            other weights, loads them into).
        stock_gflops: See above.
        stock_layers: See above.
        imgsz: Image size for the GFLOPs.
        auxhead: Version that wrote this.
        ultralytics: Version that wrote this.
        torch: Version that wrote this.
        export: What an export to ONNX showed; None when it was not asked for.
    """

    weights: str
    sha256: str
    epoch: int
    select: str
    tensors_moved: int
    tensors_left_out: int
    left_out_parameters: int
    images: int
    real_images: bool
    float32_difference: float
    saved_precision: str
    saved_box_difference: float
    saved_score_difference: float
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
    export: ExportFacts | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain data."""
        return asdict(self)

    def to_json(self) -> str:
        """Return all fields as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def __str__(self) -> str:
        """Return the proof as a few lines of text."""
        export = f"  export   {self.export}\n" if self.export else ""
        pictures = f"{self.images} {'validation' if self.real_images else 'random'} images"
        return f"""\
Certificate for {self.weights} (epoch {self.epoch}, chosen by {self.select})
  tensors  {self.tensors_moved} moved, equal bit for bit; {self.tensors_left_out} of the heads left out \
({self.left_out_parameters:,} parameters)
  outputs  trained with heads against stock model: difference {self.float32_difference:g} in float32 on {pictures}
  saved    in {self.saved_precision}: boxes move by up to {self.saved_box_difference:.3g} px, \
scores by {self.saved_score_difference:.2g} (as in every Ultralytics file)
  cost     {self.parameters:,} parameters, {self.gflops:.2f} GFLOPs at {self.imgsz} px, {self.layers} layers; \
stock: {self.stock_parameters:,}, {self.stock_gflops:.2f}, {self.stock_layers}
{export}\
  sha256   {self.sha256}"""


def certify(trained: dict[str, Any], shipped: Path, images: Tensor | None = None) -> Certificate:
    """Compare a training state with the detector file that was made from it.

    Args:
        trained: A training state (`state.load_state`).
        shipped: The plain detector file.
        images: Pictures to compare outputs on, shape (B, C, H, W), 0 to 1; None: random ones.

    Raises:
        VerificationError: A tensor or an output differs before rounding, the file holds other weights than the state,
            or its cost is not the stock model's.
    """
    plan = RunPlan.from_dict({k: v for k, v in trained[state.KEY].items() if k in RunPlan.__dataclass_fields__})
    detector: DetectionModel = plain(trained["ema"]).float()
    imgsz = int(trained["train_args"]["imgsz"])
    real_images = images is not None
    if images is None:
        shape = (2, detector.yaml.get("channels", 3), imgsz, imgsz)
        images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    stock = stock_copy(detector)
    with_heads = plain(detector)
    criterion = attach(with_heads, plan.heads, epochs=1)
    criterion.heads.load_state_dict(trained[state.KEY]["head_state"])
    reference = outputs(with_heads, images)
    difference = float((outputs(stock, images) - reference).abs().max())
    saved, _ = load_checkpoint(str(shipped))
    rounded = {name: value.half().float() for name, value in detector.state_dict().items() if value.is_floating_point()}
    same = all(torch.equal(saved.state_dict()[name], value) for name, value in rounded.items())
    counted, counted_stock = cost(saved, imgsz), cost(stock, imgsz)
    if difference or not same or counted != counted_stock:
        raise VerificationError(
            expected="the stock model's cost, and its outputs equal in float32",
            found=f"an output difference of {difference:g}, file {'equal' if same else 'different'} after rounding, "
            f"cost {counted} against {counted_stock}",
            where=str(shipped),
            fix="don't ship this file; report it with the output of `auxhead env`",
        )
    saved_difference = (outputs(saved, images) - reference).abs()
    return Certificate(
        weights=shipped.name,
        sha256=sha256_of(shipped),
        epoch=int(trained["epoch"]) + 1,
        select=plan.select,
        tensors_moved=len(detector.state_dict()),
        tensors_left_out=len(criterion.heads.state_dict()),
        left_out_parameters=sum(parameter.numel() for parameter in criterion.heads.parameters()),
        images=len(images),
        real_images=real_images,
        float32_difference=difference,
        saved_precision="float16",
        saved_box_difference=float(saved_difference[:, :4].max()),
        saved_score_difference=float(saved_difference[:, 4:].max()),
        parameters=counted[0],
        gflops=counted[1],
        layers=counted[2],
        stock_parameters=counted_stock[0],
        stock_gflops=counted_stock[1],
        stock_layers=counted_stock[2],
        imgsz=imgsz,
        auxhead=__version__,
        ultralytics=ultralytics_version,
        torch=torch.__version__,
    )
