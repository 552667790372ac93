"""A comparison whose results are made up instead of trained, and what it would measure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.findings.ledger_maker import write_evaluation

import auxhead
from auxhead.comparison import latency

VALUES = {"plain": 0.50, "wide": 0.53, "narrow": 0.49, "dear": 0.60}
GFLOPS = {"dear": 2.0}
NOT_DRAWN = dict.fromkeys(("forest", "cost", "screening", "bands", "curves", "precision"))
"""The figures of a page that has none, for tests of other things: drawing takes a second each time."""

ARMS: dict[str, dict[str, Any]] = {"plain": {}, "wide": {"box": 5.0}, "narrow": {"box": 9.0}, "dear": {"box": 8.0}}


@dataclass
class Made:
    """An executor that makes results up instead of training; it stops like Ctrl-C before the runs that `stop` names."""

    data: Path
    stop: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)

    def run(self, jobs: Any, tell: Any) -> None:
        for job in jobs:
            if job.name in self.stop:
                raise KeyboardInterrupt
            tell(job, "running", None)
            task = json.loads((job.folder / "run.json").read_text())
            value = VALUES[task["arm"]] + 0.002 * (task["seed"] % 3) * (1 if task["arm"] == "plain" else 2)
            write_evaluation(job.folder / "val", self.data, value, (task["arm"], task["seed"]))
            result = {
                **{key: task[key] for key in ("arm", "seed", "hash", "command")},
                "status": "finished",
                "cost": {"parameters": 1, "gflops": GFLOPS.get(task["arm"], 1.0), "imgsz": 64},
                "weights": "train/weights/last.pt",
                "weights_sha256": job.name,
                "facts": {"arguments": {"epochs": 1}, "batches": [], "initial": {}, "hardware": {}, "versions": {}},
            }
            (job.folder / "result.json").write_text(json.dumps(result))
            self.done.append(job.name)
            tell(job, "ended", 0)


def make_up(data: Path, patch: pytest.MonkeyPatch) -> Made:
    """Replace whatever a comparison trains or measures."""
    made = Made(data)
    patch.setattr("auxhead.comparison.compare._executor", lambda *_: made)
    times = {arm: {"milliseconds": 1.0, "ratio": 1.0, "low": 1.0, "high": 1.0} for arm in ARMS}
    about = {"device": "cpu", "hardware": "x", "clock": "time", "arms": times}
    patch.setattr(latency, "_measured", lambda *_: about)
    patch.setattr("auxhead.comparison.rehearsal.rehearse", lambda *_: None)
    patch.setattr("auxhead.comparison.checks.require_trainable", lambda *_: None)
    return made


def start(data: Path, out: Path, said: list[str], **keys: Any) -> auxhead.Comparison:
    plan = {"data": str(data), "arms": ARMS, "screen": 2, "confirm": 3, "budget": 1.0, "model": "yolov8n.yaml", **keys}
    return auxhead.compare(out=str(out), say=said.append, epochs=1, imgsz=64, resamples=20, **plan)
