"""Measure once, after the runs, how long what ships takes for an image on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from auxhead.comparison import ledger
from auxhead.comparison.run import Runs
from auxhead.errors import ConfigError
from auxhead.findings.files import LATENCY_FILE, LATENCY_SCHEMA, read_json
from auxhead.host.environment import environment
from auxhead.progress import Progress

ROUNDS = 20  # forward passes of each detector, in turns. Source: as `auxhead cost latency=true`


def measure_latency(runs: Runs, tell: Progress) -> None:
    """Time the detector of each arm against the control's, in turns, and write it down; done once for the same runs.

    One finished run of each arm is measured, at the arm's image size and on the device that the runs were trained on,
    fused as it predicts. Arms that ship the same layers at the same size are measured once and share the numbers; one
    that looks at slices takes that time for every look.

    Where this machine lacks the device, as the runs were on a cluster, nothing is measured: after the trainings that is
    no reason to fail.

    Args:
        runs: The runs, after they have ended.
        tell: Called as progress(task, done, total).

    Raises:
        OutputError: The file can't be written.
    """
    files = _detectors(runs)
    if runs.plan.control not in files:
        return
    with ledger.ledger_lock(runs.folder):  # two processes at one comparison: the second finds what the first wrote
        measured = {arm: entry["measured"] for arm, entry in files.items()}
        if (read_json(runs.folder / LATENCY_FILE) or {}).get("weights") == measured:
            return
        with suppress(ConfigError):
            ledger.write_json(runs.folder / LATENCY_FILE, _measured(runs, files, tell) | {"weights": measured})


def _detectors(runs: Runs) -> dict[str, dict[str, Any]]:
    """Find a finished run of each arm, the control's first."""
    found: dict[str, dict[str, Any]] = {}
    for run in sorted(runs.all.values(), key=lambda run: run.arm != runs.plan.control):
        result = runs.result(run)
        if run.arm not in found and result.get("status") == "finished":
            looks = float((result.get("cost") or {}).get("looks", 1))
            found[run.arm] = {
                "file": runs.place(run) / str(result["weights"]),
                "imgsz": int(run.keys["imgsz"]),
                "looks": looks,
                "measured": result["weights_sha256"] + (f", {looks:g} looks" if looks != 1 else ""),
            }
    return found


def layers_of(model: Any, imgsz: int) -> str:
    """Describe what decides how long a model takes: its layers, the shapes of their tensors, and the image size.

    The YAML alone doesn't: a class branch keeps the width of the weights that it started from.
    """
    shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
    return json.dumps([model.yaml, shapes, imgsz], sort_keys=True, default=str)


def _measured(runs: Runs, files: Mapping[str, Mapping[str, Any]], tell: Progress) -> dict[str, Any]:
    from auxhead.shipping.cost import build
    from auxhead.shipping.latency import choose_device, race

    models: dict[str, tuple[Any, int]] = {}
    kinds = {}
    for arm, entry in files.items():
        model = build(Path(entry["file"]), None, None)
        kinds[arm] = layers_of(model, entry["imgsz"])
        models.setdefault(kinds[arm], (model.fuse(verbose=False).eval(), entry["imgsz"]))
    device = choose_device(runs.plan.base.get("device"))
    spreads, clock = race(
        [model for model, _ in models.values()],
        device,
        [size for _, size in models.values()],
        ROUNDS,
        lambda _, done, total: tell("Timing detectors", done, total),
    )
    by_kind = dict(zip(models, spreads, strict=True))
    machine = environment()
    return {
        "schema": LATENCY_SCHEMA,
        "device": str(device),
        "hardware": machine["gpu" if device.type == "cuda" else "cpu"],
        "clock": clock,
        "arms": {
            arm: {name: value * files[arm]["looks"] for name, value in asdict(by_kind[kind]).items()}
            for arm, kind in kinds.items()
        },
    }
