"""Ultralytics' models: how their names are related, and which of them contain a plain detector."""

from __future__ import annotations

import re
from functools import wraps
from pathlib import Path
from typing import Any

from torch import nn
from ultralytics.nn import tasks
from ultralytics.nn.modules.head import Detect, Pose, Pose26, Segment, Segment26, v10Detect
from ultralytics.nn.tasks import BaseModel, PoseModel, SegmentationModel, guess_model_scale, yaml_model_load
from ultralytics.utils import SETTINGS, is_online
from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

from auxhead.errors import ConfigError, ModelError
from auxhead.host.calls import told_as
from auxhead.layouts.ready_made import all_sizes, ready_made
from auxhead.model.attach import require_detector
from auxhead.yaml_files import oversized

_check_yaml = tasks.check_yaml


@wraps(_check_yaml)
def check_yaml(file: str | Path, *args: Any, **keys: Any) -> Any:
    """Find a YAML for Ultralytics; where a folder is named, the one for all sizes by the file's name alone.

    Raises:
        ModelError: It expands to more than any model has.

    Source:
        Ultralytics 8.4.190, nn/tasks.py, yaml_model_load: it takes the size out of the whole path, so that
        env/yolov8n/cfg/yolov8n-p234.yaml is looked for in env/yolov8/cfg.
    """
    path = Path(file)
    both = all_sizes(path)
    apart = path.parent != Path() and not path.is_file() and both.is_file()
    found = str(both) if apart else _check_yaml(file, *args, **keys)
    if found and (too_large := oversized(Path(found))):
        raise ModelError("the YAML of a model", too_large, str(found), "correct the file")
    return found


tasks.check_yaml = check_yaml


def stock_name(model: str | Path) -> str:
    """Name a model as its YAML does, without the u that Ultralytics gave its weights of YOLOv3 and YOLOv5.

    >>> [stock_name(name) for name in ("yolov5nu.pt", "yolov3-tinyu.pt", "yolov8n-p2.yaml")]
    ['yolov5n', 'yolov3-tiny', 'yolov8n-p2']
    """
    return re.sub(r"^(yolov[35].*)u$", r"\1", Path(model).stem)


def sibling(model: str | Path, variant: str) -> str:
    """Name a variant of a model at the same scale: yolov8n and p2 give yolov8n-p2.yaml.

    Args:
        model: One of Ultralytics' detectors by name: yolov8n.yaml, yolov8n.pt, yolov5nu.pt, yolo26s.pt.
        variant: p2, ghost-p2, p6, pose, seg; one of our layouts: p234, p234-down, p3, slim.

    Raises:
        ConfigError: There is no such variant.
    """
    base = re.sub(r"-(ghost|p2|p6|ghost-p2|ghost-p6|p234|p234-down|p3|slim)$", "", stock_name(model))
    name = f"{base}-{variant}.yaml"

    def refuse(_: BaseException) -> ConfigError:
        return ConfigError(
            expected=f"a model that has a {variant} variant, such as yolov8n.yaml",
            found=f"{model}; there is no {name}",
            where="arms",
            fix=f"give the arm a model of its own: {{model: FILE.yaml}}, or leave out the arm that needs {variant}",
        )

    with told_as(refuse):
        yaml_model_load(ready_made(name))
    return name


def size_letter(name: str) -> str:
    """Return the size in a model's name, as Ultralytics reads it: n of yolov8n.pt; empty without one."""
    return str(guess_model_scale(name))


def weights_file(name: str | Path) -> Path | None:
    """Find a .pt file where Ultralytics looks for it: at its path, or in its folder of weights; None: in neither."""
    places = (Path(name), Path(str(SETTINGS["weights_dir"])) / Path(name).name)
    return next((place for place in places if place.is_file()), None)


def own_file(name: str | Path) -> Path | None:
    """Find the file of a user's own that a model's name means; None for Ultralytics' weights and ready-made YAMLs."""
    if str(name) in GITHUB_ASSETS_NAMES:
        return None
    given = Path(name)
    places = [weights_file(given)] if given.suffix == ".pt" else [given, all_sizes(given)]
    return next((file for file in places if file and file.is_file()), None)


def fetch_weights(name: str) -> None:
    """Let Ultralytics download weights of its own that aren't here; for other names, and without a network, nothing."""
    if name in GITHUB_ASSETS_NAMES and name.endswith(".pt") and weights_file(name) is None and is_online():
        attempt_download_asset(name)


TASKS: dict[tuple[type[nn.Module], type[nn.Module]], str] = {
    (PoseModel, Pose): "pose",
    (PoseModel, Pose26): "pose",
    (SegmentationModel, Segment): "segment",
    (SegmentationModel, Segment26): "segment",
}
"""Models, by class and last layer, that are a detector with something added."""

REFUSED = {
    "OBB": "an oriented-box model: its boxes are rotated, which no plain detector predicts",
    "OBB26": "an oriented-box model: its boxes are rotated, which no plain detector predicts",
    "RTDETRDecoder": "an RT-DETR: a detector already, but not one with the Detect head that this command makes",
    "Classify": "a classifier: it predicts no boxes",
    "SemanticSegment": "a semantic segmentation model: it predicts a class for every pixel and no boxes",
    "Depth": "a depth model: it predicts distances and no boxes",
    "WorldDetect": "a YOLO-World model: its classes come from text while it runs; a plain detector's are fixed",
    "YOLOEDetect": "a YOLOE model: its classes come from prompts while it runs; a plain detector's are fixed",
    "YOLOESegment": "a YOLOE model: its classes come from prompts while it runs; a plain detector's are fixed",
    "YOLOESegment26": "a YOLOE model: its classes come from prompts while it runs; a plain detector's are fixed",
}
"""What can't become a plain detector, by the name of its last layer."""


def task_of(model: BaseModel, where: str) -> str:
    """Tell what a model is: pose or segment, which can be stripped, or detect, which needs no stripping.

    Args:
        model: The model.
        where: Its file, for the message.

    Raises:
        ModelError: It is anything else, or fused, or has other classes than names.
    """
    last = _last_layer(model, where)
    if type(last).__name__ in REFUSED and type(last).__module__ == Detect.__module__:
        raise ModelError(
            "a detector, or a pose or segment model to make one of",
            REFUSED[type(last).__name__],
            where,
            "name another model",
        )
    if type(last) in {Detect, v10Detect}:
        require_detector(model, where)
        return "detect"
    task = TASKS.get((type(model), type(last)))
    if task is None:
        found = f"{_full_name(model)} ending in {_full_name(last)}"
        expected = "a detector, or a pose or segment model, of Ultralytics' own classes"
        raise ModelError(expected, found, where, "name another model")
    _require_as_trained(model, last, where)
    return task


def _require_as_trained(model: BaseModel, last: nn.Module, where: str) -> None:
    """Refuse a model that was changed after its training in what a detector is built from.

    Raises:
        ModelError: It is fused, or its names, last layer and YAML count different classes.
    """
    if model.is_fused():
        raise ModelError(
            "a model as it was trained",
            "a fused one: its normalisation is folded into the convolutions",
            where,
            "name the file it was fused from (best.pt of its run)",
        )
    names, nc = len(getattr(model, "names", None) or ()), getattr(last, "nc", None)
    described = (getattr(model, "yaml", None) or {}).get("nc")
    if not names == nc == described:
        raise ModelError(
            f"as many names as classes ({nc})", f"{names} names, nc={described}", where, "mend model.names"
        )


def _last_layer(model: BaseModel, where: str) -> nn.Module:
    """Return a model's last layer.

    Raises:
        ModelError: It has no layers, as no model that Ultralytics has built.
    """
    layers = getattr(model, "model", None)
    if isinstance(layers, nn.Sequential) and len(layers):
        return layers[-1]
    raise ModelError(
        "a model of Ultralytics, with layers", f"{type(model).__name__} without any", where, "save it again"
    )


def _full_name(part: nn.Module) -> str:
    return f"{type(part).__module__}.{type(part).__qualname__}"
