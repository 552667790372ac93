"""Validate a detector, pose or segment model, and show several side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from ultralytics.models.yolo.detect import DetectionValidator
from ultralytics.models.yolo.pose import PoseValidator
from ultralytics.models.yolo.segment import SegmentationValidator
from ultralytics.nn.modules.head import Pose, Segment
from ultralytics.nn.tasks import BaseModel
from ultralytics.utils.torch_utils import get_flops, get_num_params

from auxhead.host import checkpoint
from auxhead.host.cpu import restored_threads
from auxhead.host.datasets import read_data, read_split, require_classes

COLUMNS = ("model", "parameters", "GFLOPs", "P", "R", "mAP50", "mAP50-95", "pose mAP50", "mask mAP50")


@dataclass(frozen=True)
class Row:
    """One model's validation, measured and counted by Ultralytics.

    Attributes:
        name: What the model is called in a table.
        parameters: Parameters after fusing convolutions with their normalisation.
        gflops: GFLOPs at the validation's image size, fused.
        precision: Of boxes, mean over classes, 0 to 1, as all that follow.
        recall: See above.
        map50: mAP of boxes at IoU 0.5.
        map50_95: mAP of boxes, mean over IoU 0.5 to 0.95.
        pose_map50: mAP of keypoints at OKS 0.5; None for other models, or labels without keypoints.
        mask_map50: mAP of masks at IoU 0.5; None for other models, or labels without outlines.
    """

    name: str
    parameters: int
    gflops: float
    precision: float
    recall: float
    map50: float
    map50_95: float
    pose_map50: float | None = None
    mask_map50: float | None = None

    @property
    def boxes(self) -> tuple[float, float, float, float]:
        """The metrics of boxes, which a model shares with the detector made from it."""
        return self.precision, self.recall, self.map50, self.map50_95

    def metrics(self) -> dict[str, float]:
        """Return the metrics that there are, by Ultralytics' names."""
        named = dict(zip(("precision(B)", "recall(B)", "mAP50(B)", "mAP50-95(B)"), self.boxes, strict=True))
        extra = {"mAP50(P)": self.pose_map50, "mAP50(M)": self.mask_map50}
        named |= {name: value for name, value in extra.items() if value is not None}
        return {f"metrics/{name}": value for name, value in named.items()}


class BoxValidator(DetectionValidator):
    """Ultralytics' detection validator for pose and segment models: their keypoints or masks are left aside."""

    def postprocess(self, preds: Any) -> list[dict[str, Tensor]]:
        """Suppress overlaps among boxes and scores, which come first in what any of these models predicts."""
        while isinstance(preds, (list, tuple)):
            preds = preds[0]
        found: list[dict[str, Tensor]] = super().postprocess(
            preds[..., :6] if self.end2end else preds[:, : 4 + self.nc]
        )
        return found


def validate(
    weights: Path,
    data: str,
    *,
    imgsz: int = 640,
    batch: int = 16,
    device: str | int | None = None,
    workers: int = 8,
    name: str | None = None,
    save_dir: Path | None = None,
    boxes_only: bool = False,
    trust: bool = False,
) -> Row:
    """Validate a model on the val split of a data set, with Ultralytics' own validator and settings.

    Args:
        weights: A detector, pose or segment model.
        data: A data.yaml. Its labels may be of another task as long as they have boxes: detectors are validated on the
            boxes of keypoint and outline labels, and pose and segment models by their boxes on plain ones.
        imgsz: Image size, pixels.
        batch: Images per batch.
        device: As Ultralytics' `device`; None: a GPU if there is one.
        workers: Processes that load images (on CPUs Ultralytics uses none).
        name: What to call the model; default: its file name without suffix.
        save_dir: Folder for what the validator writes; None: nothing stays. Label caches are written beside labels,
            as whenever Ultralytics reads a data set.
        boxes_only: Leave the keypoints or masks of the model aside even where the labels have some.
        trust: Whether code in `weights` may run (`checkpoint.load`).

    Raises:
        DataError: The data set can't be used, or has another number of classes than the model.
        ModelError: The file holds no such model.
    """
    opened = checkpoint.open_model(weights, trust=trust)
    model, trained = opened.model, opened.content.get("train_args") or {}
    settings = {"single_cls": bool(trained.get("single_cls")), "imgsz": imgsz, "data": data, "device": device}
    settings |= {"batch": batch, "workers": workers, "mode": "val", "rect": True, "plots": False}
    counted = _fused_cost(model, imgsz)
    kind = _validator(model, settings, boxes_only=boxes_only)
    with restored_threads(), TemporaryDirectory(prefix="auxhead-") as scratch:
        validator = kind(args=settings, save_dir=save_dir or Path(scratch))
        validator(model=model)
    metrics = validator.metrics
    precision, recall, map50, map50_95 = map(float, metrics.box.mean_results())
    return Row(
        name=name or weights.stem,
        parameters=counted[0],
        gflops=counted[1],
        precision=precision,
        recall=recall,
        map50=map50,
        map50_95=map50_95,
        pose_map50=float(metrics.pose.map50) if isinstance(validator, PoseValidator) else None,
        mask_map50=float(metrics.seg.map50) if isinstance(validator, SegmentationValidator) else None,
    )


def table(rows: Sequence[Row]) -> str:
    """Lay rows out as text, with the columns that any of them has something in."""
    lines = [COLUMNS, *map(_cells, rows)]
    used = [i for i in range(len(COLUMNS)) if i < len(COLUMNS) - 2 or any(line[i] != "-" for line in lines[1:])]
    width = {i: max(len(line[i]) for line in lines) for i in used}
    return "\n".join(
        "  ".join(line[i].ljust(width[i]) if i == 0 else line[i].rjust(width[i]) for i in used) for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    """Write a row's numbers out, with - for what was not measured."""
    measured = (*row.boxes, row.pose_map50, row.mask_map50)
    numbers = ("-" if value is None else f"{value:.3f}" for value in measured)
    return (row.name, f"{row.parameters:,}", f"{row.gflops:.1f}", *numbers)


def _validator(model: BaseModel, settings: Mapping[str, Any], *, boxes_only: bool) -> Callable[..., DetectionValidator]:
    """Choose the validator: the model's own where the labels have what it measures, else the one for boxes.

    Raises:
        DataError: The data set can't be used.
    """
    head = model.model[-1]
    data = str(settings["data"])
    checked = read_data(data)
    require_classes(checked, head.nc, data, single_cls=bool(settings["single_cls"]))
    keypoints = list(checked.get("kpt_shape") or ()) == list(getattr(head, "kpt_shape", ())) and not boxes_only
    task = "pose" if isinstance(head, Pose) and keypoints else "detect"
    dataset = read_split(checked, "val", {**settings, "task": task})
    outlines = any(len(label["segments"]) for label in dataset.labels) and not boxes_only
    kind: Callable[..., DetectionValidator] = DetectionValidator
    if isinstance(head, Pose):
        kind = PoseValidator if keypoints else BoxValidator
    elif isinstance(head, Segment):
        kind = SegmentationValidator if outlines else BoxValidator
    return kind


def _fused_cost(model: BaseModel, imgsz: int) -> tuple[int, float]:
    """Count parameters and GFLOPs of a fused copy."""
    fused = deepcopy(model).fuse(verbose=False)
    with torch.inference_mode():
        return get_num_params(fused), round(get_flops(fused, imgsz), 3)
