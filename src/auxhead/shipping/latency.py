"""Time forward passes of models in turns, so that what else the machine does falls on all alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from ultralytics.nn.tasks import (
    DetectionModel,
)
from ultralytics.utils.torch_utils import select_device

from auxhead.errors import ConfigError
from auxhead.host.calls import first_line, quiet, told_as
from auxhead.host.cpu import restored_threads
from auxhead.machine import cores
from auxhead.progress import Progress

WARM_UP = 3  # forward passes before timing: the first allocate memory and choose kernels. Source: own choice


@dataclass(frozen=True)
class Latency:
    """Time of one forward pass (batch 1, float32, fused, decoding included, without NMS).

    Attributes:
        device: Where it ran.
        milliseconds: Median over the rounds.
        ratio: Median over the rounds of this model's time over the first model's in the same round.
        low: Lower quartile of those ratios.
        high: Upper quartile of those ratios.
    """

    device: str
    milliseconds: float
    ratio: float
    low: float
    high: float


def choose_device(device: str | int | None) -> torch.device:
    """Find a device by Ultralytics' words for it; None: the first GPU, else the CPU.

    Raises:
        ConfigError: It can't be used.
    """
    if device is None:
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")

    def refuse(error: BaseException) -> ConfigError:
        return ConfigError("a device of this machine", first_line(error), f"device={device}", "name another, or cpu")

    with told_as(refuse), quiet():
        chosen: torch.device = select_device(device, verbose=False)
    return chosen


@torch.inference_mode()
def measure(
    models: Sequence[DetectionModel],
    device: torch.device,
    imgsz: int,
    rounds: int,
    tell: Progress,
) -> list[Latency]:
    """Time forward passes in turns, so that what else the machine does falls on all models alike."""
    seconds: list[list[float]] = [[] for _ in models]
    images = [torch.rand(1, int(model.yaml.get("channels", 3)), imgsz, imgsz, device=device) for model in models]
    for model in models:
        model.to(device)
    with restored_threads():
        torch.set_num_threads(cores())
        for turn in range(-WARM_UP, rounds):
            for index, model in enumerate(models):
                elapsed = _forward(model, images[index], device)
                if turn >= 0:
                    seconds[index].append(elapsed)
            if turn >= 0:
                tell("timing", turn + 1, rounds)
    return [_latency(str(device), own, seconds[0]) for own in seconds]


def _forward(model: torch.nn.Module, image: torch.Tensor, device: torch.device) -> float:
    """Return the seconds of one forward pass."""
    _wait(device)
    start = time.perf_counter()
    model(image)
    _wait(device)
    return time.perf_counter() - start


def _latency(device: str, own: Sequence[float], first: Sequence[float]) -> Latency:
    """Sum up a model's seconds, round by round, beside the first model's."""
    ratios = sorted(mine / other for mine, other in zip(own, first, strict=True))
    quartile = len(ratios) // 4
    return Latency(device, median(own) * 1e3, median(ratios), ratios[quartile], ratios[-1 - quartile])


def _wait(device: torch.device) -> None:
    """Wait until an accelerator has done what it was given; a CPU is never behind."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
