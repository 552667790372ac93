"""Put heads on a stock detector, and give the stock detector back."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn
from ultralytics.nn.modules.head import Detect, v10Detect
from ultralytics.nn.tasks import DetectionModel

from auxhead.errors import AttachError, ModelError
from auxhead.heads.base import HeadSpec, SharedFeatures
from auxhead.heads.registry import head_class
from auxhead.model.criterion import HeadCriterion
from auxhead.model.taps import Place, finer_maps, tap, untap

DETECTORS = "YOLO detectors with a Detect head: v3u, v5u, v6, v8, v9, v10, 11, 12, 26, custom YAMLs of these"


def require_detector(model: nn.Module, where: str) -> DetectionModel:
    """Return the model if heads can be attached to it.

    Args:
        model: Any model that Ultralytics has built or loaded.
        where: File or name it came from, for the message.

    Raises:
        ModelError: It is no plain detector (RT-DETR, pose, segment, OBB, classify, World, YOLOE, ...).
    """
    layers = getattr(model, "model", None)
    last = layers[-1] if isinstance(layers, nn.Sequential) else None
    if type(model) is DetectionModel and type(last) in {Detect, v10Detect}:
        return model
    kind = f"{type(model).__name__} ending in {type(last).__name__}" if last is not None else type(model).__name__
    raise ModelError(
        expected=DETECTORS, found=kind, where=where, fix="pass a detect model, for instance model=yolov8n.yaml"
    )


def shared_features(model: DetectionModel, places: Mapping[float, Place]) -> SharedFeatures:
    """Describe the feature maps that the detector's own head reads, and the finer ones of its backbone."""
    detect = model.model[-1]
    return SharedFeatures(
        channels=tuple(branch[0].conv.in_channels for branch in detect.cv2),
        strides=tuple(float(stride) for stride in detect.stride),
        nc=int(detect.nc),
        reg_max=int(detect.reg_max),
        finer={stride: place.channels for stride, place in places.items()},
    )


def attach(
    model: DetectionModel,
    specs: Mapping[str, HeadSpec],
    *,
    epochs: int,
    seed: int = 0,
) -> HeadCriterion:
    """Give a detector heads for its training; every weight it has stays as it is.

    Args:
        model: A stock detector; it stays one by class, the heads go into its criterion.
        specs: Keys of each head by name.
        epochs: Epochs of the run, for schedules.
        seed: Seed of the heads' weights. They draw from a generator of their own, so that what follows (shuffling,
            augmentation) is the same with and without heads.

    Returns:
        The criterion, already the model's.

    Raises:
        AttachError: The model does not hand the heads' parameters out, so nothing would train them.
        ConfigError: A head is asked for what this model doesn't have.
    """
    untap(model)
    places = finer_maps(model)
    shared = shared_features(model, places)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed those of GPUs as well
        heads = {name: head_class(name)(spec, shared) for name, spec in specs.items()}
    asked = {stride for head in heads.values() for stride in head.finer}
    taps = {stride: tap(model, places[stride].layer) for stride in asked}
    criterion = HeadCriterion(heads, epochs=epochs, taps=taps)
    criterion.to(next(model.parameters()).device)
    model.criterion = criterion
    seen = {id(parameter) for parameter in model.parameters()}
    if any(id(parameter) not in seen for parameter in criterion.parameters()):
        raise AttachError(
            expected="the heads' parameters among the model's",
            found="a model that hides them (a class attribute named 'criterion'?)",
            where=type(model).__name__,
            fix="report this with the output of `auxhead env`",
        )
    return criterion


def plain(model: DetectionModel) -> DetectionModel:
    """Copy a detector without the heads: what Ultralytics itself would hold."""
    criterion = getattr(model, "criterion", None)
    bare = copy.deepcopy(model, {id(criterion): None} if criterion is not None else None)
    untap(bare)
    for place in (bare._modules, bare.__dict__):  # the entry itself would reject a stock criterion later
        place.pop("criterion", None)
    return bare
