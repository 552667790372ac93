"""What an analysis says of each arm and each run."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np

from auxhead.findings.against import Arm, Question, against, gflops_ratio, timing
from auxhead.findings.records import CURVES, Key, Run
from auxhead.findings.statistics import t_interval


def arm_entry(arm: Arm, asked: Question) -> dict[str, Any]:
    """Say everything about one arm."""
    return {
        "name": arm.name,
        "declared": dict(arm.declared),
        "seeds": list(arm.runs),
        "failed": [{"seed": seed, "reason": reason} for seed, reason in arm.failed.items()],
        "cost": _cost(arm, asked),
        "training": timing(arm, asked.control),
        "numbers": _numbers(arm),
        "ultralytics": _ultralytics(arm),
        "classes": _classes(arm),
        "curve": {
            name: {str(seed): run.curves[name] for seed, run in arm.runs.items() if run.curves} for name in CURVES
        },
        "pr": _pr_curves(arm),
        "against_control": against(arm, asked),
    }


def _cost(arm: Arm, asked: Question) -> dict[str, Any] | None:
    if not arm.cost:
        return None
    own = {name: arm.cost.get(name) for name in ("parameters", "gflops", "imgsz", "looks")}
    time = asked.latency.get(arm.name)
    return own | {"gflops_ratio": gflops_ratio(arm, asked.control), "latency": time and dict(time)}


def _numbers(arm: Arm) -> dict[str, dict[str, Any]]:
    """Average every number over the seeds."""
    table: dict[str, dict[str, Any]] = {}
    for band, measures in next((run.detector["numbers"] for run in arm.runs.values()), {}).items():
        for measure in measures:
            values = {s: run.numbers[band, measure] for s, run in arm.runs.items() if (band, measure) in run.numbers}
            low, high = t_interval(list(values.values())) or (None, None)
            mean = fmean(values.values()) if values else None
            by_seed = {str(seed): value for seed, value in values.items()}
            table.setdefault(band, {})[measure] = {"mean": mean, "low": low, "high": high, "by_seed": by_seed}
    return table


def _ultralytics(arm: Arm) -> dict[str, dict[str, float]]:
    """Return what Ultralytics' own validator said of the same predictions."""
    said = {seed: run.detector.get("ultralytics") or {} for seed, run in arm.runs.items()}
    return {
        name: {str(seed): own[column] for seed, own in said.items() if column in own} for name, column in CURVES.items()
    }


def _classes(arm: Arm) -> list[dict[str, Any]]:
    """Average every class over the seeds; None without boxes."""

    def mean(place: int, measure: str) -> float | None:
        values = [value for run in arm.runs.values() if (value := run.of_class(place, measure)) is not None]
        return fmean(values) if values else None

    first = next((run.detector["classes"] for run in arm.runs.values()), ())
    return [
        {"name": row["name"], "boxes": row["boxes"]}
        | {measure: mean(place, measure) for measure in ("AP", "AP50", "AR", "center_AP")}
        for place, row in enumerate(first)
    ]


def _pr_curves(arm: Arm) -> dict[str, Any]:
    """Return precision by recall of each seed, class mean at IoU 0.5."""
    curves = {seed: run.pr_curve for seed, run in arm.runs.items() if run.pr_curve}
    recall: list[float] = next((curve["recall"].tolist() for curve in curves.values()), [])
    precision = {
        str(seed): [value if np.isfinite(value) else None for value in curve["precision"].tolist()]
        for seed, curve in curves.items()
    }
    return {"recall": recall, "precision": precision}


def run_row(run: Run, primary: Key) -> dict[str, Any]:
    """Say how one run went; seconds are those of the whole run."""
    result = run.result
    return {
        "arm": run.arm,
        "seed": run.seed,
        "status": run.status,
        "reason": result.get("reason"),
        "seconds": (result.get("seconds") or {}).get("total"),
        "cpu_seconds": result.get("cpu_seconds"),
        "ended": result.get("ended"),
        "hash": run.hash,
        "weights_sha256": result.get("weights_sha256"),
        "command": result.get("command"),
        "folder": run.folder,
        "primary": run.numbers.get(primary),
    }
