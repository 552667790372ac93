"""The scenes of the metrics' tests serve here, too; and a small COCO json with results that match it perfectly."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.metrics.conftest import build, cases, plain

import auxhead

__all__ = ["build", "cases", "plain"]

SIZE = (640, 480)


@pytest.fixture(autouse=True)
def _numbers(without_figures: None) -> None:
    """Tests of the page are in tests/reporting."""


@dataclass
class Shop:
    """Writes a truth as COCO json and perfect results, which tests then spoil.

    Attributes:
        folder: Where the files go.
        content: The COCO json: 6 images with 4 boxes each, 4 classes in turn.
        boxes: Image's place, class, box of each annotation.
    """

    folder: Path
    content: dict[str, Any]
    boxes: list[tuple[int, int, list[int]]]

    def renumber(self, images: Sequence[Any] | None = None, categories: Sequence[Any] | None = None) -> None:
        """Give images and categories other ids, by place."""
        for key, own, ids in (("images", "image_id", images), ("categories", "category_id", categories)):
            table = dict(zip([one["id"] for one in self.content[key]], ids or [], strict=False))
            for one in self.content[key]:
                one["id"] = table.get(one["id"], one["id"])
            for one in self.content["annotations"]:
                one[own] = table.get(one[own], one[own])

    def rows(self, **changes: Callable[..., Any]) -> list[dict[str, Any]]:
        """Write perfect results in the data's own ids; changes: key=function(row, image's place, class)."""
        images, kinds = self.content["images"], self.content["categories"]
        rows = []
        for image, cls, box in self.boxes:
            row = {"image_id": images[image]["id"], "category_id": kinds[cls]["id"], "bbox": list(box), "score": 0.9}
            rows.append(row | {key: change(row, image, cls) for key, change in changes.items()})
        return rows

    def measure(self, rows: Any, **keys: Any) -> auxhead.Evaluation:
        """Measure results against the truth as it is now."""
        truth, results = self.folder / "truth.json", self.folder / "results.json"
        truth.write_text(json.dumps(self.content))
        results.write_text(json.dumps(rows))
        settings: dict[str, Any] = {
            "data": str(truth),
            "resamples": 0,
            "out": str(self.folder / "out"),
            "exist_ok": True,
        }
        return auxhead.evaluate(predictions=str(results), **settings | keys)


def ap50(result: auxhead.Evaluation) -> float | None:
    """Return AP50 of all sizes."""
    found: float | None = result.detectors[0].numbers["all"]["AP50"].value
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Six pictures of four small boxes, ids from 1."""
    random = np.random.default_rng(0)
    boxes = []
    for image in range(6):
        for place in range(4):
            width, height = (int(side) for side in random.integers(10, 40, 2))
            left, top = int(random.integers(0, SIZE[0] - width)), int(random.integers(0, SIZE[1] - height))
            boxes.append((image, (image + place) % 4, [left, top, width, height]))
    images = [{"id": 1 + i, "file_name": f"img{i}.jpg", "width": SIZE[0], "height": SIZE[1]} for i in range(6)]
    annotations = [
        {"id": place, "image_id": 1 + image, "category_id": 1 + cls, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for place, (image, cls, box) in enumerate(boxes, start=1)
    ]
    kinds = [{"id": 1 + place, "name": name} for place, name in enumerate(("ant", "bee", "cat", "dog"))]
    return Shop(tmp_path, {"images": images, "annotations": annotations, "categories": kinds}, boxes)
