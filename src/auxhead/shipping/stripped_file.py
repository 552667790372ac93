"""What a stripped detector's file holds."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import DEFAULT_CFG_KEYS

from auxhead.host import checkpoint
from auxhead.host.checkpoint import Opened

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
