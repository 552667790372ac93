"""What was measured of the time that each arm's detector takes for an image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from auxhead.findings.files import LATENCY_FILE, read_json

Times = Mapping[str, Mapping[str, float]]
"""By arm: milliseconds, and their ratio to the control's with its quartiles, low and high."""


def read_latency(folder: Path, control: str) -> tuple[Times, dict[str, str] | None]:
    """Read the times of a comparison's arms, and what they are.

    Args:
        folder: Of the comparison.
        control: Arm that ratios are to; another than the plan's has them divided by its own.

    Returns:
        Times by arm, empty where they were not measured, or the control's wasn't; device, hardware and clock, or None.

    Raises:
        ResumeError: The file is broken.
    """
    content = read_json(folder / LATENCY_FILE) or {}
    measured = content.get("arms", {})
    if control not in measured:
        return {}, None
    unit = measured[control]["ratio"]
    times = {
        arm: {"milliseconds": own["milliseconds"], **{name: own[name] / unit for name in ("ratio", "low", "high")}}
        for arm, own in measured.items()
    }
    return times, {name: content[name] for name in ("device", "hardware", "clock")}
