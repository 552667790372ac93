"""Boxes that aren't left, top, width, height in pixels are refused with a question, and nothing right gets a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.evaluation.conftest import SIZE, Shop, ap50

import auxhead

W, H = SIZE
FORMS: dict[str, tuple[Callable[..., list[float]], str]] = {
    "left, top, right, bottom": (lambda x, y, w, h: [x, y, x + w, y + h], "width = right - left"),
    "center x, center y, width, height": (lambda x, y, w, h: [x + w / 2, y + h / 2, w, h], "left = center x"),
    "left and top less half of width and height": (lambda x, y, w, h: [x - w / 2, y - h / 2, w, h], "not twice"),
    "right, bottom, left, top": (lambda x, y, w, h: [x + w, y + h, x, y], "left upper corner first"),
    "top, left, height, width": (lambda x, y, w, h: [y, x, h, w], "x before y"),
    "top, left, bottom, right": (lambda x, y, w, h: [y, x, y + h, x + w], "width = right - left"),
    "shares of the picture: left, top, width, height": (lambda x, y, w, h: [x / W, y / H, w / W, h / H], "multiply"),
    "shares of the picture: left, top, right, bottom": (
        lambda x, y, w, h: [x / W, y / H, (x + w) / W, (y + h) / H],
        "multiply by the picture's width and height, then write width = right - left",
    ),
    "shares of the picture: center x, center y, width, height": (
        lambda x, y, w, h: [(x + w / 2) / W, (y + h / 2) / H, w / W, h / H],
        "multiply",
    ),
    "percent of the picture: left, top, width, height": (
        lambda x, y, w, h: [100 * x / W, 100 * y / H, 100 * w / W, 100 * h / H],
        "bring them back to pixels of the original images",
    ),
    "thousandths of the picture: left, top, right, bottom": (
        lambda x, y, w, h: [1000 * x / W, 1000 * y / H, 1000 * (x + w) / W, 1000 * (y + h) / H],
        "bring them back to pixels of the original images, then write width = right - left",
    ),
    "pixels of pictures scaled to a longer side of 1280: left, top, width, height": (
        lambda x, y, w, h: [2 * x, 2 * y, 2 * w, 2 * h],
        "bring them back",
    ),
    "pixels of pictures scaled to a longer side of 320: left, top, right, bottom": (
        lambda x, y, w, h: [x / 2, y / 2, (x + w) / 2, (y + h) / 2],
        "bring them back",
    ),
    "pixels of pictures in the middle of 640 x 640: left, top, width, height": (
        lambda x, y, w, h: [x, y + (W - H) / 2, w, h],
        "bring them back",
    ),
    "pixels of pictures stretched to 1024 x 1024: left, top, width, height": (
        lambda x, y, w, h: [1024 * x / W, 1024 * y / H, 1024 * w / W, 1024 * h / H],
        "bring them back",
    ),
}


@pytest.mark.parametrize(("form", "way"), FORMS.values(), ids=FORMS)
def test_boxes_of_another_form_are_refused_by_its_name(
    shop: Shop, request: pytest.FixtureRequest, form: Callable[..., list[float]], way: str
) -> None:
    name = request.node.callspec.id
    with pytest.raises(auxhead.DataError) as caught:
        shop.measure(shop.rows(bbox=lambda row, *_: form(*row["bbox"])))
    assert caught.value.fix.startswith(f"are these {name}? ")
    assert way in caught.value.fix
    assert f"match 24 boxes at IoU 0.5 if read with boxes as {name}" in caught.value.found


def test_three_boxes_are_enough_where_all_of_them_fit(shop: Shop) -> None:
    shop.boxes = shop.boxes[:3]
    shop.content["annotations"] = shop.content["annotations"][:3]
    rows = shop.rows(bbox=lambda row, *_: [row["bbox"][0] + row["bbox"][2] / 2, *row["bbox"][1:]])
    for row in rows:
        row["bbox"][1] += row["bbox"][3] / 2
    with pytest.raises(auxhead.DataError, match="match 3 boxes"):
        shop.measure(rows)


def test_boxes_that_end_outside_are_asked_about_though_nothing_fits(shop: Shop) -> None:
    """Corners of a detector that finds nothing: no other reading matches a box, and still they can't be sizes."""
    rows = shop.rows(bbox=lambda row, *_: [row["bbox"][0] / 2 + 300, row["bbox"][1] / 2, 600, 400])
    with pytest.raises(auxhead.DataError, match="boxes that end outside of their picture") as caught:
        shop.measure(rows)
    assert caught.value.fix.startswith("are these left, top, right, bottom?")
    assert "clipped" in caught.value.fix


def test_a_few_boxes_over_the_border_are_a_detectors_own(shop: Shop) -> None:
    rows = shop.rows()
    rows += [row | {"bbox": [500, 300, 400, 100], "score": 0.1} for row in rows[:2]]
    assert ap50(shop.measure(rows)) == pytest.approx(1)


def test_specks_are_fine_where_the_truth_is_as_small(shop: Shop) -> None:
    for row in shop.content["annotations"]:
        row["bbox"] = [*row["bbox"][:2], 1, 1]
    shop.boxes = [(image, cls, [*box[:2], 1, 1]) for image, cls, box in shop.boxes]
    assert ap50(shop.measure(shop.rows())) == pytest.approx(1)


def test_two_mistakes_at_once_are_named_together(shop: Shop) -> None:
    shop.renumber(categories=[0, 1, 2, 3])
    shop.boxes = [box for box in shop.boxes if box[1] < 3]
    rows = shop.rows(bbox=lambda row, *_: [y + s / 2 for y, s in zip(row["bbox"][:2], row["bbox"][2:], strict=True)])
    for row, (_, cls, box) in zip(rows, shop.boxes, strict=True):
        row["bbox"], row["category_id"] = [*row["bbox"], *box[2:]], cls + 1
    with pytest.raises(auxhead.DataError) as caught:
        shop.measure(rows)
    assert "boxes as center x, center y, width, height and categories=ultralytics" in caught.value.found
    assert "add categories=ultralytics" in caught.value.fix
    assert "left = center x" in caught.value.fix
    with pytest.raises(auxhead.DataError, match="boxes as center x"):
        shop.measure(rows, categories="own")  # asked for; the boxes are wrong all the same


def test_a_detector_that_finds_little_is_measured(shop: Shop) -> None:
    random = np.random.default_rng(1)
    rows = shop.rows()
    for row in rows[3:]:
        row["bbox"] = [float(value) for value in (*random.uniform(0, 400, 2), *random.uniform(10, 40, 2))]
        row["category_id"] = int(random.integers(1, 5))
    result = shop.measure(rows)
    assert 0 < (ap50(result) or 0) < 0.5
    assert "Tried" not in str(result)


def test_nothing_right_in_many_detections_says_what_was_tried(shop: Shop) -> None:
    random = np.random.default_rng(1)
    rows = [
        row | {"bbox": [float(value) for value in (*random.uniform(0, 400, 2), *random.uniform(3, 5, 2))]}
        for row in shop.rows() * 3
    ]
    result = shop.measure(rows)
    assert ap50(result) == 0
    note = result.detectors[0].note
    assert note.startswith("AP50 is 0 for 72 detections. Tried: ")
    for reading in ("categories=index", "class ids one higher", "image ids one lower", "center x", "left, top, right"):
        if reading != "categories=index":  # its ids don't exist there
            assert reading in note
    assert note.endswith("None fits")
    assert note in str(result)
    kept = json.loads((shop.folder / "out" / "metrics.json").read_text())
    assert kept["detectors"][0]["note"] == note
    assert shop.measure(rows[:50]).detectors[0].note == ""


def test_nothing_right_says_what_fits(shop: Shop) -> None:
    """Classes one too low are not refused, as detectors take classes for each other; but they are named."""
    shop.renumber(categories=[0, 1, 2, 3])
    found = [box for box in shop.boxes if box[1]]
    shop.boxes = found * 3
    rows: list[dict[str, Any]] = shop.rows(category_id=lambda _, __, cls: cls - 1)
    note = shop.measure(rows).detectors[0].note
    assert "best-scored detections match 18 boxes at IoU 0.5 if read with class ids one higher, and 0" in note
