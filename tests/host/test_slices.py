"""Sliced inference: boxes come back in pixels of the picture, once each; the price is counted; the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

import auxhead
from auxhead.errors import ConfigError, MissingExtraError, ModelError
from auxhead.host import slices
from auxhead.host.slices import Slicing, predict_sliced

pytest.importorskip("sahi")

NAMES = ["gray", "white"]


class Squares:
    """What finds each square of a picture, as YOLO does: rows of corners, score and class, in pixels of the picture."""

    def __init__(self) -> None:
        self.names = dict(enumerate(NAMES))
        self.overrides: dict[str, Any] = {"task": "detect"}
        self.asked: list[dict[str, Any]] = []
        self.shapes: list[tuple[int, ...]] = []
        self.predictor: Any = None

    def to(self, device: str) -> Squares:
        return self

    def __call__(self, images: list[np.ndarray], **asked: Any) -> list[Any]:
        self.asked.append(asked)
        self.shapes += [image.shape[:2] for image in images]
        return [SimpleNamespace(boxes=SimpleNamespace(data=self.found(image[..., 0]))) for image in images]

    def found(self, picture: np.ndarray) -> torch.Tensor:
        marks, _ = ndimage.label(picture > 50)
        rows = []
        for place in ndimage.find_objects(marks):
            bright = picture[place].max()
            whole = picture[place].size / 100
            rows.append([place[1].start, place[0].start, place[1].stop, place[0].stop, whole * 0.9, bright > 200])
        return torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> Squares:
    found = Squares()
    monkeypatch.setattr(slices, "YOLO", lambda path, task: found)
    return found


def picture(path: Path, size: tuple[int, int], *corners: tuple[int, int, int]) -> str:
    pixels = np.zeros((size[1], size[0]), np.uint8)
    for left, top, bright in corners:
        pixels[top : top + 10, left : left + 10] = bright
    Image.fromarray(pixels).convert("RGB").save(path)
    return str(path)


def sliced(files: list[str], side: int = 100, overlap: float = 0.2, **changes: Any) -> Any:
    settings: dict[str, Any] = {"imgsz": 640, "batch": 4, "device": "cpu", "conf": 0.001, "iou": 0.6, "max_det": 300}
    return predict_sliced(Path("x.pt"), files, NAMES, Slicing(side, overlap), **{**settings, **changes})


def test_every_box_comes_back_once_where_it_is_in_the_picture(squares: Squares, tmp_path: Path) -> None:
    spots = [(3, 5, 100), (85, 85, 255), (140, 20, 255), (85, 150, 100), (188, 189, 255)]  # 85: in several slices
    file = picture(tmp_path / "a.png", (200, 200), *spots)
    empty = picture(tmp_path / "b.png", (150, 60))
    told: list[tuple[int, int]] = []
    found = sliced([file, empty], progress=lambda *what: told.append(what))
    rows = found.rows[file]
    assert rows[:, 4].diff().le(0).all()
    own = sorted((round(left), round(top), round(cls)) for left, top, _, _, score, cls in rows.tolist() if score > 0.8)
    assert own == sorted((left, top, int(bright > 200)) for left, top, bright in spots)
    assert {tuple(row) for row in rows[rows[:, 4] > 0.8][:, 2:4].tolist()} == {(10, 10)}
    assert found.rows[empty].shape == (0, 6)
    assert told == [(1, 2), (2, 2)]
    assert squares.shapes.count((100, 100)) == 9  # 3 x 3 slices of 200 px, each moved on by 80
    assert squares.shapes.count((200, 200)) == 1  # and the whole
    assert squares.shapes.count((60, 100)) == 2
    assert found.note == f"100 px slices: {(10 + 3) / 2:.1f} looks of 640 px at a picture, instead of 1"
    assert squares.overrides | {"iou": 0.6, "max_det": 300} == squares.overrides
    assert {(asked["conf"], asked["imgsz"]) for asked in squares.asked} == {(0.001, 640)}


def test_a_picture_of_16_bits_is_seen_as_ultralytics_reads_it(squares: Squares, tmp_path: Path) -> None:
    pixels = np.zeros((90, 120), np.uint16)
    pixels[20:30, 20:30] = 100 * 257
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert sliced([str(tmp_path / "a.png")], side=128).rows[str(tmp_path / "a.png")].tolist() == [
        pytest.approx([20, 20, 10, 10, 0.9, 0])  # grey; white where what is above 8 bits is cut off
    ]


def test_a_model_of_outlines_is_measured_by_its_boxes_at_the_size_it_was_exported_at(
    squares: Squares, tmp_path: Path
) -> None:
    squares.overrides["task"] = "segment"
    squares.predictor = SimpleNamespace(args=SimpleNamespace(imgsz=[192, 320]))
    found = sliced([picture(tmp_path / "a.png", (120, 90))])
    assert squares.overrides["task"] == "detect"
    assert found.imgsz == 320
    assert "looks of 320 px" in found.note


def test_a_slice_as_large_as_the_picture_is_one_look(squares: Squares, tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png", (120, 90), (20, 20, 255))
    found = sliced([file], side=128)
    assert found.rows[file].tolist() == [pytest.approx([20, 20, 10, 10, 0.9, 1])]
    assert found.note.startswith("128 px slices: 1.0 looks")
    assert sliced([]).rows == {}


def test_classes_count_by_name_and_the_best_boxes_are_kept(squares: Squares, tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png", (200, 100), (20, 20, 255), (60, 60, 100), (120, 60, 255))
    squares.names = {0: "other", 1: "gray"}
    with pytest.raises(ModelError, match="white"):
        sliced([file])
    squares.names = {0: "white", 1: "gray", 2: "more"}
    found = sliced([file])
    assert sorted(found.rows[file][:, 5].tolist()) == [0, 0, 1]
    assert "classes matched by name" in found.note
    assert len(sliced([file], max_det=2).rows[file]) == 2
    assert set(sliced([file], single_cls=True).rows[file][:, 5].tolist()) == {0}


def test_what_sahi_cant_run_is_told(squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = picture(tmp_path / "a.png", (120, 90))
    monkeypatch.setattr(Squares, "__call__", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("no such layer\nx")))
    with pytest.raises(ModelError, match="no such layer"):
        sliced([file])
    monkeypatch.setitem(sys.modules, "sahi.predict", None)
    with pytest.raises(MissingExtraError, match=r"auxhead\[slices\]"):
        sliced([file])


@pytest.mark.usefixtures("without_figures")
def test_a_detector_on_slices_against_itself_on_whole_pictures(
    trained: auxhead.TrainResult, signs: Path, tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = str(trained.best)
    words = [
        "evaluate",
        best,
        f"data={signs}",
        f"versus={best}",
        "resamples=0",
        "max_det=20",
        "slices=48",
        "device=cpu",
    ]
    done = call(*words)
    assert done.returncode == 0, done.stderr
    assert "run-best-sliced minus run-best" in done.stdout
    assert "run-best-sliced: 48 px slices: 5.0 looks of 64 px at a picture, instead of 1." in done.stdout
    (folder,) = (tmp_path / "runs" / "evaluate").iterdir()
    assert folder.name == "run-best-sliced-vs-run-best"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["settings"]["slices"], metrics["settings"]["overlap"]) == (48, 0.2)
    first, second = metrics["detectors"]
    assert not first["ultralytics"]
    assert second["ultralytics"]
    assert first["detections"] > 0
    monkeypatch.setattr(slices, "require_sahi", lambda: pytest.fail("predicted again"))
    again = call(*words)
    assert again.returncode == 0, again.stderr
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    other = call(*words, "overlap=0.5", "--json")
    assert (
        json.loads(other.stdout)["detectors"][0]["note"]
        == "48 px slices: 5.0 looks of 64 px at a picture, instead of 1"
    )
    beside = folder.with_name(f"{folder.name}-2")  # another question
    assert json.loads((beside / "predictions-run-best-sliced.info.json").read_text())["asked"]["overlap"] == 0.5
    assert json.loads((folder / "metrics.json").read_text()) == metrics


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"predictions": "p.json", "slices": 640}, "expected model= beside it"),
        ({"model": "b.pt", "overlap": 0.3}, "expected slices= beside it"),
        ({"model": "b.pt", "slices": 16}, "greater than or equal to 32"),
        ({"model": "b.pt", "slices": 64, "overlap": 1}, "less than 1"),
    ],
)
def test_keys_that_dont_go_together_are_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        auxhead.evaluate(data="signs.yaml", **keys)
