"""Label files to which no picture belongs are found, and nothing else that lies beside labels."""

import os
from pathlib import Path

import pytest

from auxhead.labels.listing import label_path, list_images
from auxhead.labels.unclaimed import unclaimed

BOX = "0 .5 .5 .2 .2\n"


def made(root: Path, images: str, labels: str) -> Path:
    """Make empty pictures below images/train and labels below labels/train; return the folder of the pictures."""
    for kind, names in (("images", images), ("labels", labels)):
        for name in names.split():
            file = root / kind / "train" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(BOX if kind == "labels" else "")
    return root / "images" / "train"


@pytest.mark.parametrize(
    ("image", "label", "near"),
    [
        ("1.gif", "1.txt", "1.gif"),
        ("1.ppm", "1.txt", "1.ppm"),
        ("IMG_1.JPG", "img_1.txt", "IMG_1.JPG"),
        ("1.jpg", "1.jpg.txt", "1.jpg"),
        ("1.jpg", "7f3a-1.txt", ""),
        ("day/1.jpg", "1.txt", ""),
        ("1.jpg", "day/1.txt", ""),
    ],
)
def test_labels_without_a_picture_are_named(tmp_path: Path, image: str, label: str, near: str) -> None:
    folder = made(tmp_path, f"0.jpg {image}", f"0.txt {label}")
    if image == "IMG_1.JPG" and label_path(folder / image).is_file():
        pytest.skip("a system on which these are one name")
    assert unclaimed(folder) == [(tmp_path / "labels" / "train" / label, near)]
    wanted = {label_path(one) for one in list_images(folder)}
    assert tmp_path / "labels" / "train" / label not in wanted  # Ultralytics looks for these alone


def test_a_suffix_in_capitals_is_lost_where_the_system_tells_them_apart(tmp_path: Path) -> None:
    folder = made(tmp_path, "0.jpg 1.jpg", "0.txt 1.TXT")
    lost = [] if (tmp_path / "labels" / "train" / "1.txt").is_file() else [(tmp_path / "labels/train/1.TXT", "1.jpg")]
    assert unclaimed(folder) == lost


def test_what_is_no_label_is_passed_over(tmp_path: Path) -> None:
    folder = made(tmp_path, "0.jpg 1.PNG day/2.webp", "0.txt 1.txt day/2.txt .3.txt .hidden/4.txt")
    labels = tmp_path / "labels" / "train"
    (labels / "classes.txt").write_text("car\n17\n")
    (labels / "notes.txt").write_text("3 of these were drawn twice, see page 4\n")
    (labels / "empty.txt").write_text("")
    (labels / "folder.txt").mkdir()
    assert unclaimed(folder) == []


def test_labels_are_found_by_way_of_images_from_a_folder_above(tmp_path: Path) -> None:
    for split in ("train", "deep/valid"):
        for kind, names in (("images", ("0.jpg",)), ("labels", ("0.txt", "1.txt")), ("ignore", ("0.txt",))):
            (tmp_path / split / kind).mkdir(parents=True)
            for name in names:
                (tmp_path / split / kind / name).write_text(BOX)
    lost = [(tmp_path / split / "labels" / "1.txt", "") for split in ("deep/valid", "train")]
    assert unclaimed(tmp_path) == lost
    assert [one for split in ("deep", "train") for one in unclaimed(tmp_path / split)] == lost


def test_labels_beside_their_pictures(tmp_path: Path) -> None:
    for name in ("0.jpg", "0.txt", "1.txt", "predictions.txt"):
        (tmp_path / name).write_text(BOX if name[0] in "01" else "0.jpg 0.9\n")
    assert unclaimed(tmp_path) == [(tmp_path / "1.txt", "")]


def test_a_list_of_some_pictures_loses_no_labels_of_the_others(tmp_path: Path) -> None:
    made(tmp_path, "0.jpg 1.jpg", "0.txt 1.txt 2.txt")
    train = tmp_path / "train.txt"
    train.write_text("./images/train/0.jpg\n")
    assert unclaimed(train) == [(tmp_path / "labels" / "train" / "2.txt", "")]
    train.write_text("")
    assert unclaimed(train) == []


def test_a_split_without_labels_has_none(tmp_path: Path) -> None:
    folder = made(tmp_path, "0.jpg", "")
    assert unclaimed(folder) == []
    assert unclaimed([folder, f"{folder}{os.sep}"]) == []
