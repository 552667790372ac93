"""Maps of the backbone that are finer than those the detector's own head reads, for heads that ask for them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from ultralytics.nn.tasks import DetectionModel

from auxhead.errors import AttachError


class Place(NamedTuple):
    """Where a map comes from.

    Attributes:
        layer: Number of the layer that gives it.
        channels: Its channels.
    """

    layer: int
    channels: int


class Tap:
    """Hold what a layer gave in a training forward until the criterion takes it; copies and pickles hold nothing."""

    def __init__(self) -> None:
        self.map: Tensor | None = None

    def __call__(self, _layer: nn.Module, _given: object, output: Tensor) -> None:
        """Note the output of a layer, as a forward hook; validation and inference build no graph and leave none."""
        if torch.is_grad_enabled():
            self.map = output

    def take(self, stride: float) -> Tensor:
        """Give the map out, once.

        Raises:
            AttachError: There was no forward pass with gradients since the last one.
        """
        map_, self.map = self.map, None
        if map_ is None:
            raise AttachError(
                expected=f"the backbone's map of stride {stride:g}, from the forward pass that the loss is about",
                found="none: the predictions come from elsewhere",
                where="the criterion of a model with heads",
                fix="let the model that the heads are attached to make the predictions: model(batch)",
            )
        return map_

    def __deepcopy__(self, memo: dict[int, object]) -> Tap:
        return Tap()

    def __reduce__(self) -> tuple[type[Tap], tuple[()]]:
        return Tap, ()


@torch.no_grad()
def finer_maps(model: DetectionModel) -> dict[float, Place]:
    """Find the backbone's maps that are finer than the finest level of the detector.

    Args:
        model: A stock detector; it stays as it is, statistics of its normalisation included.

    Returns:
        The last map of each stride (2, 4, ...) before the next coarser one, by stride. Layers that take more than the
        one before them end the search, so that a layout without such maps, or one that starts otherwise, gives none.
    """
    finest = float(min(model.stride))
    side = int(2 * finest)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    found: dict[float, Place] = {}
    map_ = next(model.parameters()).new_zeros(1, model.yaml.get("channels", 3), side, side)
    for number, layer in enumerate(model.model):
        if layer.f != -1:
            break
        map_ = layer(map_)
        stride = side / map_.shape[-1]
        if stride >= finest:
            break
        if stride > 1:
            found[stride] = Place(number, int(map_.shape[1]))
    for module, training in modes.items():
        module.training = training
    return found


def tap(model: DetectionModel, layer: int) -> Tap:
    """Let a layer note what it gives."""
    noted = Tap()
    model.model[layer].register_forward_hook(noted)
    return noted


def untap(model: DetectionModel) -> None:
    """Take all taps off again."""
    for layer in model.model:
        for key in [key for key, hook in layer._forward_hooks.items() if isinstance(hook, Tap)]:
            del layer._forward_hooks[key]
