"""CVAT's shapes become the boxes around them, and what can't be read says so."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.foreign.layouts import cvat_image, cvat_tasks, cvat_xml, labels_of, picture, scene_for, text

import auxhead
from auxhead.foreign.cvat import CORNERS
from auxhead.foreign.voc_xml import parse_xml


def convert(data: Path | str, out: Path, **keys: Any) -> auxhead.Conversion:
    return auxhead.convert(data, out=str(out), to="yolo", **keys)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    cvat_tasks(tmp_path / "set", scene_for("CVAT"))
    return tmp_path / "set"


def with_shapes(folder: Path, shapes: str, split: str = "train") -> None:
    """Let one task show a single picture with these shapes."""
    image = f'<image id="0" name="train-0.png" width="64" height="48">\n{shapes}\n</image>'
    text(folder / split / "annotations.xml", cvat_xml(image))


def test_a_subset_leads_out_of_no_folder(tasks: Path, tmp_path: Path) -> None:
    picture(tmp_path / "secret" / "train" / "private.png")
    text(tasks / "train" / "annotations.xml", cvat_xml(cvat_image("private", [], subset="../../secret/train")))
    with pytest.raises(auxhead.DataError, match=r"private\.png: expected an image file, found nothing"):
        convert(tasks, tmp_path / "yolo")


side = st.floats(1, 30)


@given(side, side, st.floats(0, 360))
def test_a_turned_shape_gets_the_box_around_it(width: float, height: float, turn: float) -> None:
    angle = math.radians(turn)
    turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    rectangle = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    round_ = np.linspace(0, 2 * math.pi, 20000)
    ellipse = np.stack([np.cos(round_), np.sin(round_)], 1) * (width / 2, height / 2)
    corners = f'xtl="{40 - width / 2}" ytl="{50 - height / 2}" xbr="{40 + width / 2}" ybr="{50 + height / 2}"'
    middle = f'cx="40" cy="50" rx="{width / 2}" ry="{height / 2}"'
    for kind, where, points in (("box", corners, rectangle), ("ellipse", middle, ellipse)):
        element = parse_xml(f'<{kind} label="a" {where} rotation="{turn}"/>'.encode())
        found = np.array(CORNERS[kind](element))
        around = points @ turned.T + (40, 50)
        assert found.min(0) == pytest.approx(around.min(0), abs=1e-4)
        assert found.max(0) == pytest.approx(around.max(0), abs=1e-4)


def test_kinds_of_shapes(tasks: Path, tmp_path: Path) -> None:
    with_shapes(
        tasks,
        '<mask label="car" rle="0, 4" left="10" top="5" width="4" height="6"/>'
        '<tag label="day"/><points label="car" points="1,2"/><polyline label="car" points="1,2;3,4"/>'
        '<cuboid label="car" xtl1="1"/><skeleton label="car"><points label="x" points="1,2"/></skeleton>',
    )
    done = convert(tasks, tmp_path / "yolo")
    assert labels_of(done.data, "train") == {"train-0": [("car", 10000, 5000, 4000, 6000)]}
    said = " ".join(done.remarks)
    for kind in ("points", "polyline", "cuboid", "skeleton"):
        assert f"1 shape of the kind {kind} left out" in said
    assert "tag" not in said


@pytest.mark.parametrize(
    "shape",
    [
        '<box label="car" xtl="9" ytl="1" xbr="2" ybr="5"/>',
        '<box label="car" xtl="nan" ytl="1" xbr="2" ybr="5"/>',
        '<box label="car" xtl="one" ytl="1" xbr="2" ybr="5"/>',
        '<box label="car" xtl="1"/>',
        '<box label=" " xtl="1" ytl="1" xbr="2" ybr="5"/>',
        '<box xtl="1" ytl="1" xbr="2" ybr="5"/>',
        '<polygon label="car" points="1,2;3"/>',
        '<polygon label="car" points=""/>',
    ],
)
def test_a_wrong_shape_is_named_with_its_line(tasks: Path, tmp_path: Path, shape: str) -> None:
    with_shapes(tasks, shape)
    with pytest.raises(auxhead.DataError, match=r"annotations.xml:5: expected a <(box|polygon)> with a label"):
        convert(tasks, tmp_path / "yolo")
    with_shapes(tasks, f'{shape}</image><image name="train-1.png" width="64" height="48">')
    done = convert(tasks, tmp_path / "yolo", on_error="skip")
    assert list(labels_of(done.data, "train")) == ["train-1"]


def test_two_tasks_of_a_split_may_have_pictures_of_one_name(tmp_path: Path) -> None:
    made = scene_for("CVAT")
    for task, split in (("monday-train", "train"), ("tuesday-train", "train"), ("val", "val")):
        images = [cvat_image("frame_0", boxes) for boxes in list(made[split].values())[:1]]
        text(tmp_path / "set" / task / "annotations.xml", cvat_xml("".join(images)))
        picture(tmp_path / "set" / task / "images" / "frame_0.png")
    done = convert(tmp_path / "set", tmp_path / "yolo")
    assert done.splits["train"].images == 2
    assert (tmp_path / "yolo" / "images" / "train" / "tuesday-train" / "frame_0.png").is_file()
    assert (tmp_path / "yolo" / "images" / "val" / "frame_0.png").is_file()


def test_what_tells_no_split_and_what_is_no_export_for_images_is_refused(tasks: Path, tmp_path: Path) -> None:
    (tasks / "train").rename(tasks / "batch-7")
    with pytest.raises(auxhead.DataError, match=r"6 pictures in neither train, val nor test: train-0.png, train-1.png"):
        convert(tasks, tmp_path / "yolo")
    (tasks / "batch-7").rename(tasks / "train")
    file = tasks / "train" / "annotations.xml"
    whole = file.read_text()
    file.write_text(cvat_xml('<track id="0" label="car"/>'))
    with pytest.raises(auxhead.DataError, match=r'CVAT for video.*\n.*\n.*export the task as "CVAT for images 1.1"'):
        convert(tasks, tmp_path / "yolo")
    file.write_text(whole[:-20])
    with pytest.raises(auxhead.DataError, match="broken xml"):
        convert(tasks, tmp_path / "yolo")
    file.write_text(whole.replace("<annotations>", '<!DOCTYPE a [<!ENTITY b "c">]><annotations>'))
    with pytest.raises(auxhead.DataError, match="document type"):
        convert(tasks, tmp_path / "yolo")
    (tasks / "val" / "annotations.xml").unlink()
    file.write_text(whole)
    with pytest.raises(auxhead.DataError, match="only train"):
        convert(tasks, tmp_path / "yolo")
