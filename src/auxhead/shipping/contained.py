"""Move the tensors of a model into the stock detector that it contains."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from torch import Tensor, nn
from ultralytics.nn.tasks import DetectionModel

from auxhead.errors import ModelError, VerificationError
from auxhead.host import checkpoint
from auxhead.host.calls import named_line, told_as
from auxhead.shipping.sameness import build_like, equal

HEAD_SETTINGS = ("_end2end", "max_det", "agnostic_nms", "xyxy")
"""What a head may have been told after it was built, and what its boxes depend on."""


LAYER_PARTS = 4  # from, repeats, module, arguments. Source: Ultralytics, nn/tasks.py, parse_model


def detect_yaml(model_yaml: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the YAML of a pose or segment model into that of the detector it contains.

    Args:
        model_yaml: The model's `yaml`, resolved by Ultralytics (with `scale`, `nc` and `channels` in it).

    Returns:
        A new YAML: the last layer is Detect with the same inputs and classes, and keypoints are not mentioned.
    """
    yaml = deepcopy({key: value for key, value in model_yaml.items() if key != "kpt_shape"})
    source, repeats, _, arguments = yaml["head"][-1]
    yaml["head"][-1] = [source, repeats, "Detect", arguments[:1]]
    return yaml


def detector_of(model: DetectionModel, where: str) -> tuple[DetectionModel, list[str]]:
    """Build the stock detector that a pose or segment model contains, and move every tensor over.

    Args:
        model: The pose or segment model, float32. It is not changed.
        where: The model's file, for messages.

    Returns:
        The detector, float32, and the names of the model's tensors that it doesn't have.

    Raises:
        ModelError: Ultralytics can't build a detector of the model's YAML.
        VerificationError: A tensor of the detector is missing in the model or differs in shape, or the model has
            tensors beside those of its keypoints or masks.
    """
    detector = _build(model, where)
    source, target = model.state_dict(), detector.state_dict()
    left_out = [name for name in source if name not in target]
    _require_match(source, target, left_out, detector)
    detector.load_state_dict({name: source[name] for name in target})
    moved = detector.state_dict()
    wrong = [name for name in moved if not equal(moved[name], source[name])]
    if wrong:
        raise _mismatch(len(target), [f"{name}: moved, but not equal" for name in wrong], model)
    _take_settings(model, detector)
    return detector.requires_grad_(False).eval(), left_out


def _build(model: DetectionModel, where: str) -> DetectionModel:
    """Let Ultralytics build the detector of a model's YAML, with the branches and weights of the model."""

    def refuse(error: BaseException) -> ModelError:
        return ModelError(
            expected="a pose or segment model that the installed Ultralytics can build",
            found=named_line(error),
            where=where,
            fix="train or save it again with a recent Ultralytics",
        )

    layers = model.yaml.get("head")
    if not (isinstance(layers, list) and layers and len(layers[-1]) == LAYER_PARTS):
        raise refuse(ValueError("a YAML without a head"))
    yaml = detect_yaml(model.yaml)
    with told_as(refuse):
        return build_like(yaml, model)


def _take_settings(model: DetectionModel, detector: DetectionModel) -> None:
    """Give a detector the names, arguments and head settings of the model that it comes from."""
    head, old = detector.model[-1], model.model[-1]
    for name in HEAD_SETTINGS:
        if name in vars(old):
            setattr(head, name, vars(old)[name])
    modules = dict(model.named_modules())
    for name, module in detector.named_modules():
        if isinstance(module, nn.BatchNorm2d):  # not among the tensors, and not the same in every release's heads
            module.eps, module.momentum = modules[name].eps, modules[name].momentum
    detector.names = dict(checkpoint.class_names(model.names))
    detector.nc = head.nc
    detector.args = {**checkpoint.plain_data(checkpoint.as_dict(getattr(model, "args", {}))), "task": "detect"}
    vars(detector).pop("pt_path", None)  # `load` noted it; it is a path on the machine that trained


def _require_match(
    source: Mapping[str, Tensor], target: Mapping[str, Tensor], left_out: list[str], detector: DetectionModel
) -> None:
    """Account for every tensor of both models by name and shape."""
    differences = []
    for name, value in target.items():
        if name not in source:
            differences.append(f"{name}: {tuple(value.shape)} in the detector, missing in the model")
        elif source[name].shape != value.shape or source[name].is_floating_point() != value.is_floating_point():
            mine, theirs = source[name], value
            differences.append(
                f"{name}: {tuple(mine.shape)} {mine.dtype} in the model, {tuple(theirs.shape)} {theirs.dtype} in the "
                "detector"
            )
    last = f"model.{len(detector.model) - 1}."
    shared = dict(detector.model[-1].named_children())
    differences += [
        f"{name}: {tuple(source[name].shape)} in the model, no place in the detector"
        for name in left_out
        if not name.startswith(last) or name.removeprefix(last).split(".")[0] in shared
    ]
    if differences:
        raise _mismatch(len(target), differences, detector)


def _mismatch(count: int, differences: list[str], model: DetectionModel) -> VerificationError:
    shown = "\n          ".join(differences[:5])
    return VerificationError(
        expected=f"all {count} tensors of the stock detector in the model, and only its keypoints or masks beside them",
        found=f"{len(differences)} difference{'s' if len(differences) > 1 else ''}\n          {shown}",
        where=str(model.yaml.get("yaml_file", "the model's YAML")),
        fix="strip the file as Ultralytics saved it; if that is this one, report it with the output of `auxhead env`",
    )
