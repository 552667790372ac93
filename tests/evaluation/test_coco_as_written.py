"""COCO jsons as tools write them are read, or refused in the file's own words; pictures of any size are measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from tests.evaluation.conftest import Shop, ap50

import auxhead
from auxhead.metrics import truth
from auxhead.metrics.truth import image_size


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_read_over(shop: Shop, encoding: str) -> None:
    truth, results = shop.folder / "marked.json", shop.folder / "rows.json"
    truth.write_text(json.dumps(shop.content), encoding=encoding)
    results.write_text(json.dumps(shop.rows()), encoding=encoding)
    result = auxhead.evaluate(
        predictions=str(results), data=str(truth), resamples=0, out=str(shop.folder / "out"), exist_ok=True
    )
    assert ap50(result) == pytest.approx(1)


MISSING = object()
BROKEN: dict[str, tuple[str, dict[str, Any], str]] = {
    "empty bbox": ("annotations", {"bbox": []}, "annotation 0 (id 1): bbox [] is no box"),
    "no bbox": ("annotations", {"bbox": MISSING}, "annotation 0 (id 1): no bbox"),
    "null bbox": ("annotations", {"bbox": None}, "annotation 0 (id 1): no bbox"),
    "text as bbox": ("annotations", {"bbox": "1234"}, "annotation 0 (id 1): bbox '1234' is no box"),
    "object as bbox": ("annotations", {"bbox": {"1": 1, "2": 2, "3": 3, "4": 4}}, "annotation 0 (id 1): bbox {'1': 1,"),
    "words in bbox": ("annotations", {"bbox": ["a", 1, 2, 3]}, "annotation 0 (id 1): bbox ['a', 1, 2, 3] is no box"),
    "negative side": ("annotations", {"bbox": [1, 1, -1, 1]}, "annotation 0 (id 1): bbox [1, 1, -1, 1] is no box"),
    "unlisted image": ("annotations", {"image_id": 77}, "annotation 0 (id 1): image_id 77 is none of the images"),
    "image of another type": ("annotations", {"image_id": "1"}, "annotation 0 (id 1): image_id '1' is none of"),
    "unlisted category": ("annotations", {"category_id": 9}, "annotation 0 (id 1): category_id 9 is none of the"),
    "no category": ("annotations", {"category_id": MISSING}, "annotation 0 (id 1): no category_id"),
    "no id": ("annotations", {"id": MISSING, "bbox": []}, "annotation 0: bbox [] is no box"),
    "no width": ("images", {"width": MISSING}, "image 0 (id 1): no width"),
    "null height": ("images", {"height": None}, "image 0 (id 1): no height"),
    "width 0": ("images", {"width": 0}, "image 0 (id 1): width 0 is no number of pixels"),
    "width of 400 digits": ("images", {"width": 10**400}, "is no number of pixels"),
    "endless width": ("images", {"width": float("inf")}, "width inf is no number of pixels"),
    "bbox of 400 digits": ("annotations", {"bbox": [10**400, 1, 2, 3]}, "too large"),
    "crowd in words": ("annotations", {"iscrowd": "false"}, "annotation 0 (id 1): iscrowd 'false' is neither 0 nor 1"),
    "crowd of two": ("annotations", {"iscrowd": 2}, "annotation 0 (id 1): iscrowd 2 is neither 0 nor 1"),
    "crowd in a list": ("annotations", {"iscrowd": [0]}, "annotation 0 (id 1): iscrowd [0] is neither 0 nor 1"),
    "ignore in words": (
        "annotations",
        {"iscrowd": None, "ignore": "no"},
        "annotation 0 (id 1): ignore 'no' is neither 0 nor 1",
    ),
    "image without id": ("images", {"id": MISSING}, "image 0: no id"),
    "image with a list as id": ("images", {"id": [1]}, "id [1] is neither"),
    "category without name": ("categories", {"name": MISSING}, "category 0 (id 1): no name"),
}


@pytest.mark.parametrize(("part", "changes", "words"), BROKEN.values(), ids=BROKEN)
def test_what_cant_be_used_is_told_in_the_files_own_words(
    shop: Shop, part: str, changes: dict[str, Any], words: str
) -> None:
    rows = shop.rows()
    one = shop.content[part][0]
    one |= changes
    for key in [key for key, value in one.items() if value is MISSING]:
        del one[key]
    with pytest.raises(auxhead.DataError) as caught:
        shop.measure(rows)
    assert words in caught.value.where
    assert "predictions=" not in caught.value.fix


CROWDS: dict[str, tuple[dict[str, Any], bool]] = {
    "0": ({"iscrowd": 0}, False),
    "1": ({"iscrowd": 1}, True),
    "1.0": ({"iscrowd": 1.0}, True),
    "false": ({"iscrowd": False}, False),
    "true": ({"iscrowd": True}, True),
    "text 0": ({"iscrowd": "0"}, False),
    "text 1": ({"iscrowd": "1"}, True),
    "nothing": ({"iscrowd": None}, False),
    "ignore": ({"iscrowd": None, "ignore": "1"}, True),
    "no ignore": ({"iscrowd": None, "ignore": "0"}, False),
    "iscrowd before ignore": ({"iscrowd": 0, "ignore": 1}, False),  # as in pycocotools
}


@pytest.mark.parametrize(("changes", "crowd"), CROWDS.values(), ids=CROWDS)
def test_crowds_are_those_that_the_file_calls_so(shop: Shop, changes: dict[str, Any], crowd: bool) -> None:
    for row in shop.content["annotations"][:3]:
        row.update(changes)
    result = shop.measure(shop.rows())
    assert (result.data["crowds"], result.data["boxes"]) == ((3, 21) if crowd else (0, 24))


def test_a_truth_of_crowds_only_is_refused(shop: Shop) -> None:
    for row in shop.content["annotations"]:
        row["iscrowd"] = 1
    with pytest.raises(auxhead.DataError, match=r"24 crowds \(iscrowd\) and no other box"):
        shop.measure(shop.rows())


@pytest.mark.parametrize("content", [[], {"images": []}, {"images": [], "annotations": {}, "categories": []}, 7])
def test_what_is_no_coco_json_is_refused(shop: Shop, content: Any) -> None:
    rows = shop.rows()
    shop.content = content
    with pytest.raises(auxhead.DataError, match="name the truth in data="):
        shop.measure(rows)


def test_rows_that_are_no_objects_are_named(shop: Shop) -> None:
    rows = shop.rows()
    shop.content["annotations"][1] = [1, 2]
    with pytest.raises(auxhead.DataError, match="annotation 1: no object"):
        shop.measure(rows)


def test_numbers_as_texts_and_mixed_ids_are_read(shop: Shop) -> None:
    shop.renumber(images=["a", 2, "c", 4, 5, 6])
    for image in shop.content["images"]:
        image["width"] = str(image["width"])
    assert ap50(shop.measure(shop.rows())) == pytest.approx(1)


@pytest.mark.parametrize(
    ("form", "question"),
    [
        (lambda x, y, w, h: [x, y, x + w, y + h], "are these left, top, right, bottom"),
        (lambda x, y, w, h: [x / 640, y / 480, w / 640, h / 480], "are these shares of the picture"),
    ],
    ids=["corners", "shares"],
)
def test_a_truth_in_another_form_is_refused(shop: Shop, form: Any, question: str) -> None:
    rows = shop.rows()
    for row in shop.content["annotations"]:
        row["bbox"] = form(*row["bbox"])
    with pytest.raises(auxhead.DataError, match=question):
        shop.measure(rows)


SIZES: dict[str, tuple[dict[str, int], str]] = {
    "swapped": ({"width": 480, "height": 640}, "are width and height of the images swapped"),
    "placeholders": ({"width": 1, "height": 1}, "are these placeholders"),
    "of smaller pictures": ({"width": 320, "height": 240}, "are these placeholders"),
}


@pytest.mark.parametrize(("sides", "question"), SIZES.values(), ids=SIZES)
def test_wrong_sizes_of_pictures_are_told_before_boxes_are_blamed(
    shop: Shop, sides: dict[str, int], question: str
) -> None:
    for image in shop.content["images"]:
        image.update(sides)
    with pytest.raises(auxhead.DataError, match=question) as caught:
        shop.measure(shop.rows())
    assert f"in one of width {sides['width']} and height {sides['height']}" in caught.value.found
    assert "truth.json" in caught.value.where


def test_a_stray_box_of_the_truth_is_no_reason(shop: Shop) -> None:
    shop.content["annotations"][0]["bbox"] = [900, 10, 20, 20]
    assert shop.measure(shop.rows()[1:]).data["boxes"] == 24


def test_no_pixel_of_a_huge_picture_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # so that small pictures are as feared as orthomosaics
    monkeypatch.setattr("auxhead.metrics.truth.DECODED", 1000)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for suffix in ("png", "jpg", "tif"):
        for name, size in (("error", (100, 80)), ("warning", (40, 30))):
            path = tmp_path / "images" / f"{suffix}-{name}.{suffix}"
            Image.new("RGB", size).save(path, exif=exif if suffix != "tif" else Image.Exif())
            if suffix == "png":  # its pixels are cut off: whoever decodes it fails
                path.write_bytes(path.read_bytes().partition(b"IDAT")[0] + b"IDAT")
            assert image_size(path) == (size if suffix == "tif" else size[::-1])
            (tmp_path / "labels" / f"{suffix}-{name}.txt").write_text("0 .5 .5 .25 .25\n")
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [a]\n")
    row = {"image_id": "png-error", "category_id": 0, "bbox": [30, 37.5, 20, 25], "score": 1}
    (tmp_path / "p.json").write_text(json.dumps([row]))
    result = auxhead.evaluate(
        predictions=str(tmp_path / "p.json"), data=str(tmp_path / "data.yaml"), resamples=0, out=str(tmp_path / "out")
    )
    assert result.detectors[0].mistakes["all"]["found"] == 1


def test_a_huge_file_that_is_no_picture_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (100, 80)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "ID", [])
    assert truth._size(tmp_path / "a.png") == "no image in it"  # also where Ultralytics' opener came first
