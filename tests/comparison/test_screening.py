"""Screen, then confirm, from the first run to the claim: which runs are done, when, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.comparison.made_up import ARMS, Made, make_up, start
from ultralytics.nn.tasks import DetectionModel

from auxhead.comparison import latency
from auxhead.comparison.latency import layers_of
from auxhead.errors import ConfigError
from auxhead.findings.files import LATENCY_FILE

pytestmark = pytest.mark.slow


@pytest.fixture
def executor(signs: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    return make_up(signs.parent, monkeypatch)


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


def test_times_are_a_part_of_the_price_also_after_a_stop_while_they_were_measured(
    signs: Path, tmp_path: Path, executor: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {
        arm: {"milliseconds": 1.0, **dict.fromkeys(("ratio", "low", "high"), 1.0 + (arm == "wide"))} for arm in ARMS
    }
    about = {"device": "cpu", "hardware": "x", "clock": "time", "arms": slow}

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(latency, "_measured", stopped)
        with pytest.raises(KeyboardInterrupt):
            start(signs, tmp_path / "out", [])
    assert executor.done == SCREENING
    monkeypatch.setattr(latency, "_measured", lambda *_: about)
    found = start(signs, tmp_path / "out", [])
    assert executor.done == SCREENING
    assert found.analysis["plan"]["chosen"] is None


def test_where_no_time_can_be_measured_gflops_alone_are_the_price(
    signs: Path, tmp_path: Path, executor: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: Any) -> Any:
        raise ConfigError("the device of the runs", "none", "here", "measure elsewhere")

    monkeypatch.setattr(latency, "_measured", lacking)
    said: list[str] = []
    for _ in range(2):
        assert start(signs, tmp_path / "out", said).analysis["plan"]["chosen"] == "wide"
    assert executor.done == [*SCREENING, *FRESH]
    assert said == []


def test_nothing_is_confirmed_where_nothing_leads(signs: Path, tmp_path: Path, executor: Made) -> None:
    few = {name: ARMS[name] for name in ("plain", "narrow")}
    found = start(signs, tmp_path / "out", [], arms=few)
    assert executor.done == [f"{arm}-{seed}" for seed in (0, 1) for arm in few]
    assert found.analysis["plan"]["chosen"] is None
    assert any("nothing is left to confirm" in line for line in found.verdicts)


def test_detectors_of_one_yaml_and_other_widths_are_timed_each_for_itself() -> None:
    narrow, wide = (DetectionModel("yolov8n.yaml", nc=nc, verbose=False) for nc in (3, 80))
    wide.yaml["nc"] = 3  # as after a start from weights for 80 classes
    assert narrow.yaml == wide.yaml
    assert layers_of(narrow, 64) != layers_of(wide, 64)
    assert layers_of(narrow, 64) == layers_of(DetectionModel("yolov8n.yaml", nc=3, verbose=False), 64)
    assert layers_of(narrow, 64) != layers_of(narrow, 96)


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
