"""Predict on slices of pictures with SAHI: what a detector sees that may look several times."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from ultralytics import YOLO
from ultralytics.utils.patches import imread
from ultralytics.utils.torch_utils import select_device

from auxhead.errors import MissingExtraError, ModelError
from auxhead.host import checkpoint
from auxhead.host.calls import first_line, quiet, told_as
from auxhead.host.predict import Predictions, match_names, trained_size

SAHI = logging.getLogger("sahi")

# Source: sahi 0.12, get_sliced_prediction: below a score of 0.1 it suppresses so, instead of merging boxes; said here,
# so that the outcome doesn't hang on conf.
MERGE = {"postprocess_type": "NMS", "postprocess_match_metric": "IOU", "postprocess_match_threshold": 0.5}


@dataclass(frozen=True)
class Slicing:
    """How pictures are cut.

    Attributes:
        side: Of the square slices, pixels of the picture; each is shown to the detector at its own image size.
        overlap: Share of a slice that the next one shows again, 0 to below 1.
    """

    side: int
    overlap: float


def require_sahi() -> ModuleType:
    """Import sahi's `predict`.

    Raises:
        MissingExtraError: It isn't installed.
    """
    try:
        import sahi.predict
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            expected="sahi, for slices=",
            found=f"no {error.name}",
            where="this Python environment",
            fix='pip install "auxhead[slices]"',
        ) from error
    return sahi.predict


def predict_sliced(
    model: Path,
    files: Sequence[str],
    names: Sequence[str],
    slicing: Slicing,
    *,
    imgsz: int | None,
    batch: int,
    device: str | int | None,
    conf: float,
    iou: float,
    max_det: int,
    trust: bool = False,
    single_cls: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Predict on the slices of each picture and on the picture itself, as SAHI does, and join what was found.

    Boxes of a class that overlap by an IoU of 0.5 or more count once, with the highest score.

    Args:
        model: A .pt file, which is opened without running code of its own, or any format that Ultralytics runs.
        files: Pictures; none give no rows.
        names: Class names of the data by index.
        slicing: How to cut.
        imgsz: Image size at which slices and pictures are looked at, pixels; None: what the model was trained at.
        batch: Slices per batch.
        device: As Ultralytics' `device`.
        conf: Lowest score.
        iou: Overlap at which NMS drops a box within a slice.
        max_det: Most boxes of a slice, and of a picture.
        trust: Whether code in a .pt file may run.
        single_cls: Whether all classes are one, of the model and of the data.
        progress: Called as progress(done, total), in pictures.

    Raises:
        MissingExtraError: sahi isn't installed.
        ModelError: The file holds no detector, or one that lacks classes of the data.
    """
    sahi = require_sahi()
    size = imgsz or trained_size(model, trust=trust)
    rows, looks = {}, 0
    with checkpoint.restricted(trust=trust), quiet(), quiet(SAHI), told_as(partial(_refused, model)):
        detector = _detector(model, device, conf=conf, iou=iou, max_det=max_det, imgsz=size)
        own = detector.model.names
        order, note = ([0] * len(own), "") if single_cls else match_names(own, dict(enumerate(names)), str(model))
        for done, file in enumerate(files, start=1):
            found = sahi.get_sliced_prediction(
                np.ascontiguousarray(imread(file)[..., ::-1]),  # as Ultralytics reads it; sahi cuts 16 bits off at 8
                detector,
                slice_height=slicing.side,
                slice_width=slicing.side,
                overlap_height_ratio=slicing.overlap,
                overlap_width_ratio=slicing.overlap,
                batch_size=batch,
                verbose=0,
                **MERGE,
            )
            rows[file] = _rows(found.object_prediction_list, order)[:max_det]
            looks += _looks(found, slicing)
            if progress:
                progress(done, len(files))
        size = _looked_at(detector.model.predictor, size)
    each = looks / max(1, len(files))
    price = f"{slicing.side} px slices: {each:.1f} looks of {size} px at a picture, instead of 1"
    return Predictions(rows, size, max_det, {}, "; ".join(filter(None, (note, price))), each)


def _detector(model: Path, device: str | int | None, *, conf: float, iou: float, max_det: int, imgsz: int) -> Any:
    """Wrap a detector for SAHI, which gives no NMS settings on: they are the model's own then."""
    from sahi.models.ultralytics import UltralyticsDetectionModel

    opened = YOLO(str(model), task="detect")
    opened.overrides |= {"iou": iou, "max_det": max_det, "task": "detect"}  # else sahi goes by the bounds of masks
    place = str(select_device("" if device is None else device, verbose=False))
    if model.suffix == ".pt":
        opened.to(place)
    return UltralyticsDetectionModel(model=opened, device=place, confidence_threshold=conf, image_size=imgsz)


def _looked_at(predictor: Any, size: int) -> int:
    """Return the longer side that was looked at: an exported model has its own."""
    used = getattr(getattr(predictor, "args", None), "imgsz", size)
    return int(max(used) if isinstance(used, (list, tuple)) else used)


def _rows(found: Sequence[Any], order: Sequence[int]) -> Tensor:
    """Return boxes as left, top, width, height, score and class of the data, highest scores first, shape (k, 6)."""
    rows = [
        [*one.bbox.to_xywh(), one.score.value, order[one.category.id]] for one in found if order[one.category.id] >= 0
    ]
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 6)
    return table[table[:, 4].argsort(descending=True, stable=True)]


def _looks(found: Any, slicing: Slicing) -> int:
    """Count how often the detector looked at a picture: at each slice, and at the whole where it is more than one."""
    from sahi.slicing import get_slice_bboxes

    slices = len(
        get_slice_bboxes(
            found.image_height,
            found.image_width,
            slicing.side,
            slicing.side,
            overlap_height_ratio=slicing.overlap,
            overlap_width_ratio=slicing.overlap,
        )
    )
    return slices + (slices > 1)


def _refused(model: Path, error: BaseException) -> ModelError:
    return ModelError(
        expected="a detector of Ultralytics that sahi can run",
        found=first_line(error),
        where=str(model),
        fix="correct the path, or see what `yolo predict` says about it",
    )
