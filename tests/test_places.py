"""Where results go: one rule, held over all commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.comparison.made_up import NOT_DRAWN, make_up
from ultralytics.nn.tasks import PoseModel
from ultralytics.utils import SETTINGS

import auxhead
from auxhead.cli.parts import KEYS, models
from auxhead.places import datasets_dir, results_folder, runs_dir
from auxhead.training.launch import run_folder

OF_THEIR_OWN = {"demo", "train", "evaluate", "teacher check", "compare"}
ON_THE_SCREEN = {"inspect", "design", "cost", "env"}
BESIDE_WHAT_WAS_GIVEN = {"report", "strip"}
WHERE_IT_IS_ASKED_FOR = {"convert"}


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_every_command_follows_one_part_of_the_rule() -> None:
    parts = (OF_THEIR_OWN, ON_THE_SCREEN, BESIDE_WHAT_WAS_GIVEN, WHERE_IT_IS_ASKED_FOR)
    assert sorted(command for part in parts for command in part) == sorted([*KEYS, "env"])
    outs = {
        command: one.model_fields["out"] for command in KEYS for *_, one in models(command) if "out" in one.model_fields
    }
    assert outs.keys() == KEYS.keys() - {"train", "cost"}  # one has Ultralytics' keys, the other writes nothing
    assert {command for command, field in outs.items() if field.is_required()} == WHERE_IT_IS_ASKED_FOR
    for command in outs.keys() & OF_THEIR_OWN:
        assert f"(default: runs/{command.split()[0]}/" in str(outs[command].description)
        assert outs[command].default is None
    for command in ("inspect", "design"):
        assert "none" in str(outs[command].description) or "nothing is written" in str(outs[command].description)


def test_names_are_counted_as_ultralytics_counts_them() -> None:
    from ultralytics.utils.files import increment_path

    found = []
    for _ in range(3):
        found.append(results_folder("evaluate", "own.best", lambda _: False))
        assert found[-1] == increment_path(Path("runs/evaluate/own.best"))
        found[-1].mkdir(parents=True)
    assert [one.name for one in found] == ["own.best", "own.best-2", "own.best-3"]
    assert results_folder("evaluate", "own.best", lambda there: there.name.endswith("-2")) == found[1]


def test_the_folder_of_all_runs_is_that_of_ultralytics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(runs_dir()) == SETTINGS["runs_dir"] == "runs"
    assert str(datasets_dir()) == SETTINGS["datasets_dir"]
    settings = tmp_path / "Ultralytics" / "settings.json"
    settings.parent.mkdir()
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    assert str(runs_dir()) == SETTINGS.defaults["runs_dir"]  # what it writes when it is imported for the first time
    settings.write_text(json.dumps({"runs_dir": "/elsewhere/runs"}))
    assert results_folder("evaluate", "best", lambda _: False) == Path("/elsewhere/runs/evaluate/best")
    for broken in ("", "[]", "{}", '{"runs_dir": 3}'):
        settings.write_text(broken)
        assert str(runs_dir()) == SETTINGS.defaults["runs_dir"]


def test_a_training_goes_where_ultralytics_puts_it(quick: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ultralytics.cfg.TESTS_RUNNING", False)
    first = run_folder({**quick, "mode": "train"})
    assert first == Path("runs/detect/train").resolve()
    first.mkdir(parents=True)
    assert run_folder({**quick, "mode": "train"}).name == "train-2"
    assert (
        run_folder({**quick, "mode": "train", "project": "signs", "name": "own"})
        == Path("runs/detect/signs/own").resolve()
    )


def test_an_evaluation_of_something_else_gets_a_name_of_its_own(
    signs: Path, tmp_path: Path, call: Callable[..., Any]
) -> None:
    Path("preds.json").write_text("[]")
    words = ["evaluate", "preds.json", f"data={signs}", "resamples=0", "pictures=false"]
    for split, folder in (("val", "preds"), ("train", "preds-2"), ("val", "preds")):
        assert call(*words, f"split={split}").returncode == 0
        assert json.loads(Path(f"runs/evaluate/{folder}/metrics.json").read_text())["settings"]["split"] == split
    assert {path.split("/")[:3][-1] for path in files(tmp_path) - {"preds.json"}} == {"preds", "preds-2"}


def test_a_comparison_and_its_page(
    signs: Path, tmp_path: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_up(signs, monkeypatch)
    monkeypatch.setattr("auxhead.reporting.report.figures", lambda _: NOT_DRAWN)
    arms: dict[str, Any] = {"plain": {}, "wide": {"box": 5.0}}
    found = auxhead.compare(data=str(signs), arms=arms, seeds=[0], model="yolov8n.yaml", imgsz=64, resamples=0)
    assert found.folder == Path("runs/compare/compare")
    assert {path.split("/")[1] for path in files(tmp_path)} == {"compare"}
    (found.folder / "report.html").unlink()
    before = files(tmp_path)
    assert call("report", str(found.folder)).returncode == 0
    assert files(tmp_path) - before == {"runs/compare/compare/report.html"}


@pytest.mark.parametrize(("keys", "name"), [([], "signs"), (["flip_variant"], "signs-flips"), (["out=mine"], "")])
def test_the_demo(keys: list[str], name: str, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(folder: Path, **_: Any) -> None:
        raise auxhead.OutputError("", "", str(folder), "")

    monkeypatch.setattr("auxhead.demonstration.demo.make_signs", draw)
    expected = Path("runs/demo", name, "data") if name else Path("mine/data")
    assert f"where:    {expected.resolve()}\n" in call("demo", *keys).stderr


def test_what_answers_on_the_screen_writes_nothing(
    signs: Path, small_models: Path, tmp_path: Path, call: Callable[..., Any]
) -> None:
    for words in (
        ["inspect", str(signs), "imgsz=64"],
        ["design", str(signs), "like=yolov8n.yaml", "imgsz=64", "price=gflops"],
        ["cost", str(small_models / "small.yaml"), "nc=1"],
        ["env"],
    ):
        assert call(*words).returncode == 0
        assert files(tmp_path) == set(), words


def test_a_detector_lies_beside_the_model_that_it_was_made_of(
    signs: Path, small_models: Path, tmp_path: Path, call: Callable[..., Any]
) -> None:
    model: Any = PoseModel(str(small_models / "small-pose.yaml"), nc=2, data_kpt_shape=(1, 3), verbose=False)
    model.names, model.kpt_shape = {0: "a", 1: "b"}, [1, 3]
    place = tmp_path / "there" / "best.pt"
    place.parent.mkdir()
    torch.save({"model": model, "train_args": {"task": "pose", "imgsz": 64}}, place)
    assert call("strip", str(place)).returncode == 0
    assert files(tmp_path) == {f"there/best{end}" for end in (".pt", "-detect.pt", "-detect.certificate.json")}
    shutil.copytree(signs.parent, tmp_path / "signs", ignore=shutil.ignore_patterns("*.cache"))
    before = files(tmp_path)
    assert call("convert", str(signs), "out=new", "to=pose").returncode == 0
    assert {path.split("/")[0] for path in files(tmp_path) - before} == {"new"}
