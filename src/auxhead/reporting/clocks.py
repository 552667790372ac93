"""Which clock says what a training cost: wall time on a GPU, processor time on a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

NO_GPU = "none"  # what a run notes of its machine. Source: auxhead.host.environment


class Clock(NamedTuple):
    """What a training's cost is called, and the keys of an arm's `training` that hold seconds and their ratio."""

    name: str
    seconds: str
    ratio: str


def on_gpu(analysis: Mapping[str, Any]) -> bool:
    """Tell whether a GPU was at hand."""
    return str(analysis["environment"].get("gpu", NO_GPU)) != NO_GPU


def clock(analysis: Mapping[str, Any]) -> Clock:
    """Choose the clock: on a CPU, wall time tells how busy the machine was."""
    if on_gpu(analysis):
        return Clock("training time", "seconds", "ratio")
    return Clock("processor time", "cpu_seconds", "cpu_ratio")
