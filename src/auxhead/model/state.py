"""The files of a run: plain detectors for everybody, training states for us.

`best.pt` and `last.pt` are Ultralytics checkpoints of a stock `DetectionModel`. Beside each lies a `.state.pt` with
what it leaves out: full precision, the heads, and for `last` the optimizer. States hold stock classes, tensors and
plain data only, so that they open without auxhead as well.
"""

from __future__ import annotations

import io
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from ultralytics.nn.tasks import torch_safe_load

from auxhead.errors import ResumeError
from auxhead.files import write_atomic

KEY = "auxhead"
"""Entry of our checkpoints under which our own data lies."""


BROKEN = (
    AttributeError, EOFError, ImportError, LookupError, OSError, RuntimeError, TypeError, UnpicklingError, ValueError,
)  # fmt: skip
"""What reading bytes that are no checkpoint ends in."""

OF_RESUME = ("weights", "progress", "standing")
"""Keys of our own data that only going on with a run needs."""

BULKY = ("head_state", *OF_RESUME)
"""Keys of our own data that only training states hold."""


def state_path(weights: Path) -> Path:
    """Return where the training state of a checkpoint lies: best.pt -> best.state.pt."""
    return weights.with_suffix(".state.pt")


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint or state, whole or not at all.

    Raises:
        OutputError: It can't be written.
    """
    write_atomic(path, to_bytes(content))


def to_bytes(content: dict[str, Any]) -> bytes:
    """Serialize a checkpoint."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state.

    Raises:
        ResumeError: The file is missing, broken or no state of ours.
    """
    if not path.is_file():
        raise _no_state(path, "no such file")
    try:
        content, _ = torch_safe_load(str(path))  # without code of the file, where that is held back
    except BROKEN as error:
        raise _no_state(path, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}") from error
    if not (isinstance(content, dict) and isinstance(content.get(KEY), dict) and "head_state" in content[KEY]):
        raise _no_state(path, "a file without auxhead's training data")
    return content


def _no_state(path: Path, found: str) -> ResumeError:
    return ResumeError(
        expected="a training state that auxhead wrote (weights/last.state.pt or weights/best.state.pt)",
        found=found,
        where=str(path),
        fix="name the run's folder or one of these two files; if this one is broken, start a new run",
    )
