"""`auxhead teacher check`: what it measures, what it says of it, and what it refuses before anything is measured."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.evaluation.test_evaluate import rows_of
from tests.training.conftest import save_model
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import YAML

import auxhead
from auxhead.errors import ConfigError, ModelError
from auxhead.evaluation.teacher import TeacherCheck, _goes_on
from auxhead.host import predict as host
from auxhead.keys.heads.teacher_check import TeacherCheckKeys
from auxhead.labels.listing import label_path, list_images
from auxhead.metrics.step_cost import StepCost
from auxhead.metrics.truth import image_size
from auxhead.shipping.cost import cost


@pytest.fixture(scope="module")
def models(signs: Path, small_models: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A teacher and a student that see something everywhere."""
    folder = tmp_path_factory.mktemp("two")
    made = []
    for seed, name in enumerate(("big", "own")):
        torch.manual_seed(seed)
        model: Any = DetectionModel(str(small_models / "small.yaml"), nc=6, verbose=False)
        model.names = YAML.load(signs)["names"]
        for branch in model.model[-1].cv3:
            torch.nn.init.normal_(branch[-1].bias)
        made.append(save_model(model, folder / f"{name}.pt"))
    return made[0], made[1]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Predict from labels: perfectly above 64 px, half a box beside them below; gives what was asked for."""
    calls: list[dict[str, Any]] = []

    def predict(model: Path, data: str, *, split: str, imgsz: int, **settings: Any) -> host.Predictions:
        calls.append({"model": model.stem, "split": split, "imgsz": imgsz, **settings})
        content = YAML.load(data)
        images = list_images(Path(content.get("path", "")) / content[split])
        rows = {}
        for image in images:
            width, height = image_size(image)
            found = []
            for line in label_path(image).read_text().splitlines():
                cls, x, y, w, h = map(float, line.split())
                aside = w * width / 2 if imgsz <= 64 else 0.0
                found.append([(x - w / 2) * width + aside, (y - h / 2) * height, w * width, h * height, 0.9, cls])
            rows[str(image)] = torch.tensor(found, dtype=torch.float64).reshape(-1, 6)
        return host.Predictions(rows, imgsz, 300, {}, "")

    monkeypatch.setattr(host, "predict", predict)
    return calls


def words(models: tuple[Path, Path], data: Path) -> list[str]:
    return [str(models[0]), f"data={data}", f"model={models[1]}", "imgsz=64", "resamples=20", "out=checked"]


def test_it_is_the_difference_that_evaluate_measures(models: tuple[Path, Path], signs: Path) -> None:
    found = auxhead.teacher_check(models[0], data=str(signs), model=str(models[1]), imgsz=64, resamples=20, seed=3)
    settings: dict[str, Any] = {"imgsz": 64, "resamples": 20, "seed": 3, "bands": "coco", "out": "both"}
    both = auxhead.evaluate(models[0], versus=str(models[1]), data=str(signs), **settings)
    assert found.lead == both.differences
    assert found.teacher.detectors[0].numbers == both.detectors[0].numbers
    assert found.teacher.detectors[0].detections > 0
    assert found.train.data["images"] == found.pictures[0] == 8
    fused = cost([models[0]], imgsz=64)[0].fused.gflops  # the student is not: it is as large, at the same size
    assert found.cost.ratio == pytest.approx(1 + fused / (3 * found.cost.student))
    assert found.cost.student > fused
    assert found.verdict().startswith("Nothing to transfer: ")
    assert Path(found.folder) == Path("runs/teacher/big-vs-own")
    keys = TeacherCheckKeys(weights=str(models[0]), data=str(signs), model=str(models[1]))
    assert _goes_on(Path(found.folder), keys, 64)  # asked again, it is the same folder
    assert not _goes_on(Path(found.folder), keys, 96)
    assert not _goes_on(Path(found.folder), keys.model_copy(update={"scale": 2}), 64)
    assert not _goes_on(Path(found.folder), keys.model_copy(update={"limit": 4}), 64)
    Path(found.folder, "check.json").unlink()  # killed before its end
    assert _goes_on(Path(found.folder), keys, 64)
    check = Path(found.folder, "asked.json")
    standing = json.loads(check.read_text())
    check.write_text(json.dumps({**standing, "weights": "big.pt"}))  # a name that was given from this folder
    named = keys.model_copy(update={"weights": "big.pt"})
    assert _goes_on(Path(found.folder), named, 64)
    folder = check.parent.absolute()
    with contextlib.chdir(models[0].parent):
        assert not _goes_on(folder, named, 64)  # another file of that name
    check.unlink()
    assert not _goes_on(folder, keys, 64)  # whose it is can't be told


def test_the_command_says_first_whether_there_is_something_to_learn(
    models: tuple[Path, Path], signs: Path, call: Callable[..., Any], asked: list[dict[str, Any]]
) -> None:
    done = call("teacher", "check", *words(models, signs), "scale=2", "limit=4")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Something to learn: the teacher at 128 px is +")
    assert "on objects below 32 px" in lines[0]
    assert [(one["model"], one["split"], one["imgsz"]) for one in asked] == [
        ("big", "val", 128),
        ("own", "val", 64),
        ("big", "train", 128),
    ]
    assert any("(4 of 8, not augmented): AP of the teacher 100.0, on val 100.0: 0.0 points" in line for line in lines)
    assert any("about 2.31x the operations" in line for line in lines)
    pictures = list_images(YAML.load(signs.parent / "data.yaml")["path"] + "/images/train")
    assert Path("checked/train/pictures.txt").read_text().split() == [str(picture) for picture in pictures[::2]]
    again = call("teacher", "check", *words(models, signs), "scale=2", "limit=4", "--json")
    assert len(asked) == 3  # predictions are used again
    shown = json.loads(again.stdout)
    assert shown == json.loads(Path("checked/check.json").read_text())
    assert (shown["verdict"], shown["learns"], shown["pictures"]) == (lines[0], True, {"train": 4, "of": 8})
    assert shown["teacher"]["all"]["value"] == 1
    assert shown["lead"]["all"]["value"] == 1 - shown["student"]["all"]["value"] > 0.03
    assert shown["cost"]["ratio"] == pytest.approx(1 + shown["cost"]["teacher"] / (3 * shown["cost"]["student"]))


def measured(data: Path, name: str, noise: float, change: Callable[[Any], Any] = lambda rows: rows) -> Any:
    Path(f"{name}.json").write_text(json.dumps(change(rows_of(data, noise))))
    settings: dict[str, Any] = {"bands": "coco", "resamples": 20, "out": name, "exist_ok": True}
    return auxhead.evaluate(f"{name}.json", data=str(data), **settings)


@pytest.mark.parametrize(
    ("noise", "verdict", "learns"),
    [
        (0.2, "Something to learn: ", True),
        (0.0, "Nothing to transfer: the teacher at 128 px is 0.0 (0.0 to 0.0) points of AP", False),
    ],
)
def test_three_points_on_small_objects_decide(noise: float, verdict: str, learns: bool, signs: Path) -> None:
    from auxhead.evaluation.result import difference

    teacher, student = measured(signs, "teacher", 0.0), measured(signs, "student", noise)
    lead = difference(teacher.detectors[0], student.detectors[0])
    found = TeacherCheck("a", "b", 2, 64, teacher, student, lead, student, (8, 8), StepCost(4.0, 1.0), "out")
    assert found.verdict().startswith(verdict)
    assert found.learns is learns
    assert found.band == "small <32"
    train = student.detectors[0].numbers["all"]["AP"].value
    assert f"{100 * (train - 1):+.1f}".replace("+0.0", "0.0") in found.remarks()[0]
    assert str(found).startswith(found.verdict())
    assert found.verdict() in str(found._repr_html_())


def test_all_that_is_missing_is_named_at_once(call: Callable[..., Any]) -> None:
    done = call("teacher", "check")
    assert done.returncode == 2
    assert all(f"{key}: required" in done.stderr for key in ("weights", "model", "data"))
    done = call("teacher", "check", "big.pt", "model=yolov8n.yaml", "--data", "a.yaml")
    assert done.returncode == 2
    assert "model='yolov8n.yaml': no trained detector" in done.stderr
    assert "train a plain one first" in done.stderr


def test_a_teacher_that_cant_teach_is_refused_before_anything_is_measured(
    models: tuple[Path, Path], signs: Path, small_models: Path, tmp_path: Path, asked: list[dict[str, Any]]
) -> None:
    other = save_model(DetectionModel(str(small_models / "small.yaml"), nc=6, verbose=False), tmp_path / "other.pt")
    keys: dict[str, Any] = {"data": str(signs), "model": str(models[1])}
    with pytest.raises(ModelError, match="it lacks"):
        auxhead.teacher_check(other, **keys)
    with pytest.raises(ModelError, match="no such file"):
        auxhead.teacher_check("nowhere.pt", **keys)
    coarse = tmp_path / "coarse.yaml"
    text = (small_models / "small.yaml").read_text().replace("head:", "  - [-1, 1, Conv, [64, 3, 2]]\nhead:")
    coarse.write_text(text.replace("[3, 4, 5]", "[4, 5, 6]"))
    model: Any = DetectionModel(str(coarse), nc=6, verbose=False)
    model.names = YAML.load(signs)["names"]
    with pytest.raises(ConfigError, match="96 px is no multiple of the teacher's coarsest stride, 64"):
        auxhead.teacher_check(save_model(model, tmp_path / "coarse.pt"), **keys, imgsz=96)
    assert not asked
    assert not Path("runs").exists()


def test_val_without_small_objects_is_judged_by_all(
    models: tuple[Path, Path], signs: Path, tmp_path: Path, asked: list[dict[str, Any]]
) -> None:
    for split in ("train", "val"):
        for folder in ("images", "labels"):
            (tmp_path / "large" / folder / split).mkdir(parents=True)
        image = list_images(signs.parent / "images" / split)[0]
        (tmp_path / "large" / "images" / split / image.name).write_bytes(image.read_bytes())
        label = tmp_path / "large" / "labels" / split / f"{image.stem}.txt"
        label.write_text("0 0.5 0.5 0.9 0.9\n")
    content = {**YAML.load(signs), "path": str(tmp_path / "large")}
    data = tmp_path / "large" / "data.yaml"
    data.write_text(yaml.safe_dump(content))
    found = auxhead.teacher_check(models[0], data=str(data), model=str(models[1]), imgsz=64, scale=2, resamples=0)
    assert found.band == "all"
    assert "on objects of all sizes" in found.verdict()
