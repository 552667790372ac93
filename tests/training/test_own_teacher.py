"""A teacher that a run trains first: what it becomes, when it is used again, and what a kill leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ultralytics.utils import YAML

import auxhead
from auxhead.errors import ConfigError, ModelError, ResumeError
from auxhead.files import sha256
from auxhead.model import state
from auxhead.training.begin_or_resume import begin
from auxhead.training.teaching import automatic

OWN: dict[str, Any] = {
    "heads": "teacher",
    "teacher.weights": "auto",
    "teacher.scale": 2,
    "teacher.warmup": 0,
    "close_mosaic": 1,
}


def tensors(run: Path) -> dict[str, torch.Tensor]:
    trained: dict[str, torch.Tensor] = state.load_state(run / "weights" / "last.state.pt")["ema"].state_dict()
    return trained


def differing(one: Path, other: Path) -> list[str]:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    return [name for name, value in first.items() if not torch.equal(value, second[name])]


@pytest.fixture(scope="module")
def both(quick: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A student and the teacher that its run has trained first, stopped after the teacher's first epoch of two."""
    folder = tmp_path_factory.mktemp("own")
    keys = {**quick, **OWN, "project": str(folder), "name": "run"}

    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    seen = SimpleNamespace(folder=folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automatic, "begin", lambda plan, asked: begin(plan, asked, {"on_model_save": stop}))
        with pytest.raises(KeyboardInterrupt):
            auxhead.train(**keys)
    seen.left = sorted(path.name for path in folder.iterdir())
    (seen.teacher,) = folder.glob("teacher-*")
    seen.epoch = state.load_state(seen.teacher / "weights" / "last.state.pt")["epoch"]
    seen.asked = YAML.load(seen.teacher / "args.yaml")
    seen.begun = again(seen, quick)["teacher"]
    seen.rows = (seen.teacher / "results.csv").read_text().splitlines()
    with pytest.raises(ResumeError) as caught:
        auxhead.train(resume=str(folder / "run"))
    seen.told = caught.value.fix
    seen.run = auxhead.train(**keys).save_dir
    return seen


def again(both: SimpleNamespace, quick: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return what a dry run says of the teacher."""
    from auxhead.cli.train import _plan

    found: dict[str, Any] = _plan({**quick, **OWN, "project": str(both.folder), **keys})
    return found


def test_another_teacher_starts_from_its_own_weights(
    both: SimpleNamespace, quick: dict[str, Any], signs: Path, tmp_path: Path
) -> None:
    start = str(both.teacher / "weights" / "best.pt")
    for name, kept in (("big.pt", False), ("big.yaml", True)):
        file = tmp_path / name
        file.write_bytes(Path(start if file.suffix == ".pt" else quick["model"]).read_bytes())
        found = again(both, quick, pretrained=start, **{"teacher.model": str(file)})["teacher"]
        assert found["arguments"]["model"] == str(file)
        assert found["arguments"].get("pretrained") == (start if kept else None)


@pytest.mark.core
def test_the_teacher_is_trained_as_the_run_at_its_size_and_noted_as_any_other(
    both: SimpleNamespace, quick: dict[str, Any]
) -> None:
    asked, ours = both.asked, YAML.load(both.run / "args.yaml")
    assert (asked["imgsz"], ours["imgsz"]) == (128, 64)
    assert {key for key in ours if asked[key] != ours[key]} - {"name", "project"} == {"imgsz", "save_dir"}
    assert json.loads((both.teacher / "auxhead.json").read_text())["heads"] == {}
    best = both.teacher / "weights" / "best.pt"
    noted = json.loads((both.run / "auxhead.json").read_text())["heads"]["teacher"]
    assert (noted["weights"], noted["sha256"], noted["model"]) == (str(best.resolve()), sha256(best), None)
    given = auxhead.train(**quick, **{**OWN, "teacher.weights": str(best)}, project=str(both.folder), name="given")
    assert json.loads((given.save_dir / "auxhead.json").read_text())["heads"]["teacher"] == noted
    assert differing(both.run, given.save_dir) == []


def test_the_same_keys_find_it_and_others_train_another(
    both: SimpleNamespace, quick: dict[str, Any], signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = (both.teacher / "result.json").stat().st_mtime_ns
    seen: list[Any] = []
    monkeypatch.setattr("auxhead.training.train.begin", lambda plan, *_: seen.append(plan))
    auxhead.train(**quick, **OWN, project=str(both.folder), name="run")
    assert seen[0].heads["teacher"].weights == str(both.teacher / "weights" / "best.pt")
    assert (both.teacher / "result.json").stat().st_mtime_ns == written
    assert list(both.folder.glob("teacher-*")) == [both.teacher]
    same = {
        "name": "other",
        "workers": 0,
        "plots": True,
        "teacher.share": 0.1,
        "heads": "center,teacher",
        "mosaic": 1.0,
    }
    found = again(both, quick, **same)["teacher"]
    assert (found["folder"], found["state"]) == (str(both.teacher), "finished")
    assert found["said"][1].startswith("A step of the student takes about 2.3")
    copy = tmp_path / "small.yaml"
    shutil.copy(quick["model"], copy)
    assert again(both, quick, model=str(copy))["teacher"]["folder"] == str(both.teacher)
    copy.write_text(copy.read_text().replace("C2f, [32, True]", "C2f, [32, False]"))
    moved = tmp_path / "signs"
    shutil.copytree(signs.parent, moved, ignore=shutil.ignore_patterns("*.cache"))
    YAML.save(moved / "data.yaml", {**YAML.load(signs), "path": str(moved)})
    assert again(both, quick, data=str(moved / "data.yaml"))["teacher"]["folder"] == str(both.teacher)
    label = min((moved / "labels" / "train").iterdir())
    label.write_text(label.read_text().splitlines()[0] + "\n")
    others: list[dict[str, Any]] = [
        {"lr0": 0.002},
        {"seed": 1},
        {"epochs": 3},
        {"imgsz": 32},
        {"model": str(copy)},
        {"teacher.model": str(copy)},
        {"data": str(moved / "data.yaml")},
    ]
    teachers = [again(both, quick, **other)["teacher"] for other in others]
    assert {one["state"] for one in teachers} == {"new"}
    assert len({one["folder"] for one in teachers} | {str(both.teacher)}) == len(others)  # of both models it is one


@pytest.mark.core
def test_a_stop_while_the_teacher_trains_is_gone_on_from_by_the_same_command(both: SimpleNamespace) -> None:
    assert both.left == [both.teacher.name]  # no student yet
    assert both.epoch == 0
    assert (both.begun["folder"], both.begun["state"]) == (str(both.teacher), "begun")
    assert both.begun["said"][0].startswith("The teacher goes on first: ")
    assert "give the command of its start again" in both.told
    rows = (both.teacher / "results.csv").read_text().splitlines()
    assert (len(rows), rows[:2]) == (3, both.rows)  # the first epoch, with its time, is the one before the stop


def test_what_a_kill_before_its_first_epoch_leaves_is_begun_anew(
    both: SimpleNamespace, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(_: Any, arguments: dict[str, Any]) -> None:
        shutil.copytree(both.teacher, arguments["save_dir"], dirs_exist_ok=True)

    monkeypatch.setattr(automatic, "begin", trained)
    monkeypatch.setattr("auxhead.training.train.begin", lambda plan, *_: plan)
    teacher = tmp_path / both.teacher.name
    (teacher / "weights").mkdir(parents=True)  # as Ultralytics has made it, before anything of ours is in it
    seen: Any = auxhead.train(**quick, **OWN, project=str(tmp_path), name="run")
    assert seen.heads["teacher"].weights == str(teacher / "weights" / "best.pt")
    (teacher / "weights" / "best.pt").write_bytes(b"another one")
    with pytest.raises(ModelError, match="another file") as caught:
        auxhead.train(**quick, **OWN, project=str(tmp_path), name="run")
    assert str(teacher) in caught.value.fix


def test_a_dry_run_says_the_price_and_leaves_nothing(
    call: Callable[..., Any], quick: dict[str, Any], tmp_path: Path
) -> None:
    words = [f"{key}={value}" for key, value in {**quick, **OWN, "project": tmp_path / "runs"}.items()]
    done = call("train", *words, "--dry-run")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert f"The teacher is trained first: {quick['model']} at imgsz=128, epochs=2, batch=4, in {tmp_path}" in text
    assert (
        "Both trainings take about 6.33x the operations of training the student alone, that of the teacher 4.0" in text
    )
    assert not (tmp_path / "runs").exists()
    shown = json.loads(call("train", *words, "--dry-run", "--json").stdout)
    assert shown["teacher"]["state"] == "new"
    assert shown["teacher"]["cost"]["with_its_training"] == pytest.approx(6.33, abs=0.05)
    assert shown["auxhead"]["heads"]["teacher"]["weights"] == "auto"


def test_what_a_teacher_of_its_own_cant_be_is_refused_before_anything_is_trained(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Any] = []
    monkeypatch.setattr(automatic, "begin", lambda *given: trained.append(given))
    cases: list[tuple[dict[str, Any], str]] = [
        ({"teacher.scale": 1}, "sees what the student sees"),
        ({"teacher.scale": 1, "teacher.model": quick["model"]}, "sees what the student sees"),
        ({"teacher.weights": "big.pt", "teacher.model": "yolov8n.yaml"}, "only with weights=auto"),
        ({"teacher.sha256": "0" * 64}, "of a file that is there"),
        ({"close_mosaic": 2}, "close_mosaic=2 of epochs=2"),
        ({"rect": True}, "rect=True"),
    ]
    for keys, message in cases:
        with pytest.raises(ConfigError, match=message):
            auxhead.train(**{**quick, **OWN, **keys}, project=str(tmp_path))
    for model, message in (("nowhere.pt", "no such file"), ("yolov8n-pose.yaml", "ending in Pose")):
        with pytest.raises(ModelError, match=message):
            auxhead.train(**{**quick, **OWN, "teacher.model": model}, project=str(tmp_path))
    with pytest.raises(ConfigError, match="train it once, and name its best"):
        auxhead.trainer(**{key: value for key, value in OWN.items() if key != "close_mosaic"})
    arms = {"plain": {}, "taught": {key: value for key, value in OWN.items() if key != "close_mosaic"}}
    with pytest.raises(
        ConfigError, match=r"taught: teacher\.weights=auto, which only `auxhead train` understands: train it"
    ):
        auxhead.compare(data=quick["data"], base={"model": quick["model"]}, arms=arms, seeds=[0], dry_run=True)
    assert not trained
    assert not list(tmp_path.glob("teacher-*"))
