"""Ignore regions beside the labels count in `evaluate` as crowds do in COCO, by pycocotools' numbers."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tests.foreign.layouts import NAMES, SIZE, Scene, coco, labelme, scene, scene_for, text, visdrone, voc_kit

import auxhead
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import list_images
from auxhead.metrics.ignored import with_ignored
from auxhead.metrics.truth import read_yolo


def detections(made: Scene, seed: int) -> list[dict[str, Any]]:
    """Boxes near those of val, ignored ones too, and some in and around ignored regions."""
    random = np.random.default_rng(seed)
    rows = []
    for name, boxes in made["val"].items():
        for one in boxes:
            for _ in range(3 if one.ignored else 2):
                shift = random.normal(0, 1 if random.random() < 0.7 else 6, 4)
                left, top, width, height = np.maximum(np.array(one.box) + shift, 0.5).tolist()
                kind = one.name or str(random.choice(NAMES))
                score = float(random.uniform(0.1, 1))
                rows.append(
                    {"file_name": f"{name}.png", "name": kind, "bbox": [left, top, width, height], "score": score}
                )
    return rows


def pycocotools_numbers(truth: Path, rows: list[dict[str, Any]]) -> list[float]:
    """AP, AP50, AP75 of a COCO json."""
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(str(truth))
        ids = {image["file_name"]: key for key, image in known.imgs.items()}
        kinds = {kind["name"]: key for key, kind in known.cats.items()}
        found = [
            {
                "image_id": ids[row["file_name"]],
                "category_id": kinds[row["name"]],
                "bbox": row["bbox"],
                "score": row["score"],
            }
            for row in rows
        ]
        judge = COCOeval(known, known.loadRes(found), iouType="bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats[:3].tolist()


def our_numbers(data: Path, rows: list[dict[str, Any]], folder: Path) -> tuple[list[float | None], auxhead.Evaluation]:
    names = read_data_yaml(data).names
    index = {name: place for place, name in names.items()}
    found = [{**row, "category_id": index[row["name"]]} for row in rows]
    for row in found:
        del row["name"]
    text(folder / "found.json", json.dumps(found))
    result = auxhead.evaluate(
        predictions=str(folder / "found.json"), data=str(data), out=str(folder / "out"), resamples=0, exist_ok=True
    )
    return [result.detectors[0].numbers["all"][name].value for name in ("AP", "AP50", "AP75")], result


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("write", "layout"), [(voc_kit, "Pascal VOC"), (visdrone, "VisDrone"), (labelme, "LabelMe")])
def test_numbers_are_those_of_pycocotools_on_crowds(
    tmp_path: Path, write: Callable[[Path, Scene], None], layout: str, seed: int
) -> None:
    made = scene_for(layout, seed)
    write(tmp_path / "set", made)
    coco(tmp_path / "coco", made)
    rows = detections(made, seed)
    theirs = pycocotools_numbers(tmp_path / "coco" / "val.json", rows)
    for source in ("set", "coco"):  # crowds of COCO go the same way
        done = auxhead.convert(tmp_path / source, out=str(tmp_path / f"{source}-yolo"), to="yolo")
        ours, result = our_numbers(done.data, rows, tmp_path)
        assert ours == pytest.approx(theirs, abs=1e-9)
        assert result.data["crowds"] > 0
    (done.data.parent / "ignore").rename(tmp_path / "gone")
    without, _ = our_numbers(done.data, rows, tmp_path)
    assert (without[0] or 0) < theirs[0] - 0.01


def test_a_region_for_every_class_is_one_crowd_of_each(tmp_path: Path) -> None:
    made = scene(ignored=True)
    visdrone(tmp_path / "set", made)
    done = auxhead.convert(tmp_path / "set", out=str(tmp_path / "yolo"), to="yolo")
    source = read_data_yaml(done.data)
    plain = read_yolo(list_images(source.splits["val"]), source.names)
    truth = with_ignored(plain)
    assert not plain.crowd.any()
    assert (np.diff(truth.image) >= 0).all()
    assert truth.boxes[~truth.crowd].tolist() == plain.boxes.tolist()
    assert truth.cls[~truth.crowd].tolist() == plain.cls.tolist()
    assert truth.areas == pytest.approx(truth.boxes[:, 2] * truth.boxes[:, 3])
    regions = [one for boxes in made["val"].values() for one in boxes if one.ignored]
    assert truth.crowd.sum() == sum(1 if one.name else 10 for one in regions)
    first = next(one for one in made["val"]["val-1"] if one.ignored and not one.name)
    where = truth.crowd & (truth.image == 1)
    assert truth.cls[where].tolist() == list(range(10))
    assert truth.boxes[where] == pytest.approx(np.tile(first.box, (10, 1)), abs=1e-4)


def test_data_without_regions_are_as_they_were(signs: Path) -> None:
    source = read_data_yaml(signs)
    truth = read_yolo(list_images(source.splits["val"]), source.names)
    assert with_ignored(truth) is truth


@pytest.mark.parametrize("row", ["-2 .5 .5 .1 .1", "3 .5 .5 .1 .1", "0.5 .5 .5 .1 .1", "0 .5 .5 .1", "0 .5 .5 0 .1",
                                 "0 .5 .5 nan .1", "car .5 .5 .1 .1", "0 1.5 .5 .1 .1"])  # fmt: skip
def test_bad_rows_are_named(tmp_path: Path, row: str) -> None:
    coco(tmp_path / "coco", scene())
    done = auxhead.convert(tmp_path / "coco", out=str(tmp_path / "yolo"), to="yolo")
    text(tmp_path / "yolo" / "ignore" / "val" / "val-0.txt", f"-1 .5 .5 {SIZE[0] / 100} .1\n\n{row}\n")
    with pytest.raises(auxhead.DataError, match=r"val-0\.txt:3"):
        our_numbers(done.data, detections(scene(), 0), tmp_path)
