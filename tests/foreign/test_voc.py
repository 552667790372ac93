"""Pascal VOC as it occurs: pixels from 0 or 1, sizes that are missing, files that are broken or hostile."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.foreign.layouts import SIZE, Box, labels_of, picture, scene_for, text, voc_below, voc_beside, voc_kit, xml

import auxhead
from auxhead.foreign.voc_xml import read_voc_file
from auxhead.labels.data_yaml import read_data_yaml


def convert(data: Path | str, out: Path, **keys: Any) -> auxhead.Conversion:
    return auxhead.convert(data, out=str(out), to="yolo", **keys)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    voc_beside(tmp_path / "set", scene_for("Pascal VOC"))
    return tmp_path / "set"


def only(folder: Path, *boxes: Box, **about: Any) -> None:
    """Let the first picture of train show some boxes alone."""
    text(folder / "train" / "train-0.xml", xml("train-0", list(boxes), **about))


def test_the_first_pixel_is_1(beside: Path, tmp_path: Path) -> None:
    only(beside, Box("car", (0, 0, 10, 20)))
    done = convert(beside, tmp_path / "yolo")
    assert labels_of(done.data, "train")["train-0"] == [("car", 0, 0, 10000, 20000)]
    assert "1 px was taken off all corners" in " ".join(done.remarks)


def test_the_first_pixel_is_0_where_a_box_begins_there(beside: Path, tmp_path: Path) -> None:
    only(beside, Box("car", (0, 2, 10, 20)), Box("bicycle", (8, 2, 10, 20)), first=0)
    done = convert(beside, tmp_path / "yolo")
    assert labels_of(done.data, "train")["train-0"] == [
        ("bicycle", 8000, 2000, 10000, 20000),
        ("car", 0, 2000, 10000, 20000),
    ]
    assert "pixels count from 0 here" in " ".join(done.remarks)


def test_the_first_pixel_is_0_where_most_boxes_have_fractions(beside: Path, tmp_path: Path) -> None:
    file = beside / "train" / "train-0.xml"
    only(beside, Box("car", (4, 2, 10, 20)), first=0)
    file.write_text(file.read_text().replace("<xmin>4<", "<xmin>4.5<"))
    done = convert(beside, tmp_path / "yolo")
    assert labels_of(done.data, "train")["train-0"] == [("car", 3500, 1000, 9500, 20000)]  # one of many: an accident
    assert "1 px was taken off" in " ".join(done.remarks)
    for file in beside.rglob("*.xml"):
        file.write_text(file.read_text().replace("</xmin>", ".5</xmin>").replace(".5.5<", ".5<"))
    done = convert(beside, tmp_path / "yolo")
    assert labels_of(done.data, "train")["train-0"] == [("car", 4500, 2000, 9500, 20000)]
    assert "boxes with fractions of pixels: " in " ".join(done.remarks)


def test_lists_of_several_years_and_trainval(tmp_path: Path) -> None:
    made = scene_for("Pascal VOC")
    for year in ("2007", "2012"):
        voc_kit(tmp_path / "set", made, f"VOCdevkit/VOC{year}")
    done = convert(tmp_path / "set", tmp_path / "both")
    assert done.splits["train"].images == 12
    assert (tmp_path / "both" / "images" / "train" / "VOCdevkit" / "VOC2007" / "train-0.png").is_file()
    shutil.rmtree(tmp_path / "set" / "VOCdevkit" / "VOC2007")
    lists = tmp_path / "set" / "VOCdevkit" / "VOC2012" / "ImageSets" / "Main"
    (lists / "train.txt").rename(lists / "trainval.txt")
    (lists / "val.txt").rename(lists / "test.txt")
    for root in (tmp_path / "set", tmp_path / "set" / "VOCdevkit", tmp_path / "set" / "VOCdevkit" / "VOC2012"):
        done = convert(root, tmp_path / f"of-{root.name}")
        assert "test serves as val" in " ".join(done.remarks)
        assert sorted(labels_of(done.data, "val")) == sorted(made["val"])
    (lists / "test.txt").unlink()
    with pytest.raises(auxhead.DataError, match="only train"):
        convert(tmp_path / "set", tmp_path / "none")


def test_listed_names_may_have_spaces(tmp_path: Path) -> None:
    plain = scene_for("Pascal VOC")
    made = {split: {f"Straße {name}": boxes for name, boxes in of.items()} for split, of in plain.items()}
    voc_kit(tmp_path / "set", made)
    done = convert(tmp_path / "set", tmp_path / "yolo")
    assert labels_of(done.data, "train").keys() == made["train"].keys()


def test_a_data_set_without_a_class_is_refused(tmp_path: Path) -> None:
    voc_beside(tmp_path / "set", {split: {f"{split}-0": []} for split in ("train", "val")})
    with pytest.raises(auxhead.DataError, match=r"names of their classes\n.*not one"):
        convert(tmp_path / "set", tmp_path / "yolo")


@pytest.mark.parametrize(("word", "ignored"), [("1", True), ("True", True), ("0", False), ("Unspecified", False)])
def test_what_is_difficult(tmp_path: Path, word: str, ignored: bool) -> None:
    file = tmp_path / "1.xml"
    box = "<bndbox><xmin>3</xmin><ymin>3</ymin><xmax>5</xmax><ymax>9</ymax></bndbox>"
    text(file, f"<annotation><object><name>a</name><difficult>{word}</difficult>{box}</object></annotation>")
    assert [one.ignored for one in read_voc_file(file).objects] == [ignored]


def test_a_listed_xml_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    voc_kit(tmp_path / "set", scene_for("Pascal VOC"))
    next((tmp_path / "set").rglob("train-2.xml")).unlink()
    with pytest.raises(auxhead.DataError, match=r"train-2\.xml: expected an xml file, found nothing"):
        convert(tmp_path / "set", tmp_path / "yolo")
    assert convert(tmp_path / "set", tmp_path / "yolo", on_error="skip").splits["train"].left_out == 1


def test_sizes_are_the_pictures_own_where_they_are_missing_and_checked_else(beside: Path, tmp_path: Path) -> None:
    picture(beside / "train" / "train-0.png", (128, 48))
    for size in (None, (0, 0)):
        only(beside, Box("car", (64, 12, 32, 24)), size=size)
        done = convert(beside, tmp_path / "yolo")
        label = (tmp_path / "yolo" / "labels" / "train" / "train-0.txt").read_text()
        assert label.split()[1:] == ["0.625", "0.5", "0.25", "0.5"]
        assert done.splits["train"].boxes > 1
    only(beside, Box("car", (4, 4, 5, 5)), size=SIZE)
    with pytest.raises(auxhead.DataError, match="64 x 48 pixels, as its annotations say, found 128 x 48"):
        convert(beside, tmp_path / "yolo")


def test_pictures_are_found_by_the_name_of_the_file_or_the_one_in_it(beside: Path, tmp_path: Path) -> None:
    train = beside / "train"
    (train / "train-0.xml").rename(train / "other.xml")
    text(train / "train-1.xml", xml("renamed since", [Box("car", (4, 4, 5, 5))]))
    done = convert(beside, tmp_path / "yolo")
    assert labels_of(done.data, "train")["train-0"]
    assert labels_of(done.data, "train")["train-1"] == [("car", 4000, 4000, 5000, 5000)]


def test_classes_are_sorted_whatever_their_splits(beside: Path, tmp_path: Path) -> None:
    text(
        beside / "valid" / "val-0.xml",
        xml("val-0", [Box("ant", (4, 4, 5, 5)), Box("zebra", (4, 4, 5, 5), ignored=True)]),
    )
    done = convert(beside, tmp_path / "yolo")
    assert list(read_data_yaml(done.data).names.values()) == ["ant", "bicycle", "car", "pedestrian", "zebra"]


BOMB = (
    '<!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 99}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><annotation><filename>&i;</filename></annotation>"
)
STEAL = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation><filename>&a;</filename></annotation>'
BOX = "<bndbox><xmin>3</xmin><ymin>3</ymin><xmax>{}</xmax><ymax>9</ymax></bndbox>"
BROKEN = {
    "a bomb": (BOMB, r"train-1\.xml: .*DOCTYPE"),
    "another file": (STEAL, r"train-1\.xml: .*DOCTYPE"),
    "cut off": ("<annotation>\n<object>", r"train-1\.xml:2: .*broken xml"),
    "empty": ("", r"train-1\.xml:1: .*broken xml"),
    "encoding": ('<?xml version="1.0" encoding="none"?><annotation/>', r"train-1\.xml"),
    "other": ("<html/>", "found <html>"),
    "no name": (f"<annotation>\n\n<object>{BOX.format(9)}</object></annotation>", r"train-1\.xml:3: .*a name"),
    "no box": ("<annotation><object><name>car</name></object></annotation>", "with a bndbox, found none"),
    "no number": (f"<annotation><object><name>car</name>{BOX.format('x')}</object></annotation>", "xmax, found 'x'"),
    "nan": (f"<annotation><object><name>car</name>{BOX.format('nan')}</object></annotation>", "xmax, found 'nan'"),
    "swapped": (f"<annotation><object><name>car</name>{BOX.format(2)}</object></annotation>", "xmin <= xmax"),
}


@pytest.mark.parametrize(("content", "told"), BROKEN.values(), ids=BROKEN)
def test_broken_and_hostile_files_are_listed_or_left_out(beside: Path, tmp_path: Path, content: str, told: str) -> None:
    text(beside / "train" / "train-1.xml", content)
    with pytest.raises(auxhead.DataError, match=told):
        convert(beside, tmp_path / "yolo")
    assert "train-1.xml" in (tmp_path / "yolo.problems.csv").read_text()
    assert not (tmp_path / "yolo").exists()
    done = convert(beside, tmp_path / "yolo", on_error="skip")
    assert done.problems == done.splits["train"].left_out == 1


def test_where_every_file_is_broken_each_is_named(tmp_path: Path) -> None:
    box = "<bndbox><xmin>11,5</xmin><ymin>3</ymin><xmax>19</xmax><ymax>9</ymax></bndbox>"
    voc_beside(tmp_path / "set", {split: {f"{split}-0": []} for split in ("train", "val")})
    for file in (tmp_path / "set").rglob("*.xml"):
        file.write_text(f"<annotation><object><name>car</name>{box}</object></annotation>")
    with pytest.raises(auxhead.DataError, match=r"train-0\.xml:1: expected a number as xmin, found '11,5'"):
        convert(tmp_path / "set", tmp_path / "yolo")
    assert "val-0.xml" in (tmp_path / "yolo.problems.csv").read_text()
    assert not (tmp_path / "yolo").exists()
    inside = tmp_path / "set/train/yolo"
    with pytest.raises(auxhead.OutputError):  # the folder is looked at before anything is written
        convert(tmp_path / "set", inside)
    assert not inside.with_name("yolo.problems.csv").exists()


def test_shares_of_the_picture_are_refused(tmp_path: Path) -> None:
    voc_beside(tmp_path / "set", {split: {f"{split}-0": []} for split in ("train", "val")})
    box = "<bndbox><xmin>0.1</xmin><ymin>0.2</ymin><xmax>0.5</xmax><ymax>1</ymax></bndbox>"
    for file in (tmp_path / "set").rglob("*.xml"):
        file.write_text(f"<annotation><object><name>car</name>{box}</object></annotation>")
    with pytest.raises(auxhead.DataError, match="are these shares of the picture"):
        convert(tmp_path / "set", tmp_path / "yolo")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.xml").open("wb") as file:
        file.truncate(1 << 40)
    assert "more than 32 MiB" in read_voc_file(tmp_path / "a.xml").problems[0].what


def test_two_kinds_of_folders_are_one_layout(tmp_path: Path) -> None:
    voc_below(tmp_path / "set", scene_for("Pascal VOC"))
    shutil.move(tmp_path / "set" / "val" / "annotations", tmp_path / "set" / "val" / "Annotations")
    shutil.move(tmp_path / "set" / "val" / "images", tmp_path / "set" / "val" / "JPEGImages")
    assert convert(tmp_path / "set", tmp_path / "yolo").splits["val"].boxes == 15


SIDES = st.floats(-5, 1e4) | st.integers(-3, 3)


@given(left=SIDES, top=SIDES, width=st.floats(0, 1e4), height=st.floats(0, 1e4), difficult=st.booleans())
def test_numbers_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, left: float, top: float, width: float, height: float, difficult: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "one.xml"
    corners = zip(("xmin", "ymin", "xmax", "ymax"), (left, top, left + width, top + height), strict=True)
    box = "".join(f"<{corner}> {value!r}\n</{corner}>" for corner, value in corners)
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    own = f"<name> a &lt; b </name>{part}<difficult>{int(difficult)}</difficult><bndbox>{box}</bndbox>"
    file.write_text(f"<annotation><object>{own}</object></annotation>")
    told = read_voc_file(file)
    assert not told.problems
    assert told.objects == (("a < b", left, top, left + width - left, top + height - top, difficult),)
