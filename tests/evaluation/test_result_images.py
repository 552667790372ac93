"""Which picture a row of results means: file_name first, then image_id, in any spelling that names one picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.evaluation.conftest import Shop, ap50

import auxhead


def test_file_name_counts_before_image_id(shop: Shop) -> None:
    """Ids are the numbers in the names, and each is the data's id of another picture."""
    for image, number in zip(shop.content["images"], (2, 3, 1, 4, 6, 5), strict=True):
        image["file_name"] = f"{number:06}.jpg"
    names = [image["file_name"] for image in shop.content["images"]]
    rows = shop.rows(image_id=lambda _, image, __: int(names[image][:6]), file_name=lambda _, image, __: names[image])
    assert ap50(shop.measure(rows)) == pytest.approx(1)


def test_a_foreign_numbering_beside_file_name_is_no_matter(shop: Shop) -> None:
    rows = shop.rows(image_id=lambda _, image, __: image, file_name=lambda _, image, __: f"img{image}.jpg")
    assert ap50(shop.measure(rows)) == pytest.approx(1)


def test_rows_that_contradict_themselves_are_refused(shop: Shop) -> None:
    rows = shop.rows(file_name=lambda _, image, __: f"img{image}.jpg")
    rows[5]["image_id"] = 1
    with pytest.raises(auxhead.DataError, match=r"row 5: file_name 'img1.jpg' and image_id 1") as caught:
        shop.measure(rows)
    assert "img0.jpg" in caught.value.where
    assert "leave image_id out" in caught.value.fix
    rows[5] |= {"image_id": "img3", "file_name": "img1.jpg"}
    with pytest.raises(auxhead.DataError, match="row 5: file_name"):
        shop.measure(rows)


def test_a_file_name_that_is_nowhere_is_not_passed_over_for_the_id(shop: Shop) -> None:
    rows = shop.rows(file_name=lambda _, image, __: f"other{image}.jpg")
    with pytest.raises(
        auxhead.DataError, match=r"'other0.jpg' is not in the data, which knows image_id 1 as 'img0.jpg'"
    ):
        shop.measure(rows)


def test_a_truth_without_file_names_goes_by_id(shop: Shop) -> None:
    rows = shop.rows(file_name=lambda _, image, __: f"img{image}.jpg")
    for image in shop.content["images"]:
        del image["file_name"]
    assert ap50(shop.measure(rows)) == pytest.approx(1)


def test_an_id_tells_pictures_of_the_same_name_apart(shop: Shop) -> None:
    for place, image in enumerate(shop.content["images"]):
        image["file_name"] = f"{'ab'[place % 2]}/{place // 2}.jpg"
    rows = shop.rows(file_name=lambda _, image, __: f"{image // 2}.jpg")
    assert ap50(shop.measure(rows)) == pytest.approx(1)
    for row in rows:
        del row["image_id"]
    with pytest.raises(auxhead.DataError, match="any of 2 of that name") as caught:
        shop.measure(rows)
    assert "folders" in caught.value.fix


SPELLINGS: dict[str, Callable[[int], Any]] = {
    "name": lambda image: f"img{image}.jpg",
    "stem": lambda image: f"img{image}",
    "path": lambda image: f"images/val/img{image}.jpg",
    "other root": lambda image: f"/home/me/val/img{image}.jpg",
    "dots": lambda image: f"./img{image}.jpg",
    "backslashes": lambda image: f"images\\val\\img{image}.jpg",
    "text": lambda image: str(image + 1),
    "float": lambda image: float(image + 1),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_an_image_id_is_taken_where_it_names_one_picture(shop: Shop, spelling: Callable[[int], Any]) -> None:
    assert ap50(shop.measure(shop.rows(image_id=lambda _, image, __: spelling(image)))) == pytest.approx(1)


def test_folders_of_another_machine_are_no_matter_where_the_name_is_one_images(shop: Shop) -> None:
    for image in shop.content["images"]:
        image["file_name"] = f"images/val/{image['file_name']}"
    rows = shop.rows(image_id=lambda _, image, __: f"/content/valid/img{image}.jpg")
    assert ap50(shop.measure(rows)) == pytest.approx(1)
    rows = shop.rows(file_name=lambda _, image, __: f"C:\\data\\valid\\img{image}.jpg")
    assert ap50(shop.measure(rows)) == pytest.approx(1)
    rows[3]["file_name"] = "C:\\data\\train\\img0.jpg"
    with pytest.raises(auxhead.DataError, match=r"row 0: .*valid.*is not in the data, which.*\n  row 1: ") as caught:
        shop.measure(rows)
    assert "4 of 24 rows" in caught.value.found
    assert "row 3: image 'C:\\\\data\\\\train" in caught.value.where
    rows = shop.rows(image_id=lambda row, image, __: f"val/img{image}.jpg")
    rows[3]["image_id"] = "train/img0.jpg"
    with pytest.raises(auxhead.DataError, match=r"row 3: image 'train/img0.jpg' is not in the data") as caught:
        shop.measure(rows)
    assert "1 of 24 rows" in caught.value.found


def test_folders_of_another_machine_tell_images_of_one_name_not_apart(shop: Shop) -> None:
    for place, image in enumerate(shop.content["images"]):
        image["file_name"] = f"{'ab'[place % 2]}/{place // 2}.jpg"
    rows = shop.rows(image_id=lambda _, image, __: f"/content/{'cd'[image % 2]}/{image // 2}.jpg")
    with pytest.raises(auxhead.DataError, match="24 of 24 rows"):
        shop.measure(rows)


def test_a_number_is_taken_for_the_datas_text(shop: Shop) -> None:
    shop.renumber(images=["1", "2", "3", "4", "5", "6"])
    assert ap50(shop.measure(shop.rows(image_id=lambda _, image, __: image + 1))) == pytest.approx(1)


@pytest.mark.parametrize("spelling", ["img{}.jpg", "val/img{}.jpg", "img{}", "/other/images/val/img{}.jpg"])
def test_ids_are_names_against_a_data_yaml(shop: Shop, tmp_path: Path, spelling: str) -> None:
    write_yolo(shop, tmp_path)
    rows = shop.rows(image_id=lambda _, image, __: spelling.format(image), category_id=lambda _, __, cls: cls)
    assert ap50(shop.measure(rows, data=str(tmp_path / "data.yaml"))) == pytest.approx(1)


@pytest.mark.parametrize(
    ("image_id", "message"),
    [
        ("img0.png", "image 'img0.png' is not in the data, which calls it 'img0.jpg'"),
        ("IMG0.JPG", "image 'IMG0.JPG' is not in the data, which calls it 'img0.jpg'"),
        ("nowhere", "image 'nowhere' is not in the data, which calls its images 'val/img0.jpg' (image_id 1)"),
        (99, "image 99 is not in the data, which calls its images 'val/img0.jpg' (image_id 1)"),
        (None, "image None is not in the data"),
        ([1], r"image [1] is not in the data"),
    ],
)
def test_what_names_no_picture_is_told_in_both_spellings(shop: Shop, image_id: Any, message: str) -> None:
    for image in shop.content["images"]:
        image["file_name"] = f"val/{image['file_name']}"
    rows = shop.rows()
    rows[3]["image_id"] = image_id
    with pytest.raises(auxhead.DataError) as caught:
        shop.measure(rows)
    assert message.replace("calls it 'img", "calls it 'val/img") in caught.value.where
    assert "row 3" in caught.value.where
    assert "names (file_name) or ids" in caught.value.fix


def test_ids_that_are_the_numbers_in_file_names_are_found_out(shop: Shop) -> None:
    """No row has a file_name, and every id is also the data's id of another picture."""
    for image, number in zip(shop.content["images"], (2, 3, 4, 5, 6, 1), strict=True):
        image["file_name"] = f"{number:06}.jpg"
    rows = shop.rows(image_id=lambda row, *_: row["image_id"] % 6 + 1)
    with pytest.raises(auxhead.DataError, match="image_id as the number in file names") as caught:
        shop.measure(rows)
    assert "write file_name" in caught.value.fix


def test_ids_that_are_no_ids_of_the_data_are_numbers_in_file_names(shop: Shop) -> None:
    for place, image in enumerate(shop.content["images"]):
        image["file_name"] = f"{place + 4:06}.jpg"
    rows = shop.rows(image_id=lambda _, image, __: image + 4)
    assert ap50(shop.measure(rows)) == pytest.approx(1)


def test_image_ids_that_count_from_0_are_found_out(shop: Shop) -> None:
    shop.boxes = [box for box in shop.boxes if box[0]]  # nothing is found in the first picture
    with pytest.raises(auxhead.DataError, match="image ids one higher"):
        shop.measure(shop.rows(image_id=lambda _, image, __: image))


def write_yolo(shop: Shop, folder: Path) -> None:
    """Write the truth as pictures and YOLO labels."""
    for kind in ("images", "labels"):
        (folder / kind / "val").mkdir(parents=True)
    for place in range(6):
        Image.new("1", (640, 480)).save(folder / "images" / "val" / f"img{place}.jpg")
        own = [(cls, box) for image, cls, box in shop.boxes if image == place]
        rows = [f"{cls} {(x + w / 2) / 640} {(y + h / 2) / 480} {w / 640} {h / 480}\n" for cls, (x, y, w, h) in own]
        (folder / "labels" / "val" / f"img{place}.txt").write_text("".join(rows))
    (folder / "data.yaml").write_text("train: images/val\nval: images/val\nnames: [ant, bee, cat, dog]\n")


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        (lambda i: f"{i + 8}.jpg", lambda i: (4, 5, 0, 1, 2, 3)[i], "file names sorted as text, from 0"),
        (lambda i: f"{i + 8}.jpg", lambda i: (5, 6, 1, 2, 3, 4)[i], "file names sorted as text, from 1"),
        (lambda i: f"{(5 - i) * 7}.jpg", lambda i: 6 - i, "sorted by the numbers in them, from 1"),
        (lambda i: f"a_{6 - i}.jpg", lambda i: 6 - i, "the number in file names"),
    ],
    ids=["text, from 0", "text, from 1", "numbers", "last number"],
)
def test_ids_that_are_places_in_a_list_are_found_out(
    shop: Shop, name: Callable[[int], str], place: Callable[[int], int], words: str
) -> None:
    shop.renumber(images=range(6) if "from 0" in words else range(1, 7))
    for number, image in enumerate(shop.content["images"]):
        image["file_name"] = name(number)
    with pytest.raises(auxhead.DataError, match="if read with image_id as") as caught:
        shop.measure(shop.rows(image_id=lambda _, image, __: place(image)))
    assert words in caught.value.found
    assert caught.value.fix.startswith("write file_name into every row")


@pytest.mark.parametrize("spelling", ["img{}.jpg", "val/img{}.jpg", "img{}"])
def test_rows_on_images_that_are_left_out_are_passed_over(shop: Shop, tmp_path: Path, spelling: str) -> None:
    """Whatever they say: the class that spoils the label may well be the detector's, too."""
    write_yolo(shop, tmp_path)
    with (tmp_path / "labels" / "val" / "img3.txt").open("a") as file:
        file.write("7 .5 .5 .1 .1\n")
    rows = shop.rows(image_id=lambda _, image, __: spelling.format(image), category_id=lambda _, __, cls: cls)
    rows[13]["category_id"] = 7
    with pytest.raises(auxhead.DataError, match="1 bad row"):
        shop.measure(rows, data=str(tmp_path / "data.yaml"))
    result = shop.measure(rows, data=str(tmp_path / "data.yaml"), on_error="skip")
    assert ap50(result) == pytest.approx(1)
    assert (result.data["images"], result.detectors[0].detections) == (5, 20)
    assert result.to_dict()["detectors"][0]["note"] == "4 detections on images that were left out, passed over"
    rows[0]["image_id"] = "nowhere"
    with pytest.raises(auxhead.DataError, match="row 0: image 'nowhere' is not in the data"):
        shop.measure(rows, data=str(tmp_path / "data.yaml"), on_error="skip")


@pytest.mark.parametrize(("folder", "fine"), [("valid", True), ("val2017", True), ("data", True), ("train", False)])
def test_paths_of_another_machine_may_not_name_another_split(shop: Shop, folder: str, fine: bool) -> None:
    for number, image in enumerate(shop.content["images"]):
        image["file_name"] = f"images/val/{number}.jpg"
    rows = shop.rows(file_name=lambda _, image, __: f"/content/{folder}/{image}.jpg")
    if fine:
        assert ap50(shop.measure([{**row, "image_id": None} for row in rows])) == pytest.approx(1)
        return
    with pytest.raises(auxhead.DataError, match="24 of 24 rows"):
        shop.measure([{**row, "image_id": None} for row in rows])


def test_accents_may_be_written_in_either_way(shop: Shop) -> None:
    for place, image in enumerate(shop.content["images"]):
        image["file_name"] = f"u\N{COMBINING DIAERESIS}{place}.jpg"  # as macOS names files
    rows = shop.rows(file_name=lambda _, image, __: f"\N{LATIN SMALL LETTER U WITH DIAERESIS}{image}.jpg")
    assert ap50(shop.measure(rows)) == pytest.approx(1)
