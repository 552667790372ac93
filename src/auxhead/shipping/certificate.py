"""The proof that what is saved is the stock detector that was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.nn.tasks import DetectionModel, load_checkpoint

from auxhead.errors import VerificationError
from auxhead.files import sha256
from auxhead.model import state
from auxhead.model.attach import attach, plain
from auxhead.model.choices import RunPlan
from auxhead.shipping.counts import Counts, Versions
from auxhead.shipping.proof import Proof
from auxhead.shipping.sameness import outputs, require_finite, stock_copy

RANDOM_IMAGES = 2  # compared where no pictures are given. Source: own choice; every layer runs


@dataclass(frozen=True, kw_only=True)
class Certificate(Proof):
    """What was compared when a training's detector was saved: the trained model with its heads, and the stock model.

    The attributes of `Proof`, and these.

    Attributes:
        epoch: Epoch (from 1) whose weights the file holds.
        select: Metric that chose it.
        images: Validation images (or random ones, see `real_images`) compared.
        real_images: Whether they are pictures of the data set.
        saved_precision: Precision of the file's tensors.
        saved_box_difference: Largest box difference after rounding to that precision, pixels.
        saved_score_difference: Largest score difference after rounding, 0 to 1.
    """

    epoch: int
    select: str
    images: int
    real_images: bool
    saved_precision: str
    saved_box_difference: float
    saved_score_difference: float

    def __str__(self) -> str:
        """Return the proof as a few lines of text."""
        export = f"  export   {self.export}\n" if self.export else ""
        pictures = f"{self.images} {'validation' if self.real_images else 'random'} images"
        own = self.counts
        heads = f"{self.tensors_left_out} of the heads left out ({self.left_out_parameters:,} parameters)"
        left_out, trained = (f"; {heads}", "trained with heads") if self.tensors_left_out else ("", "as trained")
        return f"""\
Certificate for {self.weights} (epoch {self.epoch}, chosen by {self.select})
  tensors  {self.tensors_moved} moved, equal bit for bit{left_out}
  outputs  {trained} against stock model: difference {self.float32_difference:g} in float32 on {pictures}
  saved    in {self.saved_precision}: boxes move by up to {self.saved_box_difference:.3g} px, \
scores by {self.saved_score_difference:.2g} (as in every Ultralytics file)
  cost     {own.parameters:,} parameters, {own.gflops:.2f} GFLOPs at {self.imgsz} px, {own.layers} layers; \
stock: {self.stock_counts}
{export}\
  sha256   {self.sha256}"""


def certify(trained: Mapping[str, Any], shipped: Path, images: Tensor | None = None) -> Certificate:
    """Compare a training state with the detector file that was made from it.

    Args:
        trained: A training state (`state.load_state`).
        shipped: The plain detector file.
        images: Pictures to compare outputs on, shape (B, C, H, W), 0 to 1; None: random ones.

    Raises:
        VerificationError: A tensor or an output differs before rounding, the file holds other weights than the state,
            its cost is not the stock model's, or weights are no numbers.
    """
    detector: DetectionModel = plain(trained["ema"]).float()
    imgsz, where = int(trained["train_args"]["imgsz"]), str(shipped)
    require_finite(detector, where)
    compared = _random_images(detector, imgsz) if images is None else images
    plan, with_heads, heads = _with_heads(trained, detector)
    stock = stock_copy(detector)
    saved, _ = load_checkpoint(where)
    reference = outputs(with_heads, compared, where)
    difference = float((outputs(stock, compared, where) - reference).abs().max())
    counts, stock_counts = Counts.of(saved, imgsz), Counts.of(stock, imgsz)
    _require_same(difference, counts, stock_counts, where, rounded=_holds_rounded(saved, detector))
    rounding = (outputs(saved, compared, where) - reference).abs()
    return Certificate(
        weights=shipped.name,
        sha256=sha256(shipped),
        epoch=int(trained["epoch"]) + 1,
        select=plan.select,
        tensors_moved=len(detector.state_dict()),
        tensors_left_out=len(heads.state_dict()),
        left_out_parameters=sum(parameter.numel() for parameter in heads.parameters()),
        images=len(compared),
        real_images=images is not None,
        float32_difference=difference,
        saved_precision="float16",
        saved_box_difference=float(rounding[:, :4].max()),
        saved_score_difference=float(rounding[:, 4:].max()),
        counts=counts,
        stock_counts=stock_counts,
        imgsz=imgsz,
        versions=Versions.installed(),
    )


def _random_images(detector: DetectionModel, imgsz: int) -> Tensor:
    """Draw pictures of a training's size, shape (B, C, S, S), 0 to 1."""
    shape = (RANDOM_IMAGES, detector.yaml.get("channels", 3), imgsz, imgsz)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def _with_heads(trained: Mapping[str, Any], detector: DetectionModel) -> tuple[RunPlan, DetectionModel, nn.ModuleDict]:
    """Put the heads of a training state on a copy of its detector, as they were while it trained."""
    own = trained[state.KEY]
    plan = RunPlan.from_dict({key: own[key] for key in RunPlan.__dataclass_fields__ if key in own})
    model = plain(detector)
    heads = attach(model, plan.heads, epochs=1).heads
    heads.load_state_dict(own["head_state"])
    return plan, model, heads


def _holds_rounded(saved: DetectionModel, detector: DetectionModel) -> bool:
    """Tell whether a file's model has the detector's tensors as `ship` rounds them: to half precision, and clamped."""
    found = saved.state_dict()
    return all(
        torch.equal(found[name], value.half().nan_to_num_().float())
        for name, value in detector.state_dict().items()
        if value.is_floating_point()
    )


def _require_same(difference: float, counts: Counts, stock: Counts, where: str, *, rounded: bool) -> None:
    """Refuse a file that is not the stock detector that was trained.

    Raises:
        VerificationError: Something differs.
    """
    if difference or not rounded or counts != stock:
        raise VerificationError(
            expected="the stock model's cost, and its outputs equal in float32",
            found=f"an output difference of {difference:g}, file {'equal' if rounded else 'different'} after rounding, "
            f"cost {counts!r} against {stock!r}",
            where=where,
            fix="don't ship this file; report it with the output of `auxhead env`",
        )
