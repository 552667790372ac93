"""Every box and detection with what became of it, as COCO jsons."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO
from tests.evaluation.conftest import Shop

import auxhead
from auxhead.metrics.mistakes import BOXES, EXTRAS


@pytest.fixture
def measured(shop: Shop) -> auxhead.Evaluation:
    """Some boxes found, one missed, one of another class, one loose; one detection doubled, one on nothing."""
    shop.content["annotations"][5]["iscrowd"] = 1
    rows = shop.rows()
    left, top, width, height = rows[2]["bbox"]
    rows[1]["category_id"] = rows[1]["category_id"] % 4 + 1
    rows[2]["bbox"] = [left + 0.4 * width, top + 0.2 * height, width, height]
    rows += [{**rows[8]}, {**rows[8], "bbox": [0, 0, 5, 5]}]
    return shop.measure(rows[:3] + rows[4:], objects=True)


def read(found: auxhead.Evaluation, kind: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(found.folder, f"{kind}-results.json").read_text())
    return content


def test_objects_are_those_that_the_table_counts(measured: auxhead.Evaluation, shop: Shop) -> None:
    counts, boxes, detections = measured.detectors[0].mistakes, read(measured, "boxes"), read(measured, "detections")
    for content, kinds in ((boxes, BOXES), (detections, EXTRAS)):
        seen = Counter((one["band"], one["judged"]) for one in content["annotations"] if one["judged"] in kinds)
        told = {(band, kind): counts[band][kind] for band in counts if band != "all" for kind in kinds}
        assert seen == {key: count for key, count in told.items() if count}
    assert {one["judged"] for one in boxes["annotations"]} == {*BOXES, "crowd"}
    assert {one["judged"] for one in detections["annotations"]} >= {"found", "loose", *EXTRAS, "crowd"}
    assert sum(one["iscrowd"] for one in boxes["annotations"]) == 1
    key = sorted([*one["bbox"]] for one in shop.content["annotations"])
    assert sorted(one["bbox"] for one in boxes["annotations"]) == key
    assert boxes["images"][0] == {"id": 1, "file_name": str(shop.folder / "img0.jpg"), "width": 640, "height": 480}
    assert [one["name"] for one in boxes["categories"]] == ["ant", "bee", "cat", "dog"]


def test_pycocotools_reads_them(measured: auxhead.Evaluation) -> None:
    truth = COCO(str(Path(measured.folder, "boxes-results.json")))
    assert len(truth.getAnnIds(iscrowd=False)) == measured.data["boxes"]


def test_boxes_are_in_pixels_of_the_picture_whatever_sizes_are_counted_in(shop: Shop) -> None:
    found = shop.measure(shop.rows(), objects=True, pixels="network", imgsz=320)
    box, own = read(found, "boxes")["annotations"][0], shop.content["annotations"][0]
    assert box["bbox"] == pytest.approx(own["bbox"])
    low, high = box["band"].split()[-1].split("-")
    assert float(low) <= (own["bbox"][2] * own["bbox"][3]) ** 0.5 / 2 < float(high)


def test_nothing_found_and_nothing_asked_for(shop: Shop) -> None:
    assert not list(Path(shop.measure([]).folder).glob("boxes-*"))
    found = shop.measure([], objects=True)
    assert {one["judged"] for one in read(found, "boxes")["annotations"]} == {"missed"}
    assert read(found, "detections")["annotations"] == []


def test_fiftyone_reads_them(measured: auxhead.Evaluation) -> None:
    coco = pytest.importorskip("fiftyone.utils.coco")
    for kind in ("boxes", "detections"):
        with coco.COCODetectionDatasetImporter(
            labels_path=str(Path(measured.folder, f"{kind}-results.json")), label_types="detections"
        ) as read_all:
            seen = {path: label for path, _, label in read_all}
        objects = [one for label in seen.values() for one in (label.detections if label else [])]
        written = read(measured, kind)
        assert list(seen) == [one["file_name"] for one in written["images"]]
        assert Counter(one.judged for one in objects) == Counter(one["judged"] for one in written["annotations"])
        assert all(one.confidence for one in objects) == (kind == "detections")
