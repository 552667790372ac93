"""Predict on a split with Ultralytics' validator, and keep every box it measures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from auxhead.errors import DataError, ModelError
from auxhead.files import sha256
from auxhead.host import checkpoint
from auxhead.host.calls import first_line, told_as
from auxhead.host.cpu import restored_threads
from auxhead.host.validation import BoxValidator
from auxhead.labels.class_names import places
from auxhead.metrics.results.categories import placeholder
from auxhead.mistyped import how_to_correct

EXPECTED = "a model's file or folder"
PLACEHOLDERS = 3  # names shown in a message
ONE_CLASS = "item"  # Source: Ultralytics 8.4.190, engine/trainer.py, which names the class of single_cls so


@dataclass(frozen=True)
class Predictions:
    """What a model found on a split.

    Attributes:
        rows: For each image file: boxes as left, top, width, height, score and class, shape (k, 6), pixels of the
            original image; classes are those of the data.
        imgsz: Image size that the model got, pixels.
        max_det: Most predictions of an image; Ultralytics raises its default where an image has more boxes.
        metrics: What Ultralytics itself measured on them, by its names.
        note: What was done about names, '' for nothing.
        looks: Times that the model looked at a picture, on average.
    """

    rows: Mapping[str, Tensor]
    imgsz: int
    max_det: int
    metrics: Mapping[str, float]
    note: str
    looks: float = 1.0


class _Collector(BoxValidator):
    """Ultralytics' detection validator, which keeps the predictions it measures."""

    def init_metrics(self, model: nn.Module) -> None:
        """Match the model's classes with those of the data before the first image."""
        super().init_metrics(model)
        self.rows: dict[str, Tensor] = {}
        names: Any = model.names
        if self.args.single_cls:
            self.order, self.note = [0] * len(names), ""
            self.names = self.metrics.names = {0: ONE_CLASS}
            return
        self.order, self.note = match_names(names, self.data["names"], str(self.args.model))
        self.names = self.metrics.names = self.data["names"]  # what the table that is printed calls them

    def postprocess(self, preds: Any) -> list[dict[str, Tensor]]:
        """Give each prediction the class that the data knows it by; those of classes it doesn't have are left out."""
        found = []
        for one in super().postprocess(preds):
            table = torch.tensor(self.order, device=one["cls"].device, dtype=one["cls"].dtype)
            cls = table[one["cls"].long()]
            found.append({name: value[cls >= 0] for name, value in {**one, "cls": cls}.items()})
        return found

    def update_metrics(self, preds: list[dict[str, Tensor]], batch: dict[str, Any]) -> None:
        """Keep the predictions of each image in original pixels, then measure as ever."""
        for place, one in enumerate(preds):
            image = self._prepare_batch(place, batch)
            scaled = self.scale_preds(one, image)
            corners = scaled["bboxes"].double()
            self.rows[str(image["im_file"])] = torch.cat(
                [corners[:, :2], corners[:, 2:] - corners[:, :2], one["conf"][:, None], one["cls"][:, None]], dim=1
            ).cpu()
        super().update_metrics(preds, batch)


def predict(
    model: Path,
    data: str,
    *,
    split: str,
    imgsz: int | None,
    batch: int,
    device: str | int | None,
    conf: float,
    iou: float,
    max_det: int,
    trust: bool = False,
    single_cls: bool = False,
) -> Predictions:
    """Predict on a split as `yolo val` does.

    Args:
        model: A .pt file, which is opened without running code of its own, or any format that Ultralytics runs.
        data: The data.yaml.
        split: train, val or test.
        imgsz: Image size, pixels; None: what the model was trained or exported at, else 640.
        batch: Images per batch.
        device: As Ultralytics' `device`.
        conf: Lowest score.
        iou: Overlap at which NMS drops a box.
        max_det: Most boxes an image.
        trust: Whether code in a .pt file may run.
        single_cls: Whether all classes are one, of the model and of the data.

    Raises:
        DataError: The data can't be used.
        ModelError: The file holds no detector, or one that lacks classes of the data.
    """
    loaded, trained = _open(model, trust=trust)
    size = imgsz or _size(trained)
    settings = {"data": data, "split": split, "imgsz": size, "batch": batch, "device": device, "single_cls": single_cls}
    settings |= {"conf": conf, "iou": iou, "max_det": max_det, "mode": "val", "task": "detect"}
    settings |= {"rect": True, "plots": False}  # rect: as `yolo val`
    with checkpoint.restricted(trust=trust):
        validator = _measure(loaded, settings, str(model))
    size = validator.args.imgsz
    return Predictions(
        rows=validator.rows,
        imgsz=int(max(size) if isinstance(size, (list, tuple)) else size),
        max_det=int(validator.args.max_det),
        metrics={name: float(value) for name, value in validator.metrics.results_dict.items()},
        note=validator.note,
    )


def _measure(loaded: Any, settings: Mapping[str, Any], model: str) -> _Collector:
    """Run the validator on a split, with a model that is opened already or the file that Ultralytics opens (None)."""

    def refuse(error: BaseException) -> ModelError:
        return ModelError(
            expected=f"a detector of Ultralytics and a data.yaml with a {settings['split']} split that it can be "
            "validated on",
            found=first_line(error),
            where=f"{model} on {settings['data']}",
            fix="correct the path, or see what `yolo detect val` says about it",
        )

    with (
        restored_threads(),
        TemporaryDirectory(prefix="auxhead-") as scratch,
        told_as(refuse),
    ):
        validator = _Collector(args={**settings, "model": model}, save_dir=Path(scratch))
        validator(model=loaded)
    return validator


def match_names(model: Mapping[int, str], data: Mapping[int, str], where: str) -> tuple[list[int], str]:
    """Find the data's class for each class of a model.

    Args:
        model: The model's class names by index.
        data: The data's.
        where: The model, for the message.

    Returns:
        For each class of the model the index of the data's class of that name, -1 where there is none; and a remark if
        the model has them in another order or more of them, or if it has no names of its own.

    Raises:
        ModelError: The data has names that the model has not.
    """
    own, wanted = [model[index] for index in sorted(model)], [data[index] for index in sorted(data)]
    if own == wanted:
        return list(range(len(own))), ""
    found = places(own, wanted)
    if -1 not in found:
        order = [found.index(place) if place in found else -1 for place in range(len(own))]
        if found == list(range(len(own))):
            return order, "classes matched by name: they differ in case or in spaces around them"
        if len(own) == len(wanted):
            return order, "classes matched by name: the model has them in another order"
        others = [name for name, place in zip(own, order, strict=True) if place < 0]
        shown = ", ".join(others[:PLACEHOLDERS]) + (", ..." if len(others) > PLACEHOLDERS else "")
        return order, f"classes matched by name: {len(others)} of the model's, which the data lacks, left out ({shown})"
    generic = all(placeholder(name) for name in own)
    if generic and len(own) == len(wanted):
        return list(range(len(own))), "classes matched by index: the model has no names"
    only = [sorted(set(one) - set(other))[:PLACEHOLDERS] for one, other in ((own, wanted), (wanted, own))]
    told = f"{len(own)} classes; only in the model: {only[0] or '-'}, only in the data: {only[1] or '-'}"
    if twice := sorted({name for names in (own, wanted) for name in names if names.count(name) > 1})[:PLACEHOLDERS]:
        told += f"; names of several classes: {twice}"
    one_class = "; for a model of all classes as one, add single_cls=true" if len(own) == 1 else ""
    raise ModelError(
        expected=f"a model of the {len(wanted)} classes of the data",
        found=told,
        where=where,
        fix=f"name the data it was trained on, or a model of this data{one_class}",
    )


def trained_as_one(model: Path, *, trust: bool) -> bool:
    """Tell whether a model was trained with single_cls; False for formats that don't say.

    Raises:
        ModelError: A .pt file that can't be opened.
    """
    return bool(_open(model, trust=trust)[1].get("single_cls"))


def trained_size(model: Path, *, trust: bool) -> int:
    """Return the image size that a model was trained at, pixels; 640 where its file doesn't say.

    Raises:
        ModelError: A .pt file that can't be opened.
    """
    return _size(_open(model, trust=trust)[1])


def _size(trained: Mapping[str, Any]) -> int:
    size = trained.get("imgsz")
    return (size if isinstance(size, int) else None) or 640


def weights_hash(model: Path) -> str:
    """Hash a model file, or all files of a model's folder (OpenVINO and others).

    Returns:
        SHA-256, hexadecimal.

    Raises:
        ModelError: There is none, or the folder is that of a training.
    """
    best = model / "weights" / "best.pt"
    if best.is_file():
        raise ModelError(EXPECTED, "the folder of a training", str(model), f"name its detector: {best}")
    files = sorted(path for path in model.rglob("*") if path.is_file()) if model.is_dir() else [model]
    total = hashlib.sha256()
    try:
        for file in files:
            digest = sha256(file)
            total.update(bytes.fromhex(digest))
        return total.hexdigest() if model.is_dir() else digest
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise ModelError(EXPECTED, found, str(model), how_to_correct(str(model)) or "correct the path") from error


def _open(model: Path, *, trust: bool) -> tuple[Any, Mapping[str, Any]]:
    """Open a .pt file safely; other formats are Ultralytics' to open. With the arguments it was trained with."""
    if not model.exists():
        raise ModelError(EXPECTED, "no such file", str(model), how_to_correct(str(model)) or "correct the path")
    if model.suffix != ".pt":
        return None, {}
    opened = checkpoint.open_model(model, trust=trust)
    if not isinstance(getattr(opened.model, "names", None), dict):
        raise DataError("a model that names its classes", "none", str(model), "train it again with its data.yaml")
    return opened.model, opened.content.get("train_args") or {}
