"""Validation of both models side by side, and the check of an ONNX export."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel, PoseModel, SegmentationModel, load_checkpoint
from ultralytics.utils import YAML

import auxhead
from auxhead.errors import DataError, MissingExtraError, ModelError, VerificationError
from auxhead.host.validation import Row, table, validate
from auxhead.shipping import onnx_check as export_check
from auxhead.shipping.strip_certificate import StripCertificate

NAMES = {0: "a", 1: "b"}


def write(kind: type[DetectionModel], yaml: str, path: Path) -> Path:
    """A checkpoint whose boxes have some size and some confidence."""
    torch.manual_seed(1)
    model = kind(yaml, nc=2, verbose=False)
    for name, value in model.state_dict().items():
        if "running_var" in name:
            value.copy_(torch.rand(value.shape) / 4 + 0.05)
    for branch in (model.model[-1].cv3, getattr(model.model[-1], "one2one_cv3", ())):
        for layers in branch:
            layers[-1].bias.data.zero_()
    if model.model[-1].reg_max > 1:
        for layers in model.model[-1].cv2:  # about one cell to every side
            layers[-1].bias.data.view(4, -1)[:, 1] = 8.0
    task = {PoseModel: "pose", SegmentationModel: "segment"}.get(kind, "detect")
    model.names, model.args = NAMES, {"task": task, "imgsz": 64}
    torch.save({"model": model.half(), "train_args": model.args, "epoch": -1}, path)
    return path


@pytest.fixture(scope="module")
def models(small_models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "pose": write(PoseModel, str(small_models / "small-pose.yaml"), folder / "pose.pt"),
        "segment": write(SegmentationModel, str(small_models / "small-seg.yaml"), folder / "segment.pt"),
        "26-segment": write(SegmentationModel, "yolo26n-seg.yaml", folder / "26-segment.pt"),
    }


def outline(row: str) -> str:
    """A box's row as a diamond of the same width and height."""
    c, x, y, w, h = map(float, row.split())
    return f"{c:g} {x - w / 2} {y} {x} {y - h / 2} {x + w / 2} {y} {x} {y + h / 2}"


ROWS: dict[str, Callable[[str], str]] = {
    "boxes": lambda row: row,
    "keypoints": lambda row: f"{row} {' '.join([*row.split()[1:3], '1'] * 17)}",
    "outlines": outline,
}


@pytest.fixture(scope="module")
def labelled(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Make a data set out of what a model finds in noise, so that its metrics are not all zero."""
    import cv2
    import numpy as np

    @cache  # copied where a test changes it
    def make(model: str, labels: str) -> Path:
        folder = tmp_path_factory.mktemp("data")
        (folder / "images").mkdir()
        (folder / "labels").mkdir()
        network = YOLO(models[model])
        for i in range(4):
            image = np.random.default_rng(i).integers(0, 255, (64, 64, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / "images" / f"{i}.png"), image)
            found = network.predict(image, imgsz=64, conf=1e-3, verbose=False, max_det=300)[0].boxes
            boxes = [(int(c), b) for c, b in zip(found.cls, found.xywhn.clamp(0, 1).tolist(), strict=True)]
            rows = [f"{c} {' '.join(f'{v:.5f}' for v in b)}" for c, b in boxes[i:12:2]]
            (folder / "labels" / f"{i}.txt").write_text("".join(f"{ROWS[labels](row)}\n" for row in rows))
        data = {"path": str(folder), "train": "images", "val": "images", "names": NAMES}
        data |= {"kpt_shape": [17, 3]} if labels == "keypoints" else {}
        YAML.save(folder / "data.yaml", data)
        return folder / "data.yaml"

    return make


# -- validation -----------------------------------------------------------------------------------------------------


@pytest.mark.core
@pytest.mark.parametrize(
    ("model", "labels", "extra"),
    [
        ("pose", "keypoints", "pose_map50"),
        ("pose", "boxes", None),
        ("segment", "outlines", "mask_map50"),
        ("26-segment", "boxes", None),
    ],
)
def test_both_models_are_validated_alike(
    model: str, labels: str, extra: str | None, models: dict[str, Path], labelled: Any, tmp_path: Path
) -> None:
    data = labelled(model, labels)
    certificate = auxhead.strip(models[model], tmp_path / "plain.pt", str(data))
    before, after = certificate.validation
    assert before.boxes == after.boxes
    assert min(after.boxes) > 0
    for name in ("pose_map50", "mask_map50"):
        assert (getattr(before, name) is not None) == (name == extra)
        assert getattr(after, name) is None
    assert before.parameters > after.parameters
    assert before.gflops > after.gflops > 0
    assert certificate.real_images == 4
    assert certificate.random_images == 2
    assert not list(tmp_path.glob("runs"))

    keys = {"data": str(data), "imgsz": 64, "plots": False, "device": "cpu", "verbose": False, "project": str(tmp_path)}
    oracle = YOLO(tmp_path / "plain.pt").val(**keys)
    assert tuple(oracle.box.mean_results()) == after.boxes
    fused = load_checkpoint(str(tmp_path / "plain.pt"))[0].fuse(verbose=False)
    assert after.parameters == sum(value.numel() for value in fused.parameters())
    if extra:
        stock = YOLO(models[model]).val(**keys)
        assert tuple(stock.box.mean_results()) == before.boxes
        assert getattr(before, extra) == (stock.pose.map50 if extra == "pose_map50" else stock.seg.map50)
        assert before.metrics()["metrics/mAP50(B)"] == stock.results_dict["metrics/mAP50(B)"]

    written = json.loads((tmp_path / "plain.certificate.json").read_text())
    assert StripCertificate.from_dict(written) == certificate
    assert table(certificate.validation) in str(certificate)
    assert ("validated by their boxes" in str(certificate)) == (extra is None)


def test_metrics_that_differ_are_found(models: dict[str, Path], labelled: Any, tmp_path: Path, monkeypatch) -> None:
    module = importlib.import_module("auxhead.shipping.strip_proof")
    calls = []

    def off(weights: Path, *_: Any, **keys: Any) -> Row:
        calls.append(keys.get("boxes_only", False))
        return Row(weights.stem, 2, 2.0, 0.5, 0.2 if weights.name == "plain.pt" else 0.4, 0.5, 0.5)

    monkeypatch.setattr(module, "validate", off)
    with pytest.raises(VerificationError, match="box metrics"):
        auxhead.strip(models["pose"], tmp_path / "plain.pt", str(labelled("pose", "keypoints")))
    assert calls == [False, False, True]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("gpu", "off", "accepted"), [(True, 4e-4, True), (True, 4e-3, False), (False, 4e-4, False)])
def test_only_gpus_may_round_differently(gpu: bool, off: float, accepted: bool, monkeypatch) -> None:
    module = importlib.import_module("auxhead.shipping.strip_proof")
    rows = {
        "best.pt": Row("best", 2, 2.0, 0.5, 0.5, 0.5, 0.5),
        "plain.pt": Row("plain", 1, 1.0, 0.5, 0.5 + off, 0.5, 0.5),
    }
    monkeypatch.setattr(module, "validate", lambda weights, *_, **__: rows[weights.name])
    monkeypatch.setattr(module.torch.cuda, "is_available", lambda: gpu)
    keys = {"data": "signs.yaml", "imgsz": 64, "trust": False}
    if accepted:
        assert module._validated(Path("best.pt"), Path("plain.pt"), **keys) == tuple(rows.values())
    else:
        with pytest.raises(VerificationError, match="box metrics"):
            module._validated(Path("best.pt"), Path("plain.pt"), **keys)


def test_boxes_that_differ_in_keypoints_only_count_once(models: dict[str, Path], labelled: Any, tmp_path: Path) -> None:
    data = shutil.copytree(labelled("pose", "keypoints").parent, tmp_path / "data") / "data.yaml"
    YAML.save(data, {**YAML.load(data), "path": str(data.parent)})
    for cached in data.parent.glob("*.cache"):
        cached.unlink()
    for label in (data.parent / "labels").glob("*.txt"):  # read as boxes, the second rows are duplicates
        rows = label.read_text().splitlines()
        label.write_text("".join(f"{row}\n{row[: row.rindex(' ')]} 2\n" for row in rows))
    before, after = auxhead.strip(models["pose"], tmp_path / "plain.pt", str(data)).validation
    assert before.boxes == after.boxes
    assert before.pose_map50 is not None
    assert validate(models["pose"], str(data), imgsz=64).boxes != after.boxes


def test_validation_refuses_what_it_cannot_measure(models: dict[str, Path], labelled: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.yaml"):
        validate(models["pose"], "nowhere.yaml")
    data = labelled("pose", "boxes")
    YAML.save(tmp_path / "other.yaml", {**YAML.load(data), "names": {0: "a", 1: "b", 2: "c"}})
    with pytest.raises(DataError, match="2 classes"):
        validate(models["pose"], str(tmp_path / "other.yaml"), imgsz=64)
    YOLO("yolov8n-cls.yaml").save(str(tmp_path / "classify.pt"))
    with pytest.raises(ModelError, match="classifier"):
        validate(tmp_path / "classify.pt", str(data))


def test_table_shows_the_columns_that_are_measured() -> None:
    pose = Row("yolov8n-pose", 3086681, 8.44, 0.581, 0.476, 0.506, 0.319, pose_map50=0.541)
    plain = Row("stripped", 3015008, 8.13, 0.586, 0.474, 0.507, 0.32)
    assert table([pose, plain]).splitlines() == [
        "model         parameters  GFLOPs      P      R  mAP50  mAP50-95  pose mAP50",
        "yolov8n-pose   3,086,681     8.4  0.581  0.476  0.506     0.319       0.541",
        "stripped       3,015,008     8.1  0.586  0.474  0.507     0.320           -",
    ]
    assert "mAP50-95" in table([plain]).splitlines()[0].split()[-1]
    assert plain.metrics() == {
        "metrics/precision(B)": 0.586,
        "metrics/recall(B)": 0.474,
        "metrics/mAP50(B)": 0.507,
        "metrics/mAP50-95(B)": 0.32,
    }
    assert pose.metrics()["metrics/mAP50(P)"] == 0.541


# -- export ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.core
def test_export_has_the_stock_graph_and_runs(models: dict[str, Path], tmp_path: Path) -> None:
    certificate = auxhead.strip(models["26-segment"], tmp_path / "plain.pt", check_export=True)
    stock_graph(certificate.export)
    assert {path.name for path in tmp_path.iterdir()} == {"plain.pt", "plain.certificate.json"}
    assert str(certificate.export) in str(certificate)
    assert StripCertificate.from_dict(json.loads((tmp_path / "plain.certificate.json").read_text())) == certificate


def stock_graph(facts: export_check.ExportFacts | None) -> None:
    assert (facts.nodes, facts.initializers) == (facts.stock_nodes, facts.stock_initializers)
    assert facts.operators == facts.stock_operators
    assert sum(facts.operators.values()) == facts.nodes > 100
    assert facts.operators["Conv"] > 40
    assert facts.box_difference < 0.01
    assert facts.score_difference < 1e-4
    assert facts.imgsz == 64


@pytest.mark.slow
@pytest.mark.core
def test_training_states_are_checked_for_export_too(
    trained: auxhead.TrainResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = export_check.ExportFacts(2, 1, {"Conv": 2}, 2, 1, {"Conv": 2}, 0.0, 0.0, 64, 20, "1", "1")
    seen = []

    def checked(trial: Path, imgsz: int) -> export_check.ExportFacts:  # exports take ten seconds
        seen.append((trial.name, load_checkpoint(trial)[0].task, imgsz))
        return facts

    monkeypatch.setattr("auxhead.shipping.strip_proof.check_export", checked)
    certificate = auxhead.strip(trained.save_dir, tmp_path / "plain.pt", check_export=True)
    assert seen == [("plain.pt", "detect", 64)]
    assert certificate.export == facts
    assert str(facts) in str(certificate)


def test_a_graph_that_is_not_stock_is_found(models: dict[str, Path], tmp_path: Path, monkeypatch) -> None:
    def other(detector: DetectionModel) -> DetectionModel:
        return DetectionModel("yolov3-tiny.yaml", nc=2, verbose=False)  # a small graph

    monkeypatch.setattr(export_check, "_stock", other)
    with pytest.raises(VerificationError, match="96 nodes"):
        auxhead.strip(models["pose"], tmp_path / "plain.pt", check_export=True)
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_named_before_anything_happens(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_check, "find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(MissingExtraError, match="no onnxruntime") as caught:
        auxhead.strip(models["pose"], tmp_path / "plain.pt", check_export=True)
    assert "pip install 'auxhead[export]'" in str(caught.value)
    assert isinstance(caught.value, ImportError)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_no_detector_to_ship(
    value: float, models: dict[str, Path], tmp_path: Path
) -> None:
    content = torch.load(models["pose"], weights_only=False)
    content["model"].model[2].cv1.conv.weight.data[0, 0, 0, 0] = value
    torch.save(content, tmp_path / "pose.pt")
    with pytest.raises(VerificationError, match=r"NaN or infinity in 1 tensors: model\.2\.cv1\.conv\.weight"):
        auxhead.strip(tmp_path / "pose.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["pose.pt"]
