"""What a model costs: parameters, operations, layers and, measured, time."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from ultralytics.nn.tasks import (
    DetectionModel,
    OBBModel,
    PoseModel,
    SegmentationModel,
    guess_model_task,
    yaml_model_load,
)
from ultralytics.utils import ROOT
from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

from auxhead.errors import ModelError
from auxhead.files import path_given
from auxhead.host import checkpoint
from auxhead.host.calls import first_line, quiet, told_as
from auxhead.host.models import fetch_weights, weights_file
from auxhead.keys.cost import CostKeys
from auxhead.keys.design import MULTIPLE
from auxhead.keys.reading import closest, validated
from auxhead.layouts.ready_made import names, ready_made
from auxhead.notebook import InNotebooks, Shown
from auxhead.progress import Progress, silent
from auxhead.shipping.counts import Counts
from auxhead.shipping.latency import Latency, Spread, choose_device, measure

MODELS: dict[str, type[DetectionModel]] = {
    "detect": DetectionModel,
    "pose": PoseModel,
    "segment": SegmentationModel,
    "obb": OBBModel,
}


@dataclass(frozen=True)
class Cost:
    """What one model costs.

    Attributes:
        model: Its name or file, as given.
        task: detect, pose, segment or obb.
        nc: Classes.
        imgsz: Image size of the GFLOPs, pixels.
        unfused: Size as it trains; None for a file that holds a fused model.
        fused: Size as it predicts: batch norms folded into convolutions, one-to-many branches of end-to-end models off.
        latency: Measured time; None if it wasn't asked for.
    """

    model: str
    task: str
    nc: int
    imgsz: int
    unfused: Counts | None
    fused: Counts
    latency: Latency | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


class Costs(list[Cost], InNotebooks):
    """What models cost, one after the other: a list."""

    def _shown(self) -> Iterator[str | Shown]:
        """Return the table, and what its numbers are; nothing of no models."""
        if self:
            yield Shown(table(self))
            yield remark(self)


@checkpoint.restricted()
def cost(
    models: str | Path | Sequence[str | Path],
    *,
    nc: int | None = None,
    kpt_shape: tuple[int, int] | None = None,
    imgsz: int = 640,
    latency: bool = False,
    device: str | int | None = None,
    rounds: int = 20,
    progress: Progress | None = None,
) -> Costs:
    """Count, and on request time, what models cost.

    Args:
        models: A name (yolov8n), YAML (yolov8n.yaml) or file (best.pt) of a detect, pose, segment or obb model; or
            several.
        nc: Classes to build them with; None: what the YAML or file has. A file gives what a training that starts from
            it makes: Ultralytics then keeps the file's width of the class branches, so that yolov8n.pt, of 80 classes,
            costs more at 3 classes than yolov8n does.
        kpt_shape: Keypoints and numbers each (2 or 3) to build pose models with; None: what the YAML or file has.
        imgsz: Image size, pixels.
        latency: Whether to measure forward passes, all models in turns.
        device: Where to measure, in Ultralytics' words; None: the first GPU, else the CPU.
        rounds: Rounds of the measurement.
        progress: Called as progress(task, done, total), the task being "counting" or one of those of
            `measure`.

    Returns:
        A list of one entry a model, in the order given; no model gives an empty one.

    Raises:
        ConfigError: A value is none of its kind, the device can't be used, or no models are given but something else.
        ModelError: A model is unknown, no file of a model, or of another task.
    """
    tell = progress or silent
    named = _named(models)
    asked = {"nc": nc, "kpt_shape": kpt_shape, "imgsz": imgsz, "latency": latency, "device": device, "rounds": rounds}
    validated(CostKeys, asked)
    costs, ready = Costs(), []
    for done, name in enumerate(named):
        tell("counting", done, len(named))
        model = build(name, nc, kpt_shape)
        fused = deepcopy(model).fuse(verbose=False).eval()
        unfused = None if model.is_fused() else count(model, imgsz)
        costs.append(Cost(name, kind(model), int(model.model[-1].nc), imgsz, unfused, count(fused, imgsz)))
        ready.append(fused)
    tell("counting", len(named), len(named))
    if not latency or not ready:
        return costs
    times = measure(ready, choose_device(device), imgsz, rounds, tell)
    return Costs(Cost(**{**vars(one), "latency": measured}) for one, measured in zip(costs, times, strict=True))


@checkpoint.restricted()
def imgsz_within(model: str | Path, like: str | Path, imgsz: int, nc: int | None = None) -> int:
    """Return the largest image size at which a model computes no more than another one.

    Args:
        model: What `cost` takes.
        like: The other one.
        imgsz: The other one's image size, pixels.
        nc: Classes to build both with; None: what the YAMLs or files have.

    Returns:
        A multiple of 32 pixels (what Ultralytics asks for of image sizes), 32 at least.

    Raises:
        ModelError: A model is unknown, no file of a model, or of another task.
    """
    most = cost([like], nc=nc, imgsz=imgsz)[0].fused.gflops
    fused = build(str(model), nc, None).fuse(verbose=False).eval()
    side = imgsz * math.sqrt(most / count(fused, imgsz).gflops)  # operations grow with the area, but those of attention
    size = MULTIPLE * max(1, int(side / MULTIPLE))
    while size > MULTIPLE and count(fused, size).gflops > most:
        size -= MULTIPLE
    return size


def _named(models: Any) -> list[str]:
    """List the models given: a single one is no sequence of letters."""
    call = 'auxhead.cost("yolov8n") or auxhead.cost(["yolov8n", "best.pt"])'
    one = isinstance(models, (str, os.PathLike)) or not isinstance(models, Iterable)
    return [path_given(name, call) for name in ((models,) if one else models)]


def table(costs: Sequence[Cost]) -> list[list[str]]:
    """Lay costs out, a model a row; the first row is the head."""
    first = costs[0].latency
    head = ["model", "task", "nc", "params", "fused", "GFLOPs", "fused", "layers", "fused"]
    head += [f"ms ({first.device})", "ratio"] if first else []
    head += ["processor ms", "ratio"] if first and first.processor else []
    rows = [head]
    for one in costs:
        fused = _counts(one.fused)
        unfused = _counts(one.unfused) if one.unfused else ["-"] * len(fused)
        counts = [cell for pair in zip(unfused, fused, strict=True) for cell in pair]
        times = (one.latency, one.latency.processor) if one.latency else ()
        timed = [cell for time in times if time for cell in _cells(time)]
        rows.append([one.model, one.task, str(one.nc), *counts, *timed])
    return rows


def _counts(counts: Counts) -> list[str]:
    return [f"{value:.2f}" if isinstance(value, float) else f"{value:,}" for value in asdict(counts).values()]


def _cells(time: Latency | Spread) -> list[str]:
    """Write milliseconds, and the ratio with its quartiles."""
    return [f"{time.milliseconds:.1f}", f"{time.ratio:.2f} ({time.low:.2f} to {time.high:.2f})"]


def remark(costs: Sequence[Cost]) -> str:
    """Say what the numbers of the table are."""
    said = f"At {costs[0].imgsz} px; fused is what predicts."
    latency = costs[0].latency
    if not latency:
        return said
    said += " Ratio: to the first model, median of the rounds (quartiles); one image, float32, without NMS."
    if not latency.processor:
        return f"{said} ms: wall time."
    return (
        f"{said} ms: wall time, on all cores that may be used. processor ms: processor time on one thread; other work "
        "on the machine changes it little, so compare models by it."
    )


def kind(model: torch.nn.Module) -> str:
    """Name the task of a model that `build` made."""
    return next(task for task, own in MODELS.items() if type(model) is own)


def count(model: torch.nn.Module, imgsz: int) -> Counts:
    """Count parameters, GFLOPs and layers as Ultralytics' `model.info()` does.

    Args:
        model: A model of Ultralytics.
        imgsz: Image size, pixels.

    Raises:
        ModelError: Ultralytics can't count its operations.
    """
    counts = Counts.of(model, imgsz)
    if not counts.gflops:  # Ultralytics' sign for a failure
        raise ModelError(
            expected="a model whose operations can be counted",
            found="one that fails at this image size, or no `ultralytics-thop`",
            where=f"{type(model).__name__} at imgsz={imgsz}",
            fix="choose an imgsz that its stride divides, such as 640, or run pip install ultralytics-thop",
        )
    return counts


def build(name: str | Path, nc: int | None, kpt_shape: tuple[int, int] | None) -> DetectionModel:
    """Build a model from its name, YAML or file, at the classes and keypoints asked for.

    Raises:
        ModelError: It is unknown, no file of a model, or of another task.
    """
    fetch_weights(str(name))
    with quiet():
        if Path(name).suffix == ".pt":
            file = weights_file(name) or Path(name)
            if not file.is_file() and Path(name).name in GITHUB_ASSETS_NAMES:
                fix = f"download {name} where there is a network, and name the file"
                raise ModelError("weights that are here", "no such file, and no network to download it", str(name), fix)
            model: DetectionModel = checkpoint.open_model(file, accept=_file_task).model
            if nc is None and kpt_shape is None:
                return model
            other = built(name, deepcopy(_description(model, name)), nc, kpt_shape)
            other.load(model, verbose=False)  # as a training starts: class branches keep the width of the weights
            return other
        path = Path(name) if Path(name).suffix in {".yaml", ".yml"} else Path(f"{name}.yaml")
        with told_as(partial(_unknown, name)):
            yaml = yaml_model_load(ready_made(path))
        return built(name, yaml, nc, kpt_shape)


def built(name: str | Path, yaml: dict[str, Any], nc: int | None, kpt_shape: tuple[int, int] | None) -> DetectionModel:
    """Build the model of a YAML.

    Args:
        name: What messages call it.
        yaml: Its content, with `scale` where it lists sizes.
        nc: Classes; None: what the YAML has.
        kpt_shape: Keypoints and numbers each, of pose models; None: what the YAML has.

    Raises:
        ModelError: Ultralytics can't build it, or it is of another task.
    """
    if not {"backbone", "head"} <= yaml.keys():
        raise _unknown(name, ValueError("no layers (backbone:, head:) in it"))
    task = guess_model_task(yaml)
    if task not in MODELS:
        raise _other_task(name, f"a {task} model" if task else "a model of another kind")
    given = {key: value for key, value in (("nc", nc), ("kpt_shape", kpt_shape and list(kpt_shape))) if value}
    described = {**yaml, **{key: value for key, value in given.items() if key == "nc" or key in yaml}}
    if "nc" not in described:
        raise _unknown(name, ValueError("no number of classes (nc:) in it"))
    with told_as(partial(_unknown, name)):
        return MODELS[task](described, ch=yaml.get("channels", 3), verbose=False)


def _description(model: DetectionModel, name: str | Path) -> dict[str, Any]:
    """Return the YAML in a file's model, which files that somebody has changed may lack.

    Raises:
        ModelError: There is none.
    """
    yaml = getattr(model, "yaml", None)
    if not isinstance(yaml, dict):
        raise ModelError(
            expected="a model that knows its YAML, to build it with other classes or keypoints",
            found="none in the file",
            where=str(name),
            fix="leave out nc= and kpt_shape=, or name the YAML",
        )
    return yaml


def _file_task(model: torch.nn.Module, where: str) -> str:
    """Name the task of a model that comes from a file."""
    task = next((task for task, kind in MODELS.items() if type(model) is kind), None)
    if task is None:
        raise _other_task(where, type(model).__name__)
    return task


def _unknown(name: str | Path, error: BaseException) -> ModelError:
    return ModelError(
        expected="a model of Ultralytics (yolov8n), a model's YAML or a .pt file",
        found=first_line(error),
        where=str(name),
        fix=advice(name),
    )


def _other_task(name: str | Path, found: str) -> ModelError:
    return ModelError(
        expected=f"a {', '.join(MODELS)} model",
        found=found,
        where=str(name),
        fix="name a detector, such as yolov8n; the cost of other models isn't comparable to one's",
    )


def advice(name: str | Path) -> str:
    """Say how to mend the name of a model that isn't there: the closest ones, unless it is a file of weights."""
    known = [] if Path(name).suffix == ".pt" else model_names()
    if Path(name).name in known:  # the name is right, but for its suffix
        return f"write {Path(name).name}.yaml"
    return closest(Path(name).stem, known) or "correct the path, or name a model of Ultralytics such as yolov8n.yaml"


def model_names() -> list[str]:
    """List the names of the models that Ultralytics brings and of our layouts, with their sizes (yolov8n-p2, ...)."""
    found = names()
    for path in sorted((ROOT / "cfg" / "models").rglob("*.yaml")):
        match = re.fullmatch(r"(yolov?\d+)(-.+)?", path.stem)
        found += [f"{match[1]}{size}{match[2] or ''}" for size in "nsmlx"] if match else [path.stem]
    return found
