"""Predictions from memory measure as the file that says the same, and what can't be measured is one message."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv
from ultralytics import YOLO
from ultralytics.engine.results import Results

import auxhead
from auxhead.errors import ConfigError, DataError
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import label_path, list_images
from auxhead.metrics.truth import image_size


@pytest.fixture(scope="module")
def images(signs: Path) -> list[Path]:
    return list_images(read_data_yaml(signs).splits["val"])


@pytest.fixture(scope="module")
def names(signs: Path) -> dict[int, str]:
    return dict(read_data_yaml(signs).names)


@pytest.fixture(scope="module")
def results(
    images: list[Path], names: dict[int, str], small_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Results]:
    """What an untrained detector says, as Ultralytics returns it, with a right box more in each picture."""
    layout = tmp_path_factory.mktemp("model") / "small.yaml"
    layout.write_text((small_models / "small.yaml").read_text().replace("nc: 80", f"nc: {len(names)}"))
    model = YOLO(str(layout), task="detect")
    model.model.names = names
    made = model.predict(list(map(str, images)), imgsz=64, conf=1e-4, device="cpu", verbose=False)
    for one in made:
        one.update(boxes=np.concatenate([right_box(Path(one.path)), one.boxes.data.numpy()]).astype(np.float32))
    return list(made)


def right_box(image: Path) -> np.ndarray:
    width, height = image_size(image)
    cls, x, y, w, h = map(float, label_path(image).read_text().splitlines()[0].split())
    corners = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
    return np.array([[*corners, 0.9, cls]])


def detections(one: Results) -> sv.Detections:
    return sv.Detections.from_ultralytics(one)


def plain(one: Results) -> sv.Detections:
    """The same without names, as the constructor makes it."""
    boxes = one.boxes.numpy()
    return sv.Detections(xyxy=boxes.xyxy, confidence=boxes.conf, class_id=boxes.cls.astype(int))


def measure(predictions: Any, data: Path, out: str = "out", **keys: Any) -> auxhead.Evaluation:
    return auxhead.evaluate(predictions=predictions, data=str(data), out=out, **{"resamples": 20, **keys})


def numbers(found: auxhead.Evaluation) -> list[dict[str, Any]]:
    """All that was measured, but for what names the file."""
    own = ("name", "source", "sha256", "predictions", "note")
    return [{key: value for key, value in one.items() if key not in own} for one in found.to_dict()["detectors"]]


@pytest.fixture(scope="module")
def as_json(results: list[Results]) -> str:
    """The results file that a user would write of them."""
    rows = []
    for one in results:
        for x, y, right, bottom, score, cls in one.boxes.data.tolist():
            box = [x, y, right - x, bottom - y]
            rows.append({"file_name": one.path, "category_id": int(cls), "bbox": box, "score": score})
    return json.dumps(rows)


KINDS = {
    "results": lambda results: results,
    "generator": lambda results: (one for one in results),
    "results by picture": lambda results: {one.path: one for one in results},
    "supervision by path": lambda results: {Path(one.path): detections(one) for one in results},
    "supervision by name": lambda results: {Path(one.path).name: plain(one) for one in results},
}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_exactly_those_of_the_results_file(
    kind: str, results: list[Results], as_json: str, signs: Path
) -> None:
    Path("preds.json").write_text(as_json)
    found = measure(KINDS[kind](results), signs)
    expected = measure("preds.json", signs, "file")
    assert numbers(found) == numbers(expected)
    assert found.detectors[0].numbers["all"]["AP50"].value > 0
    assert found.detectors[0].detections > len(results)
    assert found.detectors[0].note == expected.detectors[0].note == ""


def test_what_was_given_lies_in_a_file_that_the_pages_command_measures_again(
    results: list[Results], signs: Path, call: Any
) -> None:
    found = auxhead.evaluate(predictions=results, data=str(signs), resamples=0)
    one = found.detectors[0]
    assert one.source == one.predictions == f"{found.folder}/{one.name}.json"
    assert Path(found.folder) == Path("runs/evaluate") / one.name
    assert auxhead.evaluate(predictions=results, data=str(signs), resamples=0).folder == found.folder
    command = f"auxhead evaluate data={signs} predictions={one.source} resamples=0"
    assert command in Path(found.folder, "report.html").read_text()
    said = call(*shlex.split(command)[1:], "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["detectors"] == json.loads(json.dumps(found.to_dict()["detectors"]))


def test_other_predictions_do_not_replace_results(results: list[Results], signs: Path) -> None:
    measure(results, signs)
    with pytest.raises(auxhead.OutputError, match="results of something else"):
        measure(results[:2], signs)
    assert measure(results[:2], signs, exist_ok=True).detectors[0].note == (
        "2 of 4 images without predictions count as nothing found"
    )


def test_none_at_all_is_nothing_found(signs: Path, images: list[Path]) -> None:
    empty = measure({str(image): sv.Detections.empty() for image in images}, signs)
    assert (empty.detectors[0].detections, empty.detectors[0].note) == (0, "")
    assert numbers(measure([], signs, "none")) == numbers(empty)


def test_compared_with_a_file(results: list[Results], signs: Path, as_json: str) -> None:
    Path("preds.json").write_text(as_json)
    found = measure(results, signs, versus="preds.json")
    assert found.differences is not None
    assert found.differences["all"]["AP50"].value == 0


def test_what_sahi_returns(images: list[Path], names: dict[int, str], results: list[Results], signs: Path) -> None:
    prediction = pytest.importorskip("sahi.prediction")

    def converted(one: Results) -> Any:
        rows = [
            prediction.ObjectPrediction(
                bbox=box[:4], score=box[4], category_id=int(box[5]), category_name=names[int(box[5])]
            )
            for box in one.boxes.data.tolist()
        ]
        return prediction.PredictionResult(rows, str(one.path))

    found = measure({one.path: converted(one) for one in results}, signs)
    assert found.detectors[0].numbers["all"]["AP50"].value > 0
    assert numbers(found) == numbers(measure(results, signs, "results"))


def broken(**changes: Any) -> sv.Detections:
    parts: dict[str, Any] = {"xyxy": np.array([[1.0, 2, 30, 40]]), "confidence": np.array([0.5])}
    return sv.Detections(**{**parts, "class_id": np.array([0]), **changes})


class Loose:
    """Detections of another package, which doesn't check them."""

    xyxy: Any = ((1, 2, 30, 40),)
    confidence: Any = (0.5,)
    class_id: Any = (0,)

    def __init__(self, **changes: Any) -> None:
        vars(self).update(changes)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (broken(confidence=None), r"1\.jpg: no confidence"),
        (broken(class_id=None), r"1\.jpg: no class_id"),
        (broken(class_id=np.array([99])), r"1\.jpg, detection 0: category_id 99 is none of"),
        (broken(class_id=np.array([0]), data={"class_name": np.array(["dog"])}), r"but category_name is 'dog'"),
        (Loose(xyxy=[[30.0, 2, 1, 40]]), r"1\.jpg, detection 0: expected finite numbers with width"),
        (Loose(xyxy=[[np.nan, 2, 1, 40]]), r"1\.jpg, detection 0: expected finite numbers with width"),
        (Loose(confidence=[np.nan]), r"1\.jpg, detection 0: expected a score of at least 0, found nan"),
        (broken(xyxy=np.array([[100.0, 200, 3000, 4000]])), r"1\.jpg, detection 0: bbox .* lies outside of its image"),
        (Loose(class_id=[0.5]), "no whole number"),
        (Loose(class_id=[0, 1]), "2 values of class_id for 1 boxes"),
        (Loose(xyxy=[[1, 2, 3, 4, 5]]), r"xyxy of shape \(1, 5\)"),
        (np.zeros((3, 6)), "ndarray, no detections"),
        (None, "NoneType, no detections"),
        ([], "list, no detections"),
    ],
)
def test_what_can_not_be_measured_is_one_message(found: Any, message: str, signs: Path, images: list[Path]) -> None:
    name = images[0].name
    with pytest.raises(DataError, match=message.replace(r"1\.jpg", name.replace(".", r"\."))) as error:
        measure({name: found}, signs)
    assert str(error.value.where).startswith("predictions=")
    assert not Path("out").exists()


def test_pictures_are_those_of_the_data_and_each_once(signs: Path, images: list[Path]) -> None:
    nothing = sv.Detections.empty()
    given = {"other.jpg": nothing, images[0].name: nothing, str(images[0]): nothing, "another.jpg": broken()}
    with pytest.raises(DataError, match="3 of 4 pictures") as error:
        measure(given, signs)
    assert "'other.jpg': image 'other.jpg' is not in the data" in error.value.where
    assert f"the same picture of the data as {images[0].name!r}" in error.value.where
    assert "'another.jpg'" in error.value.where


def unnamed(results: list[Results]) -> Iterator[tuple[Any, str]]:
    yield [detections(results[0])], "Detections in a list, at place 0, which doesn't say of which picture"
    yield detections(results[0]), "a single Detections"
    yield results[0], "a single Results"
    yield {3: detections(results[0])}, "the key 3, which is no picture's name"
    yield [{"bbox": []}], "dict in a list"


def test_detections_of_no_picture(results: list[Results], signs: Path) -> None:
    for given, message in unnamed(results):
        with pytest.raises(DataError, match=message):
            measure(given, signs)


def test_results_without_boxes_are_no_detections(results: list[Results], names: dict[int, str], signs: Path) -> None:
    other = Results(results[0].orig_img, results[0].path, names, probs=results[0].boxes.conf)
    with pytest.raises(DataError, match="Results without boxes"):
        measure([other], signs)


def test_classes_of_another_model_are_refused_by_name(results: list[Results], signs: Path) -> None:
    other = [one.new() for one in results]
    for one, own in zip(other, results, strict=True):
        one.update(boxes=own.boxes.data)
        one.names = {place: f"animal {place}" for place in own.names}
    with pytest.raises(DataError, match="but category_name is 'animal"):
        measure(other, signs)
    assert measure(other, signs, single_cls=True).settings["single_cls"]
    for one in other:
        one.names = {place: f"class_{place}" for place in one.names}
    assert numbers(measure(other, signs, "by index")) == numbers(measure(results, signs, "by name"))


def test_what_is_no_predictions_at_all_is_a_key_of_the_wrong_kind(signs: Path) -> None:
    with pytest.raises(ConfigError, match="predictions=3"):
        measure(3, signs)
    with pytest.raises(ConfigError, match="either model= or predictions="):
        auxhead.evaluate("best.pt", predictions=[], data=str(signs))
