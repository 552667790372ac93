"""The proof that a detector is what a stock pose or segment model had inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from torch import Tensor
from ultralytics.nn.tasks import DetectionModel

from auxhead.errors import VerificationError
from auxhead.host.validation import Row, table
from auxhead.shipping.counts import Counts, Versions
from auxhead.shipping.proof import Proof
from auxhead.shipping.sameness import equal, is_as_built, predictions

OTHER_BRANCH = (
    "The class branch is not the one that the installed Ultralytics builds for this YAML (8.3.0 to 8.3.16, say, built "
    "YOLOv8 with YOLO11's). The detector predicts and exports as it is; a training that starts from it may begin its "
    "class branch anew."
)


@dataclass(frozen=True, kw_only=True)
class StripCertificate(Proof):
    """What was compared when a detector was made from a pose or segment model, and what came out.

    The attributes of `Proof`, and these.

    Attributes:
        source: File name of the pose or segment model.
        source_sha256: Its hash.
        task: What it was trained for: pose or segment.
        random_images: Random images compared.
        real_images: Validation images compared.
        precision: Precision of both files' tensors.
        source_counts: Size of the source, unfused.
        validation: Both models on the data set given, the source first; empty without one.
        as_built: Whether the class branch is the one that the installed Ultralytics builds for the YAML. If not, the
            stock model of the counts has the source's.
    """

    source: str
    source_sha256: str
    task: str
    random_images: int
    real_images: int
    precision: str
    source_counts: Counts
    validation: tuple[Row, ...] = ()
    as_built: bool = True

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`, or from what a file holds."""
        return super().from_dict({**content, "validation": tuple(Row(**row) for row in content.get("validation", ()))})

    def __str__(self) -> str:
        """Return the proof as a few lines of text."""
        lines = [
            f"Certificate for {self.weights} (from the {self.task} model {self.source})",
            f"  tensors  {self._tensors()}",
            f"  outputs  {self._outputs()}",
            f"  saved    in {self.precision}, as the source",
            f"  cost     {self._costs()}",
        ]
        lines += [f"  export   {self.export}"] if self.export else []
        lines += [f"  sha256   {self.sha256}"]
        lines += ["", table(self.validation)] if self.validation else []
        return "\n".join(lines + self._remarks())

    def _tensors(self) -> str:
        left_out = (
            f"{self.tensors_left_out} of the {self.task} branch left out ({self.left_out_parameters:,} parameters)"
        )
        return f"{self.tensors_moved} moved, equal bit for bit; {left_out}"

    def _outputs(self) -> str:
        real = f" and {self.real_images} validation" if self.real_images else ""
        images = f"{self.random_images} random{real} images"
        return f"boxes and scores of both files: difference {self.float32_difference:g} in float32 on {images}"

    def _costs(self) -> str:
        before = self.source_counts
        return (
            f"{before.parameters:,} parameters, {before.gflops:.2f} GFLOPs at {self.imgsz} px, {before.layers} layers "
            f"before; {self.counts} after; stock: {self.stock_counts}"
        )

    def _remarks(self) -> list[str]:
        """Say what the class branch means for a training, and what the labels had nothing to measure by."""
        return ([] if self.as_built else [OTHER_BRANCH]) + self._unmeasured()

    def _unmeasured(self) -> list[str]:
        if not self.validation:
            return []
        measured = {"pose": self.validation[0].pose_map50, "segment": self.validation[0].mask_map50}
        if measured.get(self.task) is not None:
            return []
        kind = "keypoints" if self.task == "pose" else "outlines"
        return [f"The labels have no {kind} that fit, so both models were validated by their boxes."]


def certify_strip(
    source: DetectionModel,
    left_out: Sequence[str],
    stock: DetectionModel,
    saved: DetectionModel,
    *,
    images: Sequence[Tensor],
    where: str,
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
        where: The source's file, for messages.
        facts: The certificate's fields that say what the files are.

    Raises:
        ModelError: The source can't be run.
        VerificationError: A tensor or an output differs, or the cost is not the stock model's.
    """
    before, after = source.state_dict(), saved.state_dict()
    wrong = [name for name, value in after.items() if name not in before or not equal(value, before[name])]
    wrong += sorted(set(before) ^ {*after, *left_out})
    difference = max(_difference(saved, source, batch, where) for batch in images)
    imgsz = facts["imgsz"]
    counts, stock_counts = Counts.of(saved, imgsz), Counts.of(stock, imgsz)
    _require_same(wrong, difference, counts, stock_counts, where)
    parameters = dict(source.named_parameters())
    return StripCertificate(
        **facts,
        tensors_moved=len(after),
        tensors_left_out=len(left_out),
        left_out_parameters=sum(parameters[name].numel() for name in left_out if name in parameters),
        random_images=len(images[0]),
        real_images=sum(map(len, images[1:])),
        float32_difference=difference,
        source_counts=Counts.of(source, imgsz),
        as_built=is_as_built(saved),
        counts=counts,
        stock_counts=stock_counts,
        versions=Versions.installed(),
    )


def _difference(saved: DetectionModel, source: DetectionModel, images: Tensor, where: str) -> float:
    """Return the largest difference of two models' boxes (pixels) and scores; infinite where they can't be compared."""
    largest = 0.0
    for ours, theirs in zip(predictions(saved, images, where), predictions(source, images, where), strict=True):
        if ours.shape != theirs.shape:
            return float("inf")
        if not equal(ours, theirs):
            largest = max(largest, float((ours - theirs).abs().nan_to_num(float("inf")).max()))
    return largest


def _require_same(wrong: Sequence[str], difference: float, counts: Counts, stock: Counts, where: str) -> None:
    """Refuse a detector that is not what its source has inside.

    Raises:
        VerificationError: Something differs.
    """
    if wrong or difference or counts != stock:
        raise VerificationError(
            expected=f"the boxes and scores of {Path(where).name}, and the stock model's cost",
            found=f"{len(wrong)} tensors that differ ({', '.join(wrong[:5]) or 'none'}), an output difference of "
            f"{difference:g}, cost {counts!r} against {stock!r}",
            where=where,
            fix="report this with the YAML and the output of `auxhead env`",
        )
