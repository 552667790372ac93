"""Check a model before a training is set up with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralytics.nn.tasks import DetectionModel, yaml_model_load
from ultralytics.utils import LOGGER, is_online
from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

from auxhead.errors import ConfigError, ModelError
from auxhead.host import checkpoint
from auxhead.host.calls import named_line, quiet, told_as
from auxhead.host.models import weights_file
from auxhead.keys.heads.base import HeadSpec
from auxhead.layouts.ready_made import ready_made
from auxhead.model.attach import attach, require_detector
from auxhead.model.choices import RunPlan
from auxhead.shipping.cost import advice
from auxhead.shipping.latency import choose_device
from auxhead.training.pose_road import require_task


def check_model(arguments: Mapping[str, Any], plan: RunPlan) -> None:
    """Build or open the model as far as a training would, and put the heads on it.

    Args:
        arguments: Ultralytics' arguments, of which `model` and `pretrained` matter.
        plan: Says which heads, and by which route.

    Raises:
        ModelError: It is unknown, can't be had, or is none that the route trains.
        AttachError: Heads can't be attached to it.
    """
    source = str(arguments["model"])
    if plan.route != "native":
        require_task(source, plan.route)
        return
    if Path(source).suffix != ".pt":
        model = _built(source)
    else:
        file = _weights(source, "model")
        if file is None:
            LOGGER.info(f"{source} isn't here yet: Ultralytics will download it")
            return
        model = checkpoint.open_model(file, accept=lambda *_: "detect").model
    attach(require_detector(model, source), plan.heads, epochs=1)
    start = str(arguments.get("pretrained"))
    if start.endswith(".pt") and Path(source).suffix != ".pt" and (file := _weights(start, "pretrained")) is not None:
        require_detector(checkpoint.open_model(file, accept=lambda *_: "detect").model, f"pretrained={start}")


WRAPPING = {
    "distill_model": "distillation wraps the model",
    "quantize": "training for quantization rewrites the model",
}
"""Arguments of Ultralytics' that make something else of the model, and how; it takes `half` and `int8` for the last."""

OPENED = ("model", "pretrained")
"""Arguments of Ultralytics' that may name a checkpoint."""


def require_plain(arguments: Mapping[str, Any], heads: Mapping[str, HeadSpec]) -> None:
    """Refuse what wraps or rewrites the model: our states, heads and certificates are about the detector itself.

    Args:
        arguments: Ultralytics' arguments.
        heads: The run's heads by name. Those that follow a share can't be weighed where the model is compiled: all that
            it returns then is one node of the graph, so no loss of a branch has a gradient on the maps.

    Raises:
        ConfigError: It is asked for.
    """
    for key, reason in WRAPPING.items():
        if (value := arguments.get(key)) is not None:
            fix = f"leave {key}= out, or train with `yolo detect train`"
            raise ConfigError("a training of the detector itself", f"{key}={value}: {reason}", f"{key}=", fix)
    followed = [name for name, spec in heads.items() if spec.share is not None]
    if (value := arguments.get("compile")) and followed:
        raise ConfigError(
            expected="a model that is not compiled, or heads with a fixed weight",
            found=f"compile={value} with {', '.join(f'{name}.share={heads[name].share:g}' for name in followed)}: "
            "gradients on the feature maps of a compiled model can't be measured",
            where="compile=",
            fix=f"leave compile= out, or set {', '.join(f'{name}.gain=' for name in followed)} instead of a share",
        )


def check_arguments(arguments: Mapping[str, Any], heads: Mapping[str, HeadSpec]) -> None:
    """Refuse what can't be had before anything is set up: devices, and checkpoints that are missing or would run code.

    Args:
        arguments: Ultralytics' arguments; weights that Ultralytics can download are passed over.
        heads: The run's heads by name.

    Raises:
        ConfigError: The device isn't there, the model would not stay what it is, or heads could not be weighed.
        ModelError: A checkpoint is missing, or would run code and files are not trusted.
    """
    require_plain(arguments, heads)
    choose_device(arguments.get("device"))
    for key in OPENED:
        name = str(arguments.get(key))
        file = _weights(name, key) if name.endswith(".pt") else None
        if file is not None:
            checkpoint.require_safe(file)


def _built(source: str) -> DetectionModel:
    """Build the model of a YAML as Ultralytics' detection trainer does, whatever it ends in.

    Raises:
        ModelError: There is no such YAML, or Ultralytics can't build it.
    """

    def refuse(error: BaseException) -> ModelError:
        return ModelError(
            "a model: a detector's .pt file or .yaml", named_line(error), f"model={source}", advice(source)
        )

    with quiet(), told_as(refuse):
        return DetectionModel(yaml_model_load(ready_made(source)), verbose=False)


def _weights(source: str, key: str) -> Path | None:
    """Find a file where Ultralytics looks for it; None where it can be downloaded.

    Raises:
        ModelError: Neither.
    """
    file = weights_file(source)
    if file is not None:
        return file
    known = Path(source).name in GITHUB_ASSETS_NAMES
    if known and is_online():
        return None
    raise ModelError(
        expected="weights that are here, or that Ultralytics can download",
        found="no such file, and no network to download it" if known else "no such file",
        where=f"{key}={source}",
        fix=f"download {source} where there is a network, and name the file" if known else advice(source),
    )
