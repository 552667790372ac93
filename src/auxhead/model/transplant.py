"""Give a detector the weights of one with another layout: layer for layer by what it is for, not by its number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.nn.tasks import DetectionModel

from auxhead.errors import ModelError
from auxhead.layouts.layout import take_apart

Place = tuple[str, str]
"""A unit of weights: what its layer is for, and its name in there."""
FIRST = "model.0.conv.weight"
"""Filters over the picture's channels. Source: Ultralytics 8.4.190, nn/tasks.py, BaseModel.load."""


@dataclass(frozen=True)
class Transplant:
    """What was moved from one detector to another; names are those of tensors.

    Attributes:
        source: File that the weights come from, as it was given.
        moved: By the target's name, the source's. Every one of them is equal, bit for bit.
        fitted: By the target's name, the source's, of tensors that are fitted as Ultralytics does: rows of classes by
            their names, and the first layer's filters to pictures of other channels.
        left: Names in the target that keep their initial values.
        moved_parameters: Numbers in the tensors that were moved.
        parameters: Numbers in all tensors of the target.
    """

    source: str
    moved: Mapping[str, str]
    fitted: Mapping[str, str]
    left: tuple[str, ...]
    moved_parameters: int
    parameters: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """Say it in a line."""
        share = self.moved_parameters / self.parameters if self.parameters else 0.0
        came = len(self.moved) + len(self.fitted)
        return (
            f"{came} of {came + len(self.left)} tensors ({share:.0%} of the weights) come from "
            f"{self.source}, moved by what their layers are for; the others start as they are"
        )


def same_layout(one: DetectionModel, other: DetectionModel) -> bool:
    """Tell whether two models are built from the same layers, so that Ultralytics moves weights by their numbers."""
    return all(one.yaml.get(part) == other.yaml.get(part) for part in ("backbone", "head"))


@torch.no_grad()
def transplant(source: DetectionModel, target: DetectionModel, where: str) -> Transplant:
    """Move the weights of a detector into one with another layout.

    A unit (a convolution with its normalisation) moves if there is one for the same purpose whose tensors all have the
    same shapes; nothing is cut or stretched. Heads on levels that the source doesn't have get those of its finest
    level. Rows of the last class layers go by the names of the classes where any of these is equal, and filters of the
    first layer are fitted to pictures of other channels, as where Ultralytics loads weights.

    Args:
        source: The detector that the weights come from. It is not changed.
        target: The detector that gets them. Tensors that aren't moved keep their values. Its `names` are those of the
            data, or the numbers of the classes, by which none are matched.
        where: The source's file, for messages.

    Returns:
        What was moved. Two detectors of one layout and one size: everything.

    Raises:
        ModelError: The layers of one of them can't be told apart, or nothing fits.
    """
    giving, taking = _units(source, where), _units(target, str(target.yaml.get("yaml_file", "the model's YAML")))
    tensors, new = source.state_dict(), target.state_dict()
    finest = f"Detect P{min(_levels(source))}"
    moved: dict[str, str] = {}
    fitted: dict[str, str] = {}
    rows: dict[str, str] = {}  # with as many columns: what may go by the names of classes
    for (role, name), names in taking.items():
        own = giving.get((role, name)) or (giving.get((finest, name)) if role.startswith("Detect P") else None)
        if own is None or own.keys() != names.keys():
            continue
        pairs = {names[part]: own[part] for part in names}
        unlike = [name for name, origin in pairs.items() if not _alike(tensors[origin], new[name])]
        if not unlike:
            moved.update(pairs)
        elif unlike == [FIRST] and tensors[FIRST].shape[2:] == new[FIRST].shape[2:]:
            moved.update({name: origin for name, origin in pairs.items() if name != FIRST})
            fitted[FIRST] = pairs[FIRST]
            _fit_channels(new[FIRST], tensors[FIRST])
        rows.update(
            {name: origin for name, origin in pairs.items() if tensors[origin].shape[1:] == new[name].shape[1:]}
        )
    by_name = {name: tensors[origin] for name, origin in rows.items()}
    target._remap_cls_by_names(by_name, source, verbose=False)
    fitted.update({name: origin for name, origin in rows.items() if name not in by_name})
    moved = {name: origin for name, origin in moved.items() if name not in fitted}
    for name, origin in moved.items():
        new[name].copy_(tensors[origin])
    if not moved:
        raise ModelError(
            expected=f"weights that fit {target.yaml.get('yaml_file', 'the model')}",
            found="no layer of the same purpose and the same shape",
            where=f"pretrained={where}",
            fix="choose weights of the same family and size: yolov8n.pt for yolov8n-p234.yaml",
        )
    left = tuple(name for name in new if name not in moved and name not in fitted)
    numbers = {name: value.numel() for name, value in new.items()}
    return Transplant(where, moved, fitted, left, sum(numbers[name] for name in moved), sum(numbers.values()))


def _fit_channels(filters: Tensor, source: Tensor) -> None:
    """Give the first layer filters of another one: their sum for grey pictures, else those of the first channels.

    Source:
        Ultralytics 8.4.190, nn/tasks.py, BaseModel.load.
    """
    count, channels = min(len(filters), len(source)), min(filters.shape[1], source.shape[1])
    filters[:count, :channels] = source[:count].sum(1, keepdim=True) if channels == 1 else source[:count, :channels]


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.is_floating_point() == other.is_floating_point()


def _units(model: DetectionModel, where: str) -> dict[Place, dict[str, str]]:
    """Sort a model's tensors by what they are for: the full name by the name in its unit."""
    _, roles = take_apart(model.yaml, where)
    found: dict[Place, dict[str, str]] = {}
    for name in model.state_dict():
        _, index, inner = name.split(".", 2)
        unit, _, part = inner.rpartition(".")
        if unit.endswith((".conv", ".bn")) or unit in {"conv", "bn"}:  # Ultralytics' Conv: both move, or none
            unit, _, kind = unit.rpartition(".")
            part = f"{kind}.{part}"
        role = roles[int(index)]
        if role == "Detect":
            role, unit = _level(model, unit)
        found.setdefault((role, unit), {})[part] = name
    return found


def _level(model: DetectionModel, unit: str) -> Place:
    """Name the level that a part of Detect works at: cv2.1.0 is its box branch for the second one."""
    branch, _, rest = unit.partition(".")
    number, _, rest = rest.partition(".")
    levels = _levels(model)
    if isinstance(getattr(model.model[-1], branch, None), nn.ModuleList) and number.isdigit():
        return f"Detect P{levels[int(number)]}", f"{branch}.{rest}"
    return "Detect", unit


def _levels(model: DetectionModel) -> list[int]:
    """List the levels that a model predicts on: 3 for stride 8."""
    return [int(stride).bit_length() - 1 for stride in model.stride.tolist()]
