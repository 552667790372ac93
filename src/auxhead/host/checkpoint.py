"""Open checkpoint files of other people without running what they contain."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from ultralytics.nn import tasks
from ultralytics.nn.distill_model import DistillationModel
from ultralytics.nn.tasks import BaseModel, _SafeLoad, torch_safe_load
from ultralytics.utils import checks
from ultralytics.utils.torch_utils import unwrap_model

from auxhead.errors import ModelError
from auxhead.host.calls import UNUSABLE, quiet, told_as
from auxhead.host.models import task_of

EXPECTED = "a checkpoint of Ultralytics (.pt) with the whole model in it"
UNREADABLE = (*UNUSABLE, pickle.UnpicklingError, EOFError, MemoryError, OverflowError)
EXPANSION = 4
"""How many times its size a checkpoint may claim to unpack to. Source: own choice; torch never compresses (1), and
trained weights that someone zipped again shrink by less than a tenth."""
NAMED = 5  # classes listed in a message
SAFE_LOAD = "ULTRALYTICS_SAFE_LOAD"  # Ultralytics reads it when it is imported, also in processes of several GPUs

_trusted = ContextVar("trusted", default=False)
torch.serialization.add_safe_globals([nn.DataParallel])  # a shell that runs no code when it is rebuilt


@dataclass(frozen=True)
class Opened:
    """A model and the file it came from.

    Attributes:
        model: The model in float32, ready to run.
        task: What it is: detect, pose or segment.
        content: The checkpoint's entries.
        precision: The type that holds all weights exactly as they are stored.
    """

    model: BaseModel
    task: str
    content: Mapping[str, Any]
    precision: torch.dtype


def load(path: Path, *, trust: bool = False) -> dict[str, Any]:
    """Read a checkpoint file.

    Args:
        path: The file. Nothing is downloaded when it is missing, and nothing installed.
        trust: Whether whatever code the file contains may run; also so within `restricted(trust=True)`. Without it,
            only classes of Ultralytics and torch are rebuilt.

    Returns:
        The checkpoint's entries; the model among them is as it was stored.

    Raises:
        ModelError: The file is missing, broken, a zip bomb, no checkpoint, or can't be opened without running code
            of its own.
    """
    _require_archive(path)
    trust = trust or _trusted.get()
    if not trust:
        _require_known_classes(path)
    with told_as(partial(_unreadable, path, trust=trust), UNREADABLE), quiet(), nothing_installed():
        content, _ = torch_safe_load(str(path.resolve()), safe_only=not trust)
    return dict(content)


def model_of(content: Mapping[str, Any], path: Path) -> BaseModel:
    """Return the model of a checkpoint, in the precision it was stored in and ready to run.

    Args:
        content: What `load` gave.
        path: The file, for messages.

    Returns:
        The averaged weights (`ema`) of a checkpoint from the middle of training, else `model`, as Ultralytics chooses,
        out of its shell (`nn.DataParallel`, `torch.compile`); its `names` are a mapping.

    Raises:
        ModelError: There is no model of Ultralytics, or a quantized one.
    """
    model = unwrap_model(content.get("ema") or content.get("model"))
    if isinstance(model, DistillationModel):
        model._remove_feature_hooks()
        model = model.student_model
    if not isinstance(model, BaseModel):
        raise ModelError(EXPECTED, _kind(content, model), str(path), "save the model itself: YOLO(...).save(file)")
    if content.get("modelopt") or _is_quantized(model):
        raise ModelError(
            "weights in floating point", "a quantized model", str(path), "name the file it was quantized from"
        )
    for module in model.modules():
        if isinstance(module, nn.Upsample) and not hasattr(module, "recompute_scale_factor"):
            module.recompute_scale_factor = None  # files of torch before 1.11, as Ultralytics mends them
    names = getattr(model, "names", None)
    if names is not None:
        model.names = class_names(names)
    return model.eval()


def class_names(names: Any) -> Any:
    """Bring a model's class names to a mapping from whole numbers, as Ultralytics does before it predicts.

    Args:
        names: A mapping, also from numbers as text, or a list. Anything else is returned as it is.

    Source:
        Ultralytics 8.4.190, nn/autobackend.py, check_class_names.
    """
    if isinstance(names, (list, tuple)):
        return dict(enumerate(map(str, names)))
    if isinstance(names, Mapping) and all(str(key).isdecimal() for key in names):
        return {int(key): str(name) for key, name in names.items()}
    return names


def stored_precision(model: BaseModel) -> torch.dtype:
    """Return the precision that holds all weights of a model exactly as they are stored: half, bfloat16 or float32."""
    found = {value.dtype for value in model.state_dict().values() if value.is_floating_point()}
    return found.pop() if len(found) == 1 and found <= {torch.float16, torch.bfloat16} else torch.float32


def open_model(path: Path, *, trust: bool = False, accept: Callable[[BaseModel, str], str] = task_of) -> Opened:
    """Open the model of a checkpoint file.

    Args:
        path: The file.
        trust: Whether whatever code the file contains may run; see `load`.
        accept: Names a model's task, or refuses the model.

    Raises:
        ModelError: It is no file of a model (`load`, `model_of`), or one of a model that `accept` refuses.
    """
    content = load(path, trust=trust)
    model = model_of(content, path)
    task = accept(model, str(path))
    precision = stored_precision(model)
    return Opened(model.float(), task, content, precision)


def plain_data(value: Any) -> Any:
    """Copy data so that nothing but Python's own types are left in it."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or type(value) in {bool, int, float, str}:
        return value
    if isinstance(value, Mapping):
        return {plain_data(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(item) for item in value]
    return str(value)


def as_dict(arguments: Any) -> dict[str, Any]:
    """Read a model's `args`: a mapping in finished checkpoints, a namespace in others; anything else has none."""
    return dict(arguments if isinstance(arguments, Mapping) else getattr(arguments, "__dict__", {}))


@contextmanager
def restricted(*, trust: bool = False) -> Iterator[None]:
    """Let Ultralytics open checkpoints and build models, here and in processes it starts, without running their code.

    Args:
        trust: Whether that code may run: then nothing is held back, and `load` trusts every file, too. What is trusted
            outside stays so inside.

    Source:
        Ultralytics 8.4.180 to 8.4.190, nn/tasks.py: `torch_safe_load` and `_SafeLoad.restricted` look at `SAFE_LOAD`
        whenever they are called.
    """
    trust = trust or _trusted.get()
    before, variable, token = tasks.SAFE_LOAD, os.environ.get(SAFE_LOAD), _trusted.set(trust)
    if not trust:
        tasks.SAFE_LOAD, os.environ[SAFE_LOAD] = True, "true"
    try:
        with nothing_installed():
            yield
    finally:
        _trusted.reset(token)
        tasks.SAFE_LOAD = before
        os.environ.pop(SAFE_LOAD, None)
        if variable is not None:
            os.environ[SAFE_LOAD] = variable


@contextmanager
def nothing_installed() -> Iterator[None]:
    """Keep Ultralytics from installing packages that it misses; it says so and fails instead."""
    allowed = checks.AUTOINSTALL
    checks.AUTOINSTALL = False
    try:
        yield
    finally:
        checks.AUTOINSTALL = allowed


def _require_archive(path: Path) -> None:
    """Refuse what is no zip archive of a plausible size, before anything unpacks it."""
    if not path.is_file():
        raise ModelError(EXPECTED, "no such file", str(path), "correct the path")
    if path.suffix != ".pt":
        raise ModelError(EXPECTED, f"a {path.suffix or 'nameless'} file", str(path), "name a .pt file")
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(entry.file_size for entry in archive.infolist())
        size = path.stat().st_size
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelError(
            EXPECTED, f"a truncated file, or none of torch.save ({error})", str(path), "fetch or copy it again"
        ) from error
    if claimed > EXPANSION * size:
        raise ModelError(
            expected=f"a checkpoint that unpacks to at most {EXPANSION} times its size",
            found=f"{size:,} bytes that claim to unpack to {claimed:,}",
            where=str(path),
            fix="don't open this file; fetch it from where it was made",
        )


def require_safe(path: Path) -> None:
    """Check that a file can be opened without running code of its own; what is trusted is not looked at.

    Raises:
        ModelError: It can't, or is no checkpoint.
    """
    if not _trusted.get():
        _require_archive(path)
        _require_known_classes(path)


def _require_known_classes(path: Path) -> None:
    """Refuse a file that names classes which neither torch nor Ultralytics rebuild without running code."""
    with (
        told_as(partial(_unreadable, path, trust=False), UNREADABLE),
        _SafeLoad.loading(str(path)),  # registers what Ultralytics knows of the classes in this file
    ):
        unknown = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))
    if unknown:
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        raise ModelError(
            expected="a checkpoint that opens without running code of its own",
            found=f"one that needs {', '.join(unknown[:NAMED])}{more}",
            where=str(path),
            fix="add trust=true if you trust whoever made the file: it may then run any code",
        )


def _kind(content: Mapping[str, Any], model: object) -> str:
    """Say what a checkpoint holds instead of a model."""
    for entries in (model, content):
        if isinstance(entries, Mapping) and entries and all(isinstance(value, Tensor) for value in entries.values()):
            return "a state dict: tensors without the model they belong to"
    if isinstance(model, nn.Module):
        return f"a {type(model).__module__}.{type(model).__qualname__}, which is no model of Ultralytics"
    return f"no model, but {', '.join(map(str, list(content)[:NAMED])) or 'nothing'}"


def _is_quantized(model: BaseModel) -> bool:
    """Tell from the weights and modules whether a model calculates in integers."""
    foreign = ("torch.ao.", "torch.nn.quantized", "modelopt.")
    return any(type(module).__module__.startswith(foreign) for module in model.modules()) or any(
        value.is_quantized or not value.is_floating_point() for value in model.parameters()
    )


def _unreadable(path: Path, error: BaseException, *, trust: bool) -> ModelError:
    """Say what is wrong with a file that could not be read, and whether trusting it could help."""
    lines = str(error).replace("ERROR ❌️ ", "").strip().splitlines() or [type(error).__name__]
    fix = "name another file, or fetch it again"
    if isinstance(error, ModuleNotFoundError):
        fix = f"install the package that has {error.name}"
    elif not trust and isinstance(error.__cause__ or error, pickle.UnpicklingError):
        fix += "; if it is whole and you trust whoever made it, add trust=true: it may then run any code"
    return ModelError(EXPECTED, f"a file that can't be read as one ({lines[0]})", str(path), fix)
