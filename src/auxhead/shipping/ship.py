"""From a training state to the file that ships."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import DEFAULT_CFG_KEYS

from auxhead.model import state
from auxhead.model.attach import plain


def half(detector: DetectionModel) -> DetectionModel:
    """Copy a detector in half precision, clamped to its range as Ultralytics does."""
    small = deepcopy(detector).half()
    for value in small.state_dict().values():
        if isinstance(value, Tensor) and value.is_floating_point():
            torch.nan_to_num_(value)
    return small


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
    detector = half(plain(trained["ema"]))
    detector.args = dict(detector.args)
    for parameter in detector.parameters():
        parameter.requires_grad = False
    nothing = dict.fromkeys(("ema", "optimizer", "best_fitness", "stopper", "updates", "scaler"))
    own = {key: value for key, value in trained[state.KEY].items() if key not in state.BULKY}
    arguments = {key: value for key, value in trained["train_args"].items() if key in DEFAULT_CFG_KEYS}
    content = {**trained, **nothing, "model": detector, "epoch": -1, "train_args": arguments, state.KEY: own}
    state.save(content, path)


def reduce_state(path: Path) -> None:
    """Drop from a finished run's last state what only a resume needs."""
    finished = state.load_state(path)
    own = {key: value for key, value in finished[state.KEY].items() if key not in {"weights", "progress"}}
    state.save({**finished, "optimizer": None, "scaler": None, state.KEY: own}, path)
