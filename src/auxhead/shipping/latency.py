"""Time forward passes of models in turns, so that what else the machine does falls on all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
from auxhead.progress import Progress, Steps, named

WARM_UP = 3  # forward passes before timing: the first allocate memory and choose kernels. Source: own choice

COARSE = 0.001  # resolution of a clock in seconds from which a forward pass can't be timed by it. Source: own choice


@dataclass(frozen=True)
class Spread:
    """What one clock says of a model's forward passes, beside the first model's.

    Attributes:
        milliseconds: Median over the rounds.
        ratio: Median over the rounds of this model's time over the first model's in the same round.
        low: Lower quartile of those ratios.
        high: Upper quartile of those ratios.
    """

    milliseconds: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Latency:
    """Time of one forward pass (batch 1, float32, fused, decoding included, without NMS).

    Attributes:
        device: Where it ran.
        milliseconds: Wall time, on a CPU with all cores that this process may use; see `Spread`.
        ratio: As in `Spread`.
        low: As in `Spread`.
        high: As in `Spread`.
        processor: Processor time on one thread, which other work on the machine changes little; None: not on a CPU, or
            the system's clock is too coarse for it.
    """

    device: str
    milliseconds: float
    ratio: float
    low: float
    high: float
    processor: Spread | None = None

    @property
    def decisive(self) -> Spread:
        """Return what comparisons should decide by: processor time where there is one, else wall time."""
        return self.processor or Spread(self.milliseconds, self.ratio, self.low, self.high)


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
    imgsz: int | Sequence[int],
    rounds: int,
    tell: Progress,
) -> list[Latency]:
    """Time forward passes in turns, so that what else the machine does falls on all models alike.

    Args:
        models: Fused models; they move to the device.
        device: Where to measure; on a CPU, processor time on one thread is measured after wall time.
        imgsz: Image size, pixels; one for all models, or one for each.
        rounds: Forward passes of each model, a clock.
        tell: Called each round as tell(task, done, total), the task being "timing" or "timing one thread".

    Returns:
        One entry a model, in the order given.
    """
    images = _moved(models, device, imgsz)
    with restored_threads():
        torch.set_num_threads(cores())
        wall = _rounds(models, images, rounds, time.perf_counter, named(tell, "timing"))
        alone: list[list[float]] = []
        if device.type == "cpu":
            torch.set_num_threads(1)
            # Not the process's clock: threads that wall time woke may still be waiting for work, which takes time, too.
            alone = _rounds(models, images, rounds, time.thread_time, named(tell, "timing one thread"))
    fine = bool(alone) and all(0 not in own for own in alone)  # a coarse clock doesn't move within a pass
    processor = [_spread(own, alone[0]) for own in alone] if fine else [None] * len(wall)
    return [
        Latency(str(device), **vars(_spread(own, wall[0])), processor=other)
        for own, other in zip(wall, processor, strict=True)
    ]


@torch.inference_mode()
def race(
    models: Sequence[DetectionModel], device: torch.device, imgsz: int | Sequence[int], rounds: int, tell: Progress
) -> tuple[list[Spread], str]:
    """Time forward passes in turns by the one clock that comparisons should decide by.

    Args:
        models: Fused models; they move to the device.
        device: Where to measure.
        imgsz: Image size, pixels; one for all models, or one for each.
        rounds: Forward passes of each model.
        tell: Called each round as tell("timing", done, total).

    Returns:
        One entry a model, in the order given, and the name of the clock: "processor time of one thread" on a CPU, whose
        wall time other work on the machine disturbs; "time" elsewhere and where the system's clock is too coarse.
    """
    alone = device.type == "cpu" and time.get_clock_info("thread_time").resolution < COARSE
    images = _moved(models, device, imgsz)
    with restored_threads():
        torch.set_num_threads(1 if alone else cores())
        clock = time.thread_time if alone else time.perf_counter
        seconds = _rounds(models, images, rounds, clock, named(tell, "timing"))
    return [_spread(own, seconds[0]) for own in seconds], "processor time of one thread" if alone else "time"


def _moved(models: Sequence[DetectionModel], device: torch.device, imgsz: int | Sequence[int]) -> list[torch.Tensor]:
    """Move models to a device, and make an image there for each."""
    sizes = [imgsz] * len(models) if isinstance(imgsz, int) else imgsz
    images = []
    for model, size in zip(models, sizes, strict=True):
        model.to(device)
        images.append(torch.rand(1, int(model.yaml.get("channels", 3)), size, size, device=device))
    return images


def _rounds(
    models: Sequence[torch.nn.Module],
    images: Sequence[torch.Tensor],
    rounds: int,
    clock: Callable[[], float],
    tell: Steps,
) -> list[list[float]]:
    """Return the seconds of each model's forward passes, all models in turns, by one clock."""
    seconds: list[list[float]] = [[] for _ in models]
    for turn in range(-WARM_UP, rounds):
        for model, image, own in zip(models, images, seconds, strict=True):
            elapsed = _forward(model, image, clock)
            if turn >= 0:
                own.append(elapsed)
        if turn >= 0:
            tell(turn + 1, rounds)
    return seconds


def _forward(model: torch.nn.Module, image: torch.Tensor, clock: Callable[[], float]) -> float:
    """Return the seconds of one forward pass."""
    _wait(image.device)
    start = clock()
    model(image)
    _wait(image.device)
    return clock() - start


def _spread(own: Sequence[float], first: Sequence[float]) -> Spread:
    """Sum up a model's seconds, round by round, beside the first model's."""
    ratios = sorted(mine / other for mine, other in zip(own, first, strict=True))
    quartile = len(ratios) // 4
    return Spread(median(own) * 1e3, median(ratios), ratios[quartile], ratios[-1 - quartile])


def _wait(device: torch.device) -> None:
    """Wait until an accelerator has done what it was given; a CPU is never behind."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
