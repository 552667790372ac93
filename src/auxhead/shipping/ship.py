"""The files that ship: composed as Ultralytics leaves one after training, and put in place once they are proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
from torch import Tensor
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import DEFAULT_CFG_KEYS

from auxhead.files import write_atomic
from auxhead.host import checkpoint
from auxhead.host.checkpoint import Opened
from auxhead.model import state
from auxhead.model.attach import plain
from auxhead.shipping.proof import Proof


def half(detector: DetectionModel) -> DetectionModel:
    """Copy a detector in half precision, clamped to its range as Ultralytics does."""
    return _halve(deepcopy(detector))


def _halve(detector: DetectionModel) -> DetectionModel:
    """Bring a detector to half precision, in place."""
    for value in detector.half().state_dict().values():
        if isinstance(value, Tensor) and value.is_floating_point():
            torch.nan_to_num_(value)
    return detector


def ship(trained: Mapping[str, Any], path: Path) -> None:
    """Write the finished plain detector of a training state.

    Args:
        trained: A training state (`state.load_state`).
        path: Where the detector shall be.

    Raises:
        OutputError: It can't be written.

    Source:
        The keys are those that Ultralytics' `strip_optimizer` leaves.
    """
    detector = _halve(plain(trained["ema"]))
    detector.args = dict(detector.args)
    for parameter in detector.parameters():
        parameter.requires_grad = False
    nothing = dict.fromkeys(("ema", "optimizer", "best_fitness", "stopper", "updates", "scaler"))
    own = {key: value for key, value in trained[state.KEY].items() if key not in state.BULKY}
    arguments = {key: value for key, value in trained["train_args"].items() if key in DEFAULT_CFG_KEYS}
    content = {**trained, **nothing, "model": detector, "epoch": -1, "train_args": arguments, state.KEY: own}
    state.save(content, path)


def reduced(finished: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a finished run's last state what only a resume needs."""
    own = {key: value for key, value in finished[state.KEY].items() if key not in state.OF_RESUME}
    return {**finished, "optimizer": None, "scaler": None, state.KEY: own}


KEPT = ("date", "version", "license", "docs", "git", "train_metrics", "train_results")
"""Entries of a checkpoint that say where it comes from."""
EMPTY = ("ema", "optimizer", "best_fitness", "stopper", "updates", "scaler", "modelopt")
"""Entries that Ultralytics' `strip_optimizer` empties, or that a detector in floating point doesn't have."""


def compose(source: Opened, detector: DetectionModel) -> dict[str, Any]:
    """Compose the checkpoint as Ultralytics leaves one after training; it holds stock classes and plain data only.

    Args:
        source: The pose or segment model that the detector comes from.
        detector: The detector, float32; the file has it in the source's precision.
    """
    given = source.content.get("train_args") or {}
    arguments = {key: value for key, value in given.items() if key in DEFAULT_CFG_KEYS}
    return {
        **{key: checkpoint.plain_data(source.content[key]) for key in KEPT if key in source.content},
        **dict.fromkeys(EMPTY),
        "epoch": -1,
        "train_args": {**checkpoint.plain_data(arguments), "task": "detect"},
        "model": deepcopy(detector).to(source.precision),
    }


AnyProof = TypeVar("AnyProof", bound=Proof)


def place(target: Path, write: Callable[[Path], None], prove: Callable[[Path], AnyProof]) -> AnyProof:
    """Write a file somewhere else, prove it, and only then put it, and the proof, where they belong.

    Args:
        target: Where the file shall be; the proof goes beside it, as `<name>.certificate.json`.
        write: Writes the file to the path it is given, which has the target's name.
        prove: Proves the file there, or raises.

    Raises:
        OutputError: The target can't be written.
    """
    with TemporaryDirectory(prefix="auxhead-") as folder:
        trial = Path(folder) / target.name
        write(trial)
        certificate = prove(trial)
        content = trial.read_bytes()
    proof = target.with_suffix(".certificate.json")
    with suppress(OSError):  # where nothing can be taken away, nothing can be written: that is told next
        proof.unlink(missing_ok=True)  # a kill between the writes must not leave one that vouches for another file
    write_atomic(target, content)
    write_atomic(proof, certificate.to_json().encode())
    return certificate
