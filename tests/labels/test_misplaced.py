"""A split without any label file is a mistake of place: what is told about it, and where that ends."""

import os
from pathlib import Path

import pytest

from auxhead.errors import DataError
from auxhead.labels.misplaced import LOOKED_AT, require_labels

BOX = "0 .5 .5 .2 .2\n"


def images(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return folder


def label(path: Path, text: str = BOX) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refused(root: Path, sources, split: str = "train") -> DataError:
    with pytest.raises(DataError) as caught:
        require_labels(split, sources, root / "data.yaml")
    return caught.value


@pytest.mark.parametrize(
    "place",
    [
        "Labels/train/t0.txt",
        "labels/train/t0.TXT",
        "labels/train/t0.jpg.txt",
        "labels/t0.txt",
        "labels/Train/T1.txt",
        "images/train/t1.txt",
        "train/labels/t0.txt",
        "annotations/t0.xml",
        "Annotations/train/t0.json",
    ],
)
def test_what_lies_nearby_is_named(place, tmp_path):
    folder = images(tmp_path / "images/train", "t0.jpg", "t1.jpg")
    near = label(tmp_path / place)
    error = refused(tmp_path, folder)
    assert error.found.startswith("none for any of 2 images; ")
    assert f"nearby: {near}" in error.found
    assert error.where == f"{tmp_path / 'data.yaml'}, train: looked for {tmp_path / 'labels/train/t0.txt'} first"
    assert "move" in error.fix
    assert ("only .txt files" in error.fix) == (near.suffix != ".txt" and near.suffix != ".TXT")


@pytest.mark.parametrize("folder", ["Images/train", "JPEGImages", "train"])
def test_folders_of_images_with_another_name(folder, tmp_path):
    found = images(tmp_path / folder, "t0.jpg")
    near = label(tmp_path / "labels/train/t0.txt")
    error = refused(tmp_path, found)
    assert str(found / "t0.txt") in error.where
    assert str(near) in error.found


def test_a_link_to_the_images_is_followed(tmp_path):
    store = images(tmp_path / "store/pictures/train", "t0.jpg")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/images").symlink_to(store.parent, target_is_directory=True)
    near = label(tmp_path / "data/labels/train/t0.txt")
    error = refused(tmp_path / "data", (tmp_path / "data/images/train").resolve())
    assert str(store / "t0.txt") in error.where
    assert "is a link" in error.fix
    assert str(near) in error.found


def test_a_list_that_is_read_from_elsewhere(tmp_path, monkeypatch):
    images(tmp_path / "data/images", "t0.jpg")
    near = label(tmp_path / "data/labels/t0.txt")
    (tmp_path / "data/train.txt").write_text("images/t0.jpg\n")
    monkeypatch.chdir(images(tmp_path / "elsewhere"))
    error = refused(tmp_path / "data", tmp_path / "data/train.txt")
    assert f"the image {tmp_path / 'elsewhere/images/t0.jpg'} isn't there either" in error.found
    assert str(near) in error.found
    assert "./" in error.fix
    monkeypatch.chdir(tmp_path / "data")
    error = refused(tmp_path / "data", tmp_path / "data/train.txt")
    assert str(tmp_path / "data/images/t0.txt") in error.where  # Ultralytics replaces /images/ only, not images/
    assert "./" in error.fix
    (tmp_path / "data/train.txt").write_text("./images/t0.jpg\n")
    require_labels("train", tmp_path / "data/train.txt", tmp_path / "data/data.yaml")


@pytest.mark.skipif(os.sep == "\\", reason="there it is a list that can be read")
def test_a_list_from_windows_is_told_how_to_write_its_paths(tmp_path):
    images(tmp_path / "images", "t0.jpg")
    (tmp_path / "train.txt").write_text(".\\images\\t0.jpg\n")
    assert refused(tmp_path, tmp_path / "train.txt").fix.endswith("write / instead of \\")


def test_label_files_with_other_names_are_shown(tmp_path):
    folder = images(tmp_path / "images/train", "t0.jpg")
    label(tmp_path / "labels/train/frame_7.txt")
    error = refused(tmp_path, folder)
    assert "names of the 1 .txt files" in error.found
    assert "frame_7.txt" in error.found
    assert "nearby" not in error.found


def test_labels_of_another_split_are_no_candidates(tmp_path):
    images(tmp_path / "images/train", "1.jpg")
    label(tmp_path / "labels/train/1.txt")
    beside = images(tmp_path / "more", "1.jpg")
    label(beside / "1.txt")
    error = refused(tmp_path, images(tmp_path / "images/val", "1.jpg"), "val")
    assert "nearby" not in error.found
    assert "an empty one says that its image shows nothing" in error.fix


@pytest.mark.parametrize("text", [BOX, ""])
def test_one_label_file_is_enough_even_an_empty_one(text, tmp_path):
    folder = images(tmp_path / "images/train", "t0.jpg", "t1.jpg", "t2.jpg")
    label(tmp_path / "labels/train/t2.txt", text)
    require_labels("train", folder, tmp_path / "data.yaml")


def test_a_test_split_may_have_no_labels_but_none_elsewhere(tmp_path):
    folder = images(tmp_path / "images/test", "t0.jpg")
    require_labels("test", folder, tmp_path / "data.yaml")
    label(tmp_path / "labels/t0.txt")
    assert "nearby" in refused(tmp_path, folder, "test").found


def test_no_image_is_another_mistake(tmp_path):
    require_labels("train", images(tmp_path / "images/train"), tmp_path / "data.yaml")


def test_the_search_ends(tmp_path, monkeypatch):
    folder = images(tmp_path / "images/train", "t0.jpg")
    (tmp_path / "images/round").symlink_to(tmp_path, target_is_directory=True)
    near = label(tmp_path / "z/deep/deeper/t0.txt")
    assert str(near) in refused(tmp_path, folder).found
    monkeypatch.setattr("auxhead.labels.misplaced.LOOKED_AT", 1)
    assert LOOKED_AT > 1
    assert "nearby" not in refused(tmp_path, folder).found


def test_a_closed_folder_of_labels_is_said(tmp_path):
    folder = images(tmp_path / "images/train", "t0.jpg")
    label(tmp_path / "labels/train/t0.txt")
    (tmp_path / "labels/train").chmod(0)
    try:
        if os.access(tmp_path / "labels/train", os.R_OK):
            pytest.skip("this user may read everything")
        assert "can't be read" in refused(tmp_path, folder).found
    finally:
        (tmp_path / "labels/train").chmod(0o700)
