"""One run in this process: train, measure, fail, go on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.comparison.in_process import InProcess
from ultralytics.nn.tasks import DetectionModel

from auxhead.comparison import ledger, worker
from auxhead.comparison.plan import ComparisonPlan, resolve_plan
from auxhead.comparison.plan_file import read_plan
from auxhead.comparison.rehearsal import rehearse
from auxhead.comparison.run import Runs, death
from auxhead.errors import ConfigError, DataError, OutputError, UnfairComparisonError
from auxhead.findings.fairness import check
from auxhead.findings.files import PLAN_FILE, RESULT_FILE
from auxhead.training.launch import drive
from auxhead.training.start_facts import Witness
from auxhead.training.train import train

pytestmark = pytest.mark.slow


def make_plan(quick: dict[str, Any], arms: dict[str, Any], **keys: Any) -> ComparisonPlan:
    base = {key: value for key, value in quick.items() if key != "data"} | {"epochs": 1, "workers": 0}
    given = {"data": quick["data"], "arms": arms, "seeds": [0], "resamples": 20, **keys}
    name, own = read_plan(None, given, base)
    return resolve_plan(name, own, "hash of the data")


def run_plan(plan: ComparisonPlan, folder: Path, executor: InProcess) -> Runs:
    runs = Runs(folder, plan, lambda *_words: None)
    runs.open(lambda *_words: None)
    runs.execute(executor)
    return runs


def result(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "runs" / name / RESULT_FILE).read_text())
    return content


@pytest.fixture(scope="module")
def done(quick: dict[str, Any], small_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of three kinds of arms and one that diverges, run to its end."""
    folder = tmp_path_factory.mktemp("compare") / "out"
    pose = str(small_models / "small-pose.yaml")
    arms = {
        "plain": {},
        "center": {"heads": "center"},
        "tutorial": {"route": "pose", "recipe": "tutorial", "model": pose},
    }
    run_plan(make_plan(quick, {**arms, "diverges": {"box": 1e38}}), folder, InProcess())
    return folder


@pytest.mark.parametrize("name", ["plain-0", "center-0", "tutorial-0"])
def test_a_finished_run_holds_weights_cost_and_measurement(name: str, done: Path) -> None:
    found = result(done, name)
    run = done / "runs" / name
    assert (found["status"], found["reason"]) == ("finished", None)
    assert found["cost"] == result(done, "plain-0")["cost"]
    assert found["seconds"]["train"] > 0
    assert (run / found["weights"]).is_file()
    metrics = json.loads((run / "val" / "metrics.json").read_text())
    assert metrics["detectors"][0]["sha256"] == found["weights_sha256"]
    draws = np.load(run / "val" / "draws.npz")
    assert draws["all/AP50"].shape == (20,)
    curves = np.load(run / "val" / "curves.npz")
    assert curves["precision"].shape == curves["recall"].shape == (101,)
    assert curves["precision"].mean() == pytest.approx(
        metrics["detectors"][0]["numbers"]["all"]["AP50"]["value"], abs=1e-6
    )


def test_the_measured_detector_is_plain(done: Path) -> None:
    from ultralytics import YOLO

    weights = done / "runs" / "tutorial-0" / result(done, "tutorial-0")["weights"]
    assert weights.name == "last-detect.pt"
    assert YOLO(weights).task == "detect"


def test_arms_start_from_the_same_weights_and_see_the_same_batches(done: Path) -> None:
    facts = {name: result(done, f"{name}-0")["facts"] for name in ("plain", "center", "tutorial")}
    assert facts["center"]["initial"] == facts["plain"]["initial"]
    assert facts["center"]["batches"] == facts["plain"]["batches"]
    assert all(one["hardware"]["bfloat16"] == facts["plain"]["hardware"]["bfloat16"] for one in facts.values())
    assert len(facts["plain"]["batches"]) == len(set(facts["plain"]["batches"])) == 2
    own = facts["tutorial"]["initial"]
    assert {name: own[name] for name in facts["plain"]["initial"]} == facts["plain"]["initial"]
    assert len(own) > len(facts["plain"]["initial"])


def test_another_seed_starts_from_other_weights(done: Path, quick: dict[str, Any], tmp_path: Path) -> None:
    witness = Witness(tmp_path / "facts.json")
    keys = {**quick, "epochs": 1, "seed": 1, "workers": 0, "heads": "none", "patience": 0}
    train(callbacks=witness.callbacks(), **keys, project=str(tmp_path), name="run")
    facts = result(done, "plain-0")["facts"]
    assert set(witness.facts) <= set(facts)
    assert witness.facts["batches"] != facts["batches"]
    assert set(witness.facts["initial"]) == set(facts["initial"])
    assert witness.facts["initial"] != facts["initial"]


def test_the_runs_are_fair_and_a_changed_fact_is_not(done: Path) -> None:
    arms = json.loads((done / PLAN_FILE).read_text())["arms"]
    facts = {(name, 0): result(done, f"{name}-0")["facts"] for name in ("plain", "center", "tutorial")}
    assert check(arms, "plain", facts).differences == []
    facts["center", 0]["arguments"]["lr0"] = 0.5
    with pytest.raises(UnfairComparisonError, match="lr0"):
        check(arms, "plain", facts).require_fair("here")


def test_a_run_that_diverges_is_recorded_as_failed(done: Path) -> None:
    found = result(done, "diverges-0")
    assert found["status"] == "failed"
    assert found["reason"]
    assert "Traceback" not in found["reason"]


def test_what_is_finished_is_not_done_again_and_what_failed_is(done: Path, quick: dict[str, Any]) -> None:
    executor = InProcess(deaths={"diverges-0": -9})
    arms = json.loads((done / PLAN_FILE).read_text())["arms"]
    before = (done / "runs" / "plain-0" / RESULT_FILE).stat().st_mtime_ns
    run_plan(make_plan(quick, arms), done, executor)
    assert executor.started == ["diverges-0"]
    assert (done / "runs" / "plain-0" / RESULT_FILE).stat().st_mtime_ns == before


def test_a_run_that_dies_leaves_its_reason_and_a_new_start_keeps_it(quick: dict[str, Any], tmp_path: Path) -> None:
    plan = make_plan(quick, {"plain": {}, "b": {"box": 1.0}})
    run_plan(plan, tmp_path / "out", InProcess(deaths={"plain-0": -9, "b-0": 3}))
    assert result(tmp_path / "out", "plain-0")["reason"] == "killed by signal 9: out of memory?"
    assert "exit code 3" in result(tmp_path / "out", "b-0")["reason"]
    run_plan(plan, tmp_path / "out", InProcess(deaths={"b-0": -15}))
    again = result(tmp_path / "out", "plain-0")
    assert again["status"] == "finished"
    assert [failure["reason"] for failure in again["failures"]] == ["killed by signal 9: out of memory?"]


def test_a_run_that_was_asked_to_end_has_not_failed(quick: dict[str, Any], tmp_path: Path) -> None:
    plan = make_plan(quick, {"plain": {}, "b": {"box": 1.0}})
    told: list[tuple[str, str, str]] = []
    runs = Runs(tmp_path / "out", plan, lambda *words: told.append(words))
    runs.open(lambda *_words: None)
    executor = InProcess(deaths={"plain-0": -15, "b-0": -15})
    runs.execute(executor)
    assert executor.started == ["plain-0", "b-0"]  # once
    assert not list((tmp_path / "out").rglob(RESULT_FILE))
    assert ("plain-0", "waiting", "was asked to end; it goes on with the next start") in told


BATCH = {"im_file": ["a.png"], **{key: torch.zeros(1) for key in ("img", "cls", "bboxes", "batch_idx")}}


def starting(small_models: Path, epoch: int) -> Any:
    """Stand for a trainer that starts at an epoch."""
    return SimpleNamespace(
        args=SimpleNamespace(lr0=0.1),
        model=DetectionModel(str(small_models / "small.yaml"), nc=2, verbose=False),
        device=torch.device("cpu"),
        preprocess_batch=lambda batch: batch,
        start_epoch=epoch,
        epoch=epoch,
    )


@pytest.mark.parametrize(("start_epoch", "kept"), [(0, False), (1, True)])
def test_facts_of_a_start_that_was_cut_off_are_written_anew(
    small_models: Path, tmp_path: Path, start_epoch: int, kept: bool
) -> None:
    """Half of them, as a run leaves them that is stopped before its second batch, would make it unfair for good."""
    file = tmp_path / "facts.json"
    file.write_text(json.dumps({"batches": ["cut off"]}))
    trainer = starting(small_models, start_epoch)
    Witness(file).callbacks()["on_train_start"](trainer)
    for _ in range(3):
        trainer.preprocess_batch(BATCH)
    found = json.loads(file.read_text())
    assert (found["batches"] == ["cut off"]) == kept
    assert kept or len(found["batches"]) == 2


def test_batches_of_later_epochs_are_no_part_of_the_start(small_models: Path, tmp_path: Path) -> None:
    """Where an epoch has one batch, a run that goes on after it would have a batch less than others."""
    trainer = starting(small_models, 0)
    Witness(tmp_path / "facts.json").callbacks()["on_train_start"](trainer)
    trainer.preprocess_batch(BATCH)
    trainer.epoch = 1
    trainer.preprocess_batch(BATCH)
    assert len(json.loads((tmp_path / "facts.json").read_text())["batches"]) == 1


def test_deaths_are_told_in_words() -> None:
    assert death(-11) == "killed by signal 11"
    assert "its machine died once too often" in death(None)


def test_a_killed_training_goes_on_and_its_time_is_not_taken(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auxhead.training.trainer import HeadTrainer

    plan = make_plan(quick, {"plain": {}, "b": {"box": 1.0}})
    longer = {arm: {**keys, "epochs": 2} for arm, keys in plan.keys.items()}
    plan = ComparisonPlan(**{**vars(plan), "keys": longer})
    save = HeadTrainer.save_model

    def killed(self: Any) -> Any:
        save(self)
        raise KeyboardInterrupt

    folder = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(HeadTrainer, "save_model", killed)
        runs = Runs(folder, plan, lambda *_words: None)
        runs.open(lambda *_words: None)
        assert worker.main([str(folder / "runs" / "plain-0")]) == worker.STOPPED
    assert not (folder / "runs" / "plain-0" / RESULT_FILE).exists()
    runs.execute(InProcess(deaths={"plain-0": -9, "b-0": -9}))  # nothing is trained: both die before they begin
    assert result(folder, "plain-0")["status"] == "failed"
    start = json.loads((folder / "runs" / "plain-0" / "facts.json").read_text())
    assert worker.main([str(folder / "runs" / "plain-0")]) == 0
    found = result(folder, "plain-0")
    assert [failure["reason"] for failure in found["failures"]] == ["killed by signal 9: out of memory?"]
    assert (found["seconds"]["train"], found["seconds"]["total"], found["cpu_seconds"]) == (None, None, None)
    assert "resumed" not in found
    assert found["facts"]["batches"] == start["batches"]
    assert found["facts"]["epochs_done"] == 2
    assert found["facts"]["resumes"] == [{"epoch": 1, "inexact": ""}]
    epochs = (folder / "runs" / "plain-0" / "train" / "results.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in epochs] == ["epoch", "1", "2"]


def test_a_training_that_has_ended_is_kept_where_measuring_fails(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(quick, {"plain": {}, "b": {"box": 1.0}})

    def broken(*_: Any, **__: Any) -> None:
        raise DataError("labels that can be measured", "none", "here", "correct them")

    with monkeypatch.context() as patch:
        patch.setattr("auxhead.evaluation.evaluate.evaluate", broken)
        run_plan(plan, tmp_path / "out", InProcess())
    assert result(tmp_path / "out", "plain-0")["reason"] == "DataError: none"
    with monkeypatch.context() as patch:
        patch.setattr("auxhead.training.train.train", lambda **_: pytest.fail("trained again"))
        run_plan(plan, tmp_path / "out", InProcess())
    again = result(tmp_path / "out", "plain-0")
    assert again["status"] == "finished"
    assert [failure["reason"] for failure in again["failures"]] == ["DataError: none"]


def test_a_training_whose_weights_are_damaged_is_done_again_at_last(quick: dict[str, Any], tmp_path: Path) -> None:
    plan = make_plan(quick, {"plain": {}, "b": {"box": 1.0}})
    run_plan(plan, tmp_path / "out", InProcess())
    place = tmp_path / "out" / "runs" / "plain-0"
    (place / RESULT_FILE).unlink()
    (place / "train" / "weights" / "last.pt").write_bytes(b"damaged")
    for status in ("failed", "failed", "finished"):  # once is no proof that it is the file
        run_plan(plan, tmp_path / "out", InProcess())
        assert result(tmp_path / "out", "plain-0")["status"] == status


def test_a_full_disk_costs_no_training(quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(quick, {"plain": {}, "b": {"box": 1.0}})
    place = tmp_path / "out" / "runs" / "plain-0" / "train"

    def full(**_: Any) -> None:
        place.mkdir(parents=True, exist_ok=True)
        (place / "epochs").touch()
        raise OutputError("room", "No space left on device", "here", "make room")

    with monkeypatch.context() as patch:
        patch.setattr("auxhead.training.train.train", full)
        run_plan(plan, tmp_path / "out", InProcess())
    assert result(tmp_path / "out", "plain-0")["reason"] == "OutputError: No space left on device"
    with monkeypatch.context() as patch:
        patch.setattr(
            worker, "_train", lambda *_: pytest.fail("seen") if not (place / "epochs").exists() else {}["end"]
        )
        run_plan(plan, tmp_path / "out", InProcess())
    assert result(tmp_path / "out", "plain-0")["reason"].startswith("KeyError")


def test_a_run_of_another_process_is_left_to_it(done: Path) -> None:
    run = done / "runs" / "plain-0"
    with ledger.run_lock(run):
        assert worker.main([str(run)]) == worker.BUSY


def test_the_test_split_is_measured_once_after_all_runs(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(str(quick["data"]))
    with_test = data.with_name("with_test.yaml")
    with_test.write_text(data.read_text() + "\ntest: images/val\n")
    plan = make_plan({**quick, "data": str(with_test)}, {"plain": {}, "b": {"box": 1.0}})
    runs = run_plan(plan, tmp_path / "out", InProcess(deaths={"b-0": -9}))
    assert not (tmp_path / "out" / "runs" / "plain-0" / "test").exists()
    executor = InProcess()
    runs.measure_test(executor)
    assert executor.started == ["plain-0 test"]
    assert json.loads((tmp_path / "out/runs/plain-0/test/metrics.json").read_text())["data"]["split"] == "test"
    runs.measure_test(executor)
    assert executor.started == ["plain-0 test"]
    trained = (tmp_path / "out/runs/plain-0/train/weights/last.pt").stat().st_mtime_ns
    again = run_plan(replace(plan, bands=[8.0, 16.0]), tmp_path / "out", InProcess(deaths={"b-0": -9}))
    again.measure_test(executor)  # by other bands, of the same weights
    assert executor.started == ["plain-0 test"] * 2
    for split in ("val", "test"):
        measured = json.loads((tmp_path / "out/runs/plain-0" / split / "metrics.json").read_text())
        assert list(measured["data"]["bands"]) == ["all", "<8", "8-16", ">=16"]
    assert (tmp_path / "out/runs/plain-0/train/weights/last.pt").stat().st_mtime_ns == trained


def test_a_partner_trained_anew_drops_what_was_measured_of_its_old_weights(tmp_path: Path) -> None:
    partner, own = tmp_path / "plain-0", tmp_path / "sliced-0"
    (own / "test").mkdir(parents=True)
    (own / "test" / "draws.npz").write_bytes(b"")
    ledger.write_json(own / RESULT_FILE, {"weights_of": "plain-0", "weights_sha256": "a"})
    ledger.write_json(partner / RESULT_FILE, {"weights_sha256": "a"})
    ledger.drop_results_of_other_weights([partner, own])
    measured = (own / RESULT_FILE, own / "test" / "draws.npz")
    assert all(file.is_file() for file in measured)
    ledger.write_json(partner / RESULT_FILE, {"weights_sha256": "b"})
    ledger.drop_results_of_other_weights([partner, own])
    assert not any(file.exists() for file in measured)
    assert (partner / RESULT_FILE).is_file()


def test_what_cannot_be_measured_fails_before_the_first_training(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(quick, {"plain": {}, "b": {"box": 1.0}})
    runs = Runs(tmp_path / "out", plan, lambda *_words: None)
    runs.open(lambda *_words: None)

    def broken(*_: Any, **__: Any) -> None:
        raise DataError("labels that can be measured", "none", "here", "correct them")

    executor = InProcess()
    with monkeypatch.context() as patch:
        patch.setattr("auxhead.evaluation.evaluate.evaluate", broken)
        patch.setattr(InProcess, "run", logged(InProcess.run))
        with pytest.raises(ConfigError, match=r"DataError: none[\s\S]*before the first training"):
            rehearse(runs, executor, lambda *_: None)
    assert executor.started == ["rehearsal"]
    rehearse(runs, executor, lambda *_: None)
    assert executor.started == ["rehearsal"] * 2
    rehearse(runs, executor, lambda *_: None)
    assert executor.started == ["rehearsal"] * 2  # once it is known, it isn't asked again
    assert {path.name for path in (tmp_path / "out" / "rehearsal").iterdir()} >= {"run.json", "result.json"}
    assert not list((tmp_path / "out").rglob("*.pt"))


@pytest.mark.parametrize("primary", ["AR@50", ">=64/AP50"])
def test_a_measure_that_there_will_not_be_is_said_before_the_first_training(
    quick: dict[str, Any], tmp_path: Path, primary: str
) -> None:
    plan = make_plan(quick, {"plain": {}, "b": {"box": 1.0}}, primary=primary, bands="ai-tod")
    runs = Runs(tmp_path / "out", plan, lambda *_words: None)
    runs.open(lambda *_words: None)
    executor = InProcess()
    for _ in range(2):
        with pytest.raises(ConfigError, match=rf"all/AP50, [\s\S]*{primary}: not measured[\s\S]*first training"):
            rehearse(runs, executor, lambda *_: None)
    assert executor.started == ["rehearsal"]
    rehearse(Runs(tmp_path / "out", replace(plan, primary="mAP50"), runs.watch), executor, lambda *_: None)
    assert executor.started == ["rehearsal"]


def logged(run: Any) -> Any:
    """Make an executor without processes leave the logs that processes leave."""

    def both(self: InProcess, jobs: Any, tell: Any) -> None:
        for job in jobs:
            (job.folder / "log.txt").write_text("what was printed\n")
        run(self, jobs, tell)

    return both


def test_trackers_see_the_plan_as_the_project_and_the_run_by_its_name(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    class Trainer:
        """Stands for one of Ultralytics', with a tracker among its callbacks."""

        def __init__(self, overrides: dict[str, Any], _callbacks: dict[str, Any]) -> None:
            self.args = SimpleNamespace(**overrides)
            self.callbacks = _callbacks
            self.run("on_pretrain_routine_start")

        def run(self, event: str) -> None:
            for callback in self.callbacks[event]:
                callback(self)
            seen.append((self.args.project, self.args.name))

        def train(self) -> None:
            self.run("on_train_start")

    witness: Any = SimpleNamespace(callbacks=lambda: {"on_train_start": lambda _: None})
    task = {"plan": "price", "arm": "p234", "seed": 3}
    kind: Any = Trainer
    drive(kind, {"project": str(tmp_path), "name": "train"}, worker._callbacks(witness, task))
    assert seen == [("price", "p234-3"), (str(tmp_path), "train")]  # the latter is what checkpoints keep


def test_reasons_are_one_line() -> None:
    assert worker.reason(RuntimeError("CUDA out of memory.\nTried to allocate")) == "RuntimeError: CUDA out of memory."
    assert worker.reason(RuntimeError()) == "RuntimeError"
    assert worker.reason(UnfairComparisonError("a", "b\nc", "d", "e")) == "UnfairComparisonError: b"
