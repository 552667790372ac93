"""An arm that looks at slices: it measures weights that another arm trains, and pays for every look."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.comparison.in_process import InProcess
from tests.comparison.test_worker import make_plan, result, run_plan

import auxhead
from auxhead.comparison.latency import measure_latency
from auxhead.comparison.plan import ComparisonPlan, differences, resolve_plan
from auxhead.comparison.plan_file import read_plan
from auxhead.comparison.run import Runs
from auxhead.errors import ConfigError, MissingExtraError, UnfairComparisonError
from auxhead.findings.files import LATENCY_FILE, RESULT_FILE
from auxhead.reporting.report import report

pytestmark = pytest.mark.slow

pytest.importorskip("sahi")

ARMS: dict[str, Any] = {"plain": {}, "sliced": {"slices": 48}}
QUIET: Any = lambda *_words: None  # noqa: E731


def resolved(data: Path, arms: Any, **keys: Any) -> ComparisonPlan:
    given = {"data": str(data), "arms": arms, "seeds": [0], **keys}
    return resolve_plan(*read_plan(None, given, {"epochs": 2, "imgsz": 64}), "hash of the data")


def trains(plan: ComparisonPlan) -> dict[str, str | None]:
    return {run.name: run.weights_of for run in plan.runs()}


def test_an_arm_with_slices_measures_the_weights_of_the_arm_that_trains_the_same(signs: Path) -> None:
    arms = {"s48": {"slices": 48}, "plain": {}, "s32": {"slices": 32, "overlap": 0}, "own": {"slices": 48, "box": 1.0}}
    plan = resolved(signs, arms, seeds=[0, 1])
    whole = {f"{arm}-{seed}": f"plain-{seed}" for arm in ("s48", "s32") for seed in (0, 1)}
    assert trains(plan) == dict.fromkeys([f"{arm}-{seed}" for seed in (0, 1) for arm in arms]) | whole
    runs = {run.name: run for run in plan.runs()}
    assert runs["s48-0"].train_hash == runs["plain-0"].train_hash
    assert len({run.hash for run in runs.values()}) == len(runs)
    assert runs["s48-0"].measured == {**runs["plain-0"].measured, "slices": 48, "overlap": 0.2}
    assert not {"slices", "overlap"} & runs["s48-0"].keys.keys()
    assert plan.arms["s32"] == {"slices": 32, "overlap": 0.0}
    assert differences(plan)["s48"] == {"slices": (None, 48), "overlap": (None, 0.2)}


def test_without_an_arm_that_trains_the_same_the_first_one_trains(signs: Path) -> None:
    plan = resolved(signs, {"plain": {"box": 1.0}, "s48": {"slices": 48}, "s32": {"slices": 32}})
    assert trains(plan) == {"plain-0": None, "s48-0": None, "s32-0": "s48-0"}


def test_a_ready_made_arm_has_slices_of_the_image_size(signs: Path) -> None:
    plan = resolved(signs, ["plain", "slices"])
    assert plan.arms["slices"] == {"slices": 64, "overlap": 0.2}
    assert trains(plan)["slices-0"] == "plain-0"


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"slices": 16}, "b: slices=16: .*32"),
        ({"slices": 48, "overlap": 1}, "b: overlap=1: .*less than 1"),
        ({"overlap": 0.3}, "b: slices: required"),
    ],
)
def test_wrong_slices_are_named_with_their_arm(own: dict[str, Any], words: str, signs: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        resolved(signs, {"plain": {}, "b": own})


def test_the_same_slices_of_the_same_training_are_no_comparison(signs: Path) -> None:
    with pytest.raises(UnfairComparisonError, match="one and two"):
        resolved(signs, {"plain": {}, "one": {"slices": 48}, "two": {"slices": 48, "overlap": 0.2}})


@pytest.mark.parametrize("dry_run", [True, False])
def test_without_sahi_nothing_begins(
    dry_run: bool, signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sahi.predict", None)
    compare: Any = auxhead.compare
    with pytest.raises(MissingExtraError, match=r"auxhead\[slices\]"):
        compare(data=str(signs), arms=ARMS, out=str(tmp_path / "out"), dry_run=dry_run)
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def done(quick: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A comparison run to its end, in an order in which the training is not the first."""
    folder = tmp_path_factory.mktemp("slices") / "out"
    executor = InProcess()
    runs = run_plan(make_plan(quick, {"sliced": {"slices": 48}, "plain": {}}), folder, executor)
    assert executor.started == ["plain-0", "sliced-0"]
    measure_latency(runs, QUIET)
    runs.check_fairness()
    return runs


def test_it_is_trained_once(done: Runs) -> None:
    plain, sliced = (result(done.folder, f"{arm}-0") for arm in ("plain", "sliced"))
    assert (sliced["status"], sliced["weights_of"]) == ("finished", "plain-0")
    assert sliced["weights_sha256"] == plain["weights_sha256"]
    assert not (done.folder / "runs/sliced-0/train").exists()
    assert (done.folder / "runs/sliced-0" / sliced["weights"]).is_file()
    assert sliced["seconds"]["train"] is None
    assert sliced["command"].startswith("auxhead evaluate data=")
    assert sliced["command"].endswith("model=runs/plain-0/train/weights/last.pt imgsz=64 slices=48 overlap=0.2")


def test_its_numbers_are_those_of_evaluate(done: Runs, quick: dict[str, Any], tmp_path: Path) -> None:
    weights = done.folder / "runs/plain-0/train/weights/last.pt"
    keys: dict[str, Any] = {"data": quick["data"], "model": str(weights), "imgsz": 64, "resamples": 20}
    same = auxhead.evaluate(**keys, slices=48, device="cpu", out=str(tmp_path / "e"), pictures=False)
    own = json.loads((done.folder / "runs/sliced-0/val/metrics.json").read_text())["detectors"][0]
    said = json.loads((tmp_path / "e" / "metrics.json").read_text())["detectors"][0]
    assert said["detections"] > 0
    for name in ("numbers", "classes", "looks", "detections", "sha256"):
        assert own[name] == said[name]
    assert same.detectors[0].looks == own["looks"] > 1


def test_it_pays_for_every_look(done: Runs) -> None:
    plain, sliced = (result(done.folder, f"{arm}-0")["cost"] for arm in ("plain", "sliced"))
    looks = json.loads((done.folder / "runs/sliced-0/val/metrics.json").read_text())["detectors"][0]["looks"]
    assert sliced == {**plain, "gflops": plain["gflops"] * looks, "looks": looks}
    times = json.loads((done.folder / LATENCY_FILE).read_text())
    assert times["arms"]["sliced"]["ratio"] == pytest.approx(looks * times["arms"]["plain"]["ratio"])
    assert times["arms"]["sliced"]["milliseconds"] == pytest.approx(looks * times["arms"]["plain"]["milliseconds"])
    found = report(done.folder, pictures=False)
    assert found.analysis["fairness"]["differences"] == []
    notes = {note["what"]: note["why"] for note in found.analysis["fairness"]["notes"]}
    assert notes["training"] == "none of its own: it measures the weights of plain-0"
    own = next(arm for arm in found.analysis["arms"] if arm["name"] == "sliced")
    assert own["cost"]["gflops_ratio"] == pytest.approx(looks)
    assert own["cost"]["latency"]["ratio"] == pytest.approx(looks)
    assert own["training"] == {"seconds": None, "ratio": None, "cpu_seconds": None, "cpu_ratio": None}
    assert own["against_control"]["epochs_to_control"] == {"by_seed": {"0": None}, "median": None, "of": 0}
    page = " ".join(found.page.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ").split())
    assert f"<small>{looks:.1f} looks</small>" in page
    assert "of one look, times the looks" in page


def test_it_may_be_the_control(done: Runs, tmp_path: Path) -> None:
    found = report(done.folder, tmp_path, "sliced", pictures=False).analysis
    assert found["fairness"]["differences"] == []
    plain, sliced = (next(arm for arm in found["arms"] if arm["name"] == name) for name in ("plain", "sliced"))
    assert plain["cost"]["gflops_ratio"] == pytest.approx(1 / sliced["cost"]["looks"])
    assert plain["cost"]["latency"]["ratio"] == pytest.approx(1 / sliced["cost"]["looks"])


def test_other_slices_are_timed_anew(done: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[bool] = []
    monkeypatch.setattr("auxhead.comparison.latency._measured", lambda *_: timed.append(True) or {"arms": {}})
    before = (done.folder / LATENCY_FILE).read_bytes()
    measure_latency(done, QUIET)
    assert not timed
    place = done.folder / "runs/sliced-0" / RESULT_FILE
    content = place.read_text()
    changed = json.loads(content)
    changed["cost"]["looks"] += 1
    place.write_text(json.dumps(changed))
    measure_latency(done, QUIET)
    assert timed
    place.write_text(content)
    (done.folder / LATENCY_FILE).write_bytes(before)


def test_a_second_start_does_nothing_until_the_weights_are_others(done: Runs) -> None:
    executor = InProcess()
    run_plan(done.plan, done.folder, executor)
    assert executor.started == []
    place = done.folder / "runs/plain-0" / RESULT_FILE
    content = place.read_text()
    place.write_text(json.dumps({**json.loads(content), "weights_sha256": "of another training"}))
    done.open(QUIET)
    assert not (done.folder / "runs/sliced-0" / RESULT_FILE).exists()
    place.write_text(content)
    run_plan(done.plan, done.folder, executor)
    assert executor.started == ["sliced-0"]  # measured again, from the weights that are there


def test_it_fails_with_its_training_and_waits_where_that_was_stopped(quick: dict[str, Any], tmp_path: Path) -> None:
    plan = make_plan(quick, ARMS)
    runs = run_plan(plan, tmp_path / "out", InProcess(deaths={"plain-0": -15}))
    assert [runs.state(run) for run in runs.all.values()] == ["waiting", "waiting"]
    executor = InProcess(deaths={"plain-0": -9})
    runs = run_plan(plan, tmp_path / "out", executor)
    assert executor.started == ["plain-0"]
    found = result(tmp_path / "out", "sliced-0")
    assert found["status"] == "failed"
    assert found["reason"].startswith("plain-0 failed, which trains its weights: killed by signal 9")
