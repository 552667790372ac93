"""Screen, then confirm, from the first run to the claim: which runs are done, when, and what is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.findings.ledger_maker import write_evaluation

import auxhead
from auxhead.comparison import latency
from auxhead.errors import ConfigError
from auxhead.findings.files import LATENCY_FILE

VALUES = {"plain": 0.50, "wide": 0.53, "narrow": 0.49, "dear": 0.60}
GFLOPS = {"dear": 2.0}
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


@pytest.fixture
def executor(signs: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    made = Made(signs.parent)
    monkeypatch.setattr("auxhead.comparison.compare._executor", lambda *_: made)
    times = {arm: {"milliseconds": 1.0, "ratio": 1.0, "low": 1.0, "high": 1.0} for arm in ARMS}
    about = {"device": "cpu", "hardware": "x", "clock": "time", "arms": times}
    monkeypatch.setattr(latency, "_measured", lambda *_: about)
    monkeypatch.setattr("auxhead.comparison.rehearsal.rehearse", lambda *_: None)
    return made


def start(data: Path, out: Path, said: list[str], **keys: Any) -> auxhead.Comparison:
    plan = {"data": str(data), "arms": ARMS, "screen": 2, "confirm": 3, "budget": 1.0, "model": "yolov8n.yaml", **keys}
    return auxhead.compare(out=str(out), say=said.append, epochs=1, imgsz=64, resamples=20, **plan)


SCREENING = [f"{arm}-{seed}" for seed in (0, 1) for arm in ARMS]
FRESH = [f"{arm}-{seed}" for seed in (2, 3, 4) for arm in ("plain", "wide")]


def test_the_best_arm_within_the_budget_is_trained_on_fresh_seeds(signs: Path, tmp_path: Path, executor: Made) -> None:
    said: list[str] = []
    found = start(signs, tmp_path / "out", said)
    assert executor.done == [*SCREENING, *FRESH]
    assert said == []
    assert found.analysis["plan"]["chosen"] == "wide"
    assert found.verdicts[-1].startswith("wide beats plain by +3.2 mAP50")
    assert "3 fresh seeds; same GFLOPs; same latency)" in found.verdicts[-1]
    again = start(signs, tmp_path / "out", said)
    assert executor.done == [*SCREENING, *FRESH]  # nothing is done twice
    assert said == []
    assert again.verdicts == found.verdicts


@pytest.mark.parametrize("where", ["narrow-1", "plain-2", "wide-4"])
def test_a_stop_anywhere_goes_on_where_it_was(signs: Path, tmp_path: Path, executor: Made, where: str) -> None:
    said: list[str] = []
    executor.stop = {where}
    with pytest.raises(KeyboardInterrupt):
        start(signs, tmp_path / "out", said)
    executor.stop = set()
    start(signs, tmp_path / "out", said)
    assert executor.done == [*SCREENING, *FRESH]
    assert said == []


def test_nothing_is_confirmed_where_nothing_leads(signs: Path, tmp_path: Path, executor: Made) -> None:
    few = {name: ARMS[name] for name in ("plain", "narrow")}
    found = start(signs, tmp_path / "out", [], arms=few)
    assert executor.done == [f"{arm}-{seed}" for seed in (0, 1) for arm in few]
    assert found.analysis["plan"]["chosen"] is None
    assert any("nothing is left to confirm" in line for line in found.verdicts)


def test_latency_is_measured_once_for_the_same_weights(
    signs: Path, tmp_path: Path, executor: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(signs, tmp_path / "out", [])
    file = tmp_path / "out" / LATENCY_FILE
    assert json.loads(file.read_text())["weights"] == {arm: f"{arm}-0" for arm in ARMS}
    monkeypatch.setattr(latency, "_measured", lambda *_: pytest.fail("measured again"))
    start(signs, tmp_path / "out", [])
    file.write_text(file.read_text().replace("wide-0", "another"))
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        start(signs, tmp_path / "out", [])


def test_a_device_that_is_not_here_costs_no_finished_comparison(
    signs: Path, tmp_path: Path, executor: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: Any) -> None:
        raise ConfigError("a device of this machine", "no GPU", "device=0", "name another, or cpu")

    monkeypatch.setattr(latency, "_measured", absent)
    found = start(signs, tmp_path / "out", [])
    assert not (tmp_path / "out" / LATENCY_FILE).exists()
    assert found.verdicts[-1].startswith("wide beats plain")
    assert "latency" not in found.verdicts[-1]
