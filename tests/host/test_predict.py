"""Predicting for `auxhead evaluate`: Ultralytics' own boxes and numbers, made once, under the data's class names."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel

import auxhead
from auxhead.errors import DataError
from auxhead.evaluation import predictions
from auxhead.files import write_atomic
from auxhead.host.predict import _Collector, match_names, predict, weights_hash
from auxhead.labels.data_yaml import read_data_yaml

pytestmark = pytest.mark.usefixtures("without_figures")

KEYS: dict[str, Any] = {"split": "val", "imgsz": None, "batch": 4, "device": "cpu", "conf": 0.001, "iou": 0.7}


@pytest.fixture(scope="module")
def detector(trained: auxhead.TrainResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A barely trained model whose boxes are as small as signs, and whose scores differ."""
    content = torch.load(trained.best, weights_only=False)
    head = content["model"].model[-1]
    for boxes, classes in zip(head.cv2, head.cv3, strict=True):
        boxes[-1].weight.data.zero_()
        boxes[-1].bias.data.view(4, head.reg_max)[:] = -10
        boxes[-1].bias.data.view(4, head.reg_max)[:, 1] = 10  # each side one stride away
        classes[-1].weight.data.normal_(0, 0.5, generator=torch.Generator().manual_seed(0))
        classes[-1].bias.data.fill_(-4)
    path = tmp_path_factory.mktemp("detector") / "small.pt"
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def data(detector: Path, signs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that the detector is good at: every other of its own predictions is a label, a bit smaller."""
    copy = copied(signs, tmp_path_factory.mktemp("agreeing"))
    made = predict(detector, str(copy), **KEYS, max_det=300)
    for file, rows in made.rows.items():
        lines = [
            f"{int(cls)} {(x + w / 2) / 64:.6f} {(y + h / 2) / 64:.6f} {0.9 * w / 64:.6f} {0.9 * h / 64:.6f}\n"
            for x, y, w, h, _, cls in rows.tolist()[::2]
        ]
        (copy.parent / "labels" / "val" / f"{Path(file).stem}.txt").write_text("".join(lines))
    (copy.parent / "labels" / "val.cache").unlink()
    return copy


def copied(data: Path, folder: Path, **changes: Any) -> Path:
    """Copy a data set to where its data.yaml finds its own pictures."""
    copy = shutil.copytree(data.parent, folder / "data") / data.name
    content = yaml.safe_load(copy.read_text()) | changes
    content.pop("path", None)
    copy.write_text(yaml.safe_dump(content))
    return copy


def evaluate(model: Path, data: Path, **keys: Any) -> auxhead.Evaluation:
    settings: dict[str, Any] = {"out": "out", "resamples": 0, "device": "cpu", "batch": 4} | keys
    return auxhead.evaluate(model=str(model), data=str(data), **settings)


def test_predictions_and_metrics_are_ultralytics_own(detector: Path, data: Path, tmp_path: Path) -> None:
    made = predict(detector, str(data), **KEYS, max_det=300)
    theirs = YOLO(detector).val(
        data=str(data), batch=4, device="cpu", save_json=True, plots=False, project=str(tmp_path), name="val"
    )
    assert made.imgsz == 64  # what it was trained at
    assert made.metrics["metrics/mAP50(B)"] > 0.03
    for name, value in made.metrics.items():
        assert value == theirs.results_dict[name]
    saved = json.loads((tmp_path / "val" / "predictions.json").read_text())
    found = {Path(file).name: rows for file, rows in made.rows.items()}
    assert sum(map(len, found.values())) == len(saved) > 0
    seen: dict[str, int] = {}
    for row in saved:
        place = seen.get(row["file_name"], 0)
        seen[row["file_name"]] = place + 1
        mine = found[row["file_name"]][place]
        assert mine[:4].tolist() == pytest.approx(row["bbox"], abs=2e-3)
        assert mine[4].item() == pytest.approx(row["score"], abs=1e-5)
        assert mine[5].item() == row["category_id"] - 1


def test_their_file_gives_the_numbers_of_ours(detector: Path, data: Path, tmp_path: Path) -> None:
    ours = evaluate(detector, data)
    YOLO(detector).val(
        data=str(data), batch=4, device="cpu", save_json=True, plots=False, project=str(tmp_path), name="val"
    )
    file = tmp_path / "val" / "predictions.json"
    theirs = auxhead.evaluate(
        predictions=str(file), data=str(data), categories="ultralytics", resamples=0, out=str(tmp_path / "theirs")
    )
    for name, found in ours.detectors[0].numbers["all"].items():  # theirs are rounded to 1e-3 pixels and 1e-5
        assert theirs.detectors[0].numbers["all"][name].value == pytest.approx(found.value, abs=0.01)
    assert ours.detectors[0].detections == theirs.detectors[0].detections


def test_predictions_are_made_once(detector: Path, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = evaluate(detector, data, resamples=10)
    calls = []

    def counted(*args: Any, **keys: Any) -> Any:
        calls.append(args)
        return predict(*args, **keys)

    monkeypatch.setattr("auxhead.host.predict.predict", counted)
    again = evaluate(detector, data, resamples=10)
    assert again.to_dict() == first.to_dict()
    assert not calls
    evaluate(detector, data, conf=0.01, exist_ok=True)  # other settings
    assert len(calls) == 1
    copy = copied(data, tmp_path)
    evaluate(detector, copy, conf=0.01, exist_ok=True)  # the same pictures elsewhere
    assert len(calls) == 1
    picture = next((copy.parent / "images" / "val").iterdir())
    picture.write_bytes(picture.read_bytes() + b" ")
    evaluate(detector, copy, conf=0.01, exist_ok=True)
    assert len(calls) == 2
    label = next(path for path in (copy.parent / "labels" / "val").glob("*.txt") if path.read_text())
    label.write_text("".join(label.read_text().splitlines(keepends=True)[1:]))
    evaluate(detector, copy, conf=0.01, exist_ok=True)  # Ultralytics' own numbers are about the labels, too
    assert len(calls) == 3
    monkeypatch.setattr("auxhead.host.compat.installed", lambda: "9.0.0")
    evaluate(detector, copy, conf=0.01, exist_ok=True)
    assert len(calls) == 4


def test_predictions_of_ours_know_their_pictures(detector: Path, data: Path, tmp_path: Path) -> None:
    made = evaluate(detector, data)
    file = made.detectors[0].predictions
    keys: dict[str, Any] = {"predictions": file, "resamples": 0, "out": "other"}
    again = auxhead.evaluate(data=str(data), **keys)
    assert again.detectors[0].numbers == made.detectors[0].numbers
    assert again.detectors[0].imgsz == 64
    copy = copied(data, tmp_path)
    picture = next((copy.parent / "images" / "val").iterdir())
    picture.write_bytes(picture.read_bytes() + b" ")
    with pytest.raises(auxhead.DataError, match="other images"):
        auxhead.evaluate(data=str(copy), exist_ok=True, **keys)


def test_classes_are_matched_by_name(detector: Path, data: Path, tmp_path: Path) -> None:
    names = list(read_data_yaml(data).names.values())
    turned = copied(data, tmp_path, names=names[::-1])
    for label in (turned.parent / "labels").rglob("*.txt"):
        rows = [line.split() for line in label.read_text().splitlines()]
        label.write_text("".join(f"{len(names) - 1 - int(row[0])} {' '.join(row[1:])}\n" for row in rows))
    plain, other = evaluate(detector, data), evaluate(detector, turned, out="turned")
    for name, found in plain.detectors[0].numbers["all"].items():
        assert other.detectors[0].numbers["all"][name].value == pytest.approx(found.value)
    for name in ("metrics/mAP50(B)", "metrics/mAP50-95(B)"):
        assert other.detectors[0].ultralytics[name] == pytest.approx(plain.detectors[0].ultralytics[name])
    assert "matched by name" in str(other)
    assert "matched by name" not in str(plain)
    foreign = copied(data, tmp_path / "foreign", names=[f"sign {index}" for index in range(len(names))])
    with pytest.raises(auxhead.ModelError, match="only in the data"):
        evaluate(detector, foreign, out="no")


def test_classes_are_printed_by_the_datas_names(
    detector: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[Any] = []
    monkeypatch.setattr(_Collector, "print_results", lambda self: printed.append(self.names))
    names = list(read_data_yaml(data).names.values())[::-1]
    evaluate(detector, copied(data, tmp_path, names=names))
    assert printed == [dict(enumerate(names))]


def test_pictures_of_one_name_and_links_to_one_picture_keep_their_own_boxes(
    detector: Path, data: Path, tmp_path: Path
) -> None:
    copy = copied(data, tmp_path)
    folder, labels = copy.parent / "images" / "val", copy.parent / "labels" / "val"
    first = min(folder.iterdir())
    (folder / "link.png").symlink_to(first)
    for below in ("sub", f"sub/{folder.name}"):
        for there in (folder, labels):
            (there / below).mkdir()
        shutil.copy(first, folder / below)
        shutil.copy(labels / f"{first.stem}.txt", labels / below)
    shutil.copy(labels / f"{first.stem}.txt", labels / "link.txt")
    made = evaluate(detector, copy)
    rows = json.loads(Path(made.detectors[0].predictions).read_text())
    count = Counter(row["file_name"].partition("images/val/")[2] for row in rows)
    same = [count[name] for name in (first.name, "link.png", f"sub/{first.name}", f"sub/val/{first.name}")]
    assert same == [same[0]] * 4
    assert same[0] > 0
    again = auxhead.evaluate(predictions=made.detectors[0].predictions, data=str(copy), resamples=0, out="again")
    assert again.detectors[0].numbers == made.detectors[0].numbers


def test_what_is_asked_of_a_file_of_ours_and_one_of_ultralytics(detector: Path, data: Path, tmp_path: Path) -> None:
    made = evaluate(detector, data)
    ours, theirs = Path(made.detectors[0].predictions), tmp_path / "theirs.json"
    rows = json.loads(ours.read_text())
    theirs.write_text(json.dumps([{**row, "category_id": row["category_id"] + 1} for row in rows]))
    keys: dict[str, Any] = {"data": str(data), "resamples": 0, "exist_ok": True, "out": "both"}
    found = auxhead.evaluate(predictions=str(theirs), versus=str(ours), categories="ultralytics", **keys)
    assert found.detectors[0].numbers == found.detectors[1].numbers == made.detectors[0].numbers
    few = auxhead.evaluate(predictions=str(ours), max_det=3, **keys)
    assert few.settings["max_det"] == 3
    assert "AR@300" not in few.detectors[0].numbers["all"]


def test_no_file_of_predictions_that_is_read_or_not_ours_is_written_over(
    detector: Path, data: Path, tmp_path: Path
) -> None:
    made = evaluate(detector, data)
    ours = Path(made.detectors[0].predictions)
    before = ours.read_bytes()
    with pytest.raises(auxhead.OutputError, match="is to be read"):
        evaluate(detector, data, versus=str(ours), conf=0.01, exist_ok=True)
    foreign = tmp_path / "mine" / ours.name
    foreign.parent.mkdir()
    foreign.write_text("[]")
    with pytest.raises(auxhead.OutputError, match="no earlier one of ours"):
        evaluate(detector, data, out=str(foreign.parent))
    assert (ours.read_bytes(), foreign.read_text()) == (before, "[]")


def test_predicting_that_was_killed_between_two_files_goes_on(
    detector: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def killed(path: Path, content: Any) -> None:
        if len(written) == last:
            raise KeyboardInterrupt
        written.append(path.name)
        write_atomic(path, content)

    for last in range(3):
        written.clear()
        monkeypatch.setattr(predictions, "write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            evaluate(detector, data, out=f"killed{last}")
        monkeypatch.setattr(predictions, "write_atomic", write_atomic)
        assert evaluate(detector, data, out=f"killed{last}").detectors[0].detections > 0


def test_match_names() -> None:
    assert match_names({0: "a", 1: "b"}, {0: "b", 1: "a"}, "m")[0] == [1, 0]
    assert match_names({0: "class0", 1: "class1"}, {0: "b", 1: "a"}, "m") == (
        [0, 1],
        "classes matched by index: the model has no names",
    )
    assert match_names({0: "a", 1: "b", 2: "c"}, {0: "c", 1: "a"}, "m") == (
        [1, -1, 0],
        "classes matched by name: 1 of the model's, which the data lacks, left out (b)",
    )
    assert match_names({0: "Car", 1: "person "}, {0: "car", 1: "Person"}, "m") == (
        [0, 1],
        "classes matched by name: they differ in case or in spaces around them",
    )
    with pytest.raises(auxhead.ModelError, match="3 classes"):
        match_names({0: "a", 1: "b", 2: "c"}, {0: "a", 1: "d"}, "m")
    with pytest.raises(auxhead.ModelError, match=r"only in the data: .'b'"):
        match_names({0: "a"}, {0: "a", 1: "b"}, "m")
    with pytest.raises(auxhead.ModelError, match=r"names of several classes: .'b'"):
        match_names({0: "a", 1: "b", 2: "c"}, {0: "a", 1: "b", 2: "b"}, "m")
    with pytest.raises(auxhead.ModelError, match="single_cls=true"):
        match_names({0: "item"}, {0: "a", 1: "b"}, "m")


def untrained(path: Path, names: list[str], **arguments: Any) -> Path:
    """Save a model that knows nothing, as Ultralytics saves a trained one."""
    model = DetectionModel("yolov8n.yaml", nc=len(names), verbose=False)
    model.names = dict(enumerate(names))
    model.args = arguments
    torch.save({"model": model, "train_args": {"imgsz": 64, "task": "detect"} | arguments, "epoch": -1}, path)
    return path


def test_classes_that_the_data_lacks_are_left_out_and_said(data: Path, tmp_path: Path) -> None:
    names = list(read_data_yaml(data).names.values())
    model = untrained(tmp_path / "more.pt", ["zebra", *names[::-1], "yak"])
    result = evaluate(model, data, out=str(tmp_path / "out"), conf=0.0)
    rows = json.loads((tmp_path / "out" / "predictions-more.json").read_text())
    assert {row["category_id"] for row in rows} == set(range(len(names)))
    kept = json.loads((tmp_path / "out" / "metrics.json").read_text())["detectors"][0]["note"]
    assert "2 of the model's, which the data lacks, left out (zebra, yak)" in kept
    assert kept in str(result)


def test_a_model_of_all_classes_as_one_is_measured_so(data: Path, tmp_path: Path) -> None:
    model = untrained(tmp_path / "one.pt", ["item"], single_cls=True)
    result = evaluate(model, data, out=str(tmp_path / "out"))
    assert len(read_data_yaml(data).names) > 1
    assert (result.data["names"], result.settings["single_cls"]) == (["item"], True)
    assert "All classes are measured as one" in str(result)
    theirs = YOLO(model).val(
        data=str(data), single_cls=True, imgsz=64, device="cpu", plots=False, project=str(tmp_path)
    )
    assert result.detectors[0].ultralytics == pytest.approx(theirs.results_dict)
    with pytest.raises(auxhead.ModelError, match="single_cls=true"):
        evaluate(model, data, out=str(tmp_path / "no"), single_cls=False)


def test_any_model_is_measured_with_all_classes_as_one_on_demand(detector: Path, data: Path, tmp_path: Path) -> None:
    plain = evaluate(detector, data, out=str(tmp_path / "out"))
    one = evaluate(detector, data, out=str(tmp_path / "one"), single_cls=True)
    assert len(plain.detectors[0].classes) > 1
    assert len(one.detectors[0].classes) == 1
    assert one.detectors[0].mistakes["all"]["wrong_class"] == 0
    assert one.data["boxes"] == plain.data["boxes"]


def test_exported_models_are_measured_too(detector: Path, data: Path, tmp_path: Path) -> None:
    weights = Path(shutil.copy(detector, tmp_path / "small.pt"))
    exported = Path(YOLO(weights).export(format="onnx", imgsz=64, device="cpu"))
    onnx = evaluate(exported, data).detectors[0]
    theirs = YOLO(exported, task="detect").val(data=str(data), device="cpu", plots=False, project=str(tmp_path))
    assert (onnx.name, onnx.imgsz) == ("small", 64)
    assert onnx.numbers["all"]["AP50"].value > 0
    assert onnx.ultralytics == pytest.approx(theirs.results_dict)


@pytest.mark.parametrize("name", ["nowhere.pt", "nowhere.onnx"])
def test_a_missing_model_is_named(signs: Path, name: str) -> None:
    with pytest.raises(auxhead.ModelError, match="no such file"):
        evaluate(Path(name), signs)
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["broken.pt", "broken.onnx"])
def test_a_broken_model_is_an_error_of_one_message(signs: Path, name: str) -> None:
    Path(name).write_bytes(b"broken")
    with pytest.raises(auxhead.ModelError):
        evaluate(Path(name), signs)


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        torch.save({"a": 1}, tmp_path / name)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "x.xml").write_text("x")
    before = weights_hash(folder)
    (folder / "x.xml").write_text("y")
    assert weights_hash(folder) != before
    with pytest.raises(auxhead.ModelError):
        weights_hash(tmp_path / "none")


def test_the_folder_of_a_training_and_a_mistyped_file_are_told_from_a_model(tmp_path: Path) -> None:
    best = tmp_path / "train" / "weights" / "best.pt"
    best.parent.mkdir(parents=True)
    best.touch()
    for wrong in (tmp_path / "train", best.with_name("bets.pt")):
        with pytest.raises(auxhead.ModelError, match=re.escape(f"{best}")):
            weights_hash(wrong)


def test_images_that_no_detector_sees_are_refused_or_left_out_and_never_missed(
    detector: Path, data: Path, tmp_path: Path
) -> None:
    whole = evaluate(detector, data)
    spoiled = copied(data, tmp_path / "spoiled")
    images = sorted((spoiled.parent / "images" / "val").glob("*.*"))
    lost = images[0]
    Image.new("RGB", (8, 8)).save(lost)
    labels = spoiled.parent / "labels" / "val"
    bad = labels / f"{images[1].stem}.txt"
    bad.write_text("0 0.5 0.5 0.1\n")
    with pytest.raises(DataError, match=rf"{lost.name}[\s\S]*8 x 8"):
        evaluate(detector, spoiled, out="less")
    found = evaluate(detector, spoiled, out="less", on_error="skip")
    assert found.data["images"] == whole.data["images"] - 2
    assert sorted(Path(image).name for image in found.data["left_out"]) == sorted([lost.name, images[1].name])
    assert "2 images left out (on_error=skip), with all boxes" in str(found)
    boxes = sum(len((labels / f"{image.stem}.txt").read_text().splitlines()) for image in images[2:])
    assert found.data["boxes"] == boxes
    assert found.detectors[0].mistakes["all"]["boxes"] == boxes
