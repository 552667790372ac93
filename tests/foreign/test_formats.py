"""Whatever the format, the same scene becomes the same YOLO data set."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.foreign.layouts import (
    NAMES,
    VISDRONE,
    WITHOUT_REGIONS,
    WRITERS,
    Box,
    coco,
    labels_of,
    picture,
    scene,
    scene_for,
    text,
)

import auxhead
from auxhead.foreign.recognize import format_of
from auxhead.labels.data_yaml import read_data_yaml


def convert(data: Path | str, out: Path, **keys: Any) -> auxhead.Conversion:
    return auxhead.convert(data, out=str(out), to="yolo", **keys)


@pytest.mark.parametrize("layout", sorted({*WRITERS} - {"TT100K"}))  # whose file has a name of its own
def test_suffixes_of_annotations_may_be_in_capitals(tmp_path: Path, layout: str) -> None:
    for folder, count in (("set", 3), ("loud", 2)):
        WRITERS[layout](tmp_path / folder, scene_for(layout))
        files = [file for file in (tmp_path / folder).rglob("*") if file.suffix in {".xml", ".json", ".txt"}]
        for file in files[::count] if count > 2 else ():
            if file.suffix != ".txt" or file.parent.name == "annotations":
                file.rename(file.with_suffix(file.suffix.upper()))
    mixed, plain = (convert(tmp_path / folder, tmp_path / f"{folder}-yolo") for folder in ("set", "loud"))
    for split in ("train", "val"):
        assert labels_of(mixed.data, split) == labels_of(plain.data, split) != {}


@pytest.mark.parametrize("layout", WRITERS)
def test_every_format_gives_the_labels_that_coco_gives(tmp_path: Path, layout: str) -> None:
    made = scene_for(layout)
    WRITERS[layout](tmp_path / "set", made)
    coco(tmp_path / "coco", made)
    done, oracle = convert(tmp_path / "set", tmp_path / "yolo"), convert(tmp_path / "coco", tmp_path / "oracle")
    form = layout.partition(",")[0]
    assert (done.format, oracle.format) == (form, "COCO")
    assert f"Found {form}." in str(done)
    names = tuple(read_data_yaml(done.data).names.values())
    assert names == (VISDRONE if form == "VisDrone" else NAMES)
    for split in ("train", "val"):
        for ignored in (False, True):
            assert labels_of(done.data, split, ignored=ignored) == labels_of(oracle.data, split, ignored=ignored)
        assert sum(map(len, labels_of(done.data, split).values())) == done.splits[split].boxes > 0
        assert done.splits[split].images == 6
    kept = any(one.ignored for boxes in made["train"].values() for one in boxes)
    assert any("kept as ignore regions" in remark for remark in done.remarks) == kept == (form not in WITHOUT_REGIONS)
    again = convert(tmp_path / "set", tmp_path / "yolo")
    assert not again.fresh
    assert {**again.to_dict(), "fresh": True} == done.to_dict()


@pytest.mark.parametrize("layout", WRITERS)
def test_a_changed_annotation_makes_the_conversion_anew(tmp_path: Path, layout: str) -> None:
    made = scene_for(layout)
    WRITERS[layout](tmp_path / "set", made)
    before = convert(tmp_path / "set", tmp_path / "yolo").splits["val"].boxes
    lost = made["val"]["val-0"].pop(0)
    WRITERS[layout](tmp_path / "set", made)
    after = convert(tmp_path / "set", tmp_path / "yolo")
    assert after.fresh
    assert after.splits["val"].boxes == before - (not lost.ignored)


def test_what_is_no_known_format_is_one_message(tmp_path: Path) -> None:
    for name in ("1.csv", "2.csv", "readme.md"):
        text(tmp_path / "set" / "train" / name, "a,b\n")
    with pytest.raises(auxhead.DataError) as caught:
        convert(tmp_path / "set", tmp_path / "yolo")
    told = str(caught.value)
    assert all(form in told for form in ("COCO", "Pascal VOC", "VisDrone", "TT100K", "CVAT", "LabelMe"))
    assert "2 .csv, 1 .md" in told
    text(tmp_path / "yolo set" / "data.yaml", "train: images\n")
    text(tmp_path / "yolo set" / "labels" / "1.txt", "0 .5 .5 1 1\n")
    with pytest.raises(auxhead.DataError, match="for YOLO already"):
        convert(tmp_path / "yolo set", tmp_path / "yolo")
    (tmp_path / "empty").mkdir()
    with pytest.raises(auxhead.DataError, match="no file in it"):
        convert(tmp_path / "empty", tmp_path / "yolo")


@pytest.mark.parametrize("layout", ["Pascal VOC, beside", "VisDrone", "LabelMe"])
def test_folders_of_splits_are_asked_for(tmp_path: Path, layout: str) -> None:
    WRITERS[layout](tmp_path / "set", scene_for(layout))
    for folder in (tmp_path / "set").iterdir():
        folder.rename(folder.with_name("part" if "train" in folder.name else "rest"))
    with pytest.raises(auxhead.DataError, match="no folders of splits"):
        convert(tmp_path / "set", tmp_path / "yolo")
    (tmp_path / "set" / "part").rename(tmp_path / "set" / "train")
    with pytest.raises(auxhead.DataError, match="only train"):
        convert(tmp_path / "set", tmp_path / "yolo")
    shutil.copytree(tmp_path / "set" / "train", tmp_path / "set" / "training")
    with pytest.raises(auxhead.DataError, match="two folders of train: train and training"):
        convert(tmp_path / "set", tmp_path / "yolo")


@pytest.mark.parametrize("layout", ["Pascal VOC, beside", "VisDrone", "LabelMe"])
def test_without_val_test_serves_as_such(tmp_path: Path, layout: str) -> None:
    WRITERS[layout](tmp_path / "set", scene_for(layout))
    for folder in (tmp_path / "set").iterdir():
        if "val" in folder.name:
            folder.rename(folder.with_name("test"))
    done = convert(tmp_path / "set", tmp_path / "yolo")
    assert "test serves as val" in " ".join(done.remarks)
    assert list(done.splits) == ["train", "val"]
    assert labels_of(done.data, "val")["val-0"]


@pytest.mark.parametrize("layout", ["Pascal VOC, beside", "VisDrone", "LabelMe"])
def test_pictures_without_annotations_are_left_out_and_said(tmp_path: Path, layout: str) -> None:
    WRITERS[layout](tmp_path / "set", scene_for(layout))
    for file in (tmp_path / "set").rglob("train-0.*"):
        if file.suffix != ".png":
            file.unlink()
    done = convert(tmp_path / "set", tmp_path / "yolo")
    assert "1 picture without annotation file left out" in " ".join(done.remarks)
    assert done.splits["train"].images == 5


@pytest.mark.parametrize("layout", WRITERS)
def test_missing_pictures_are_listed_or_left_out(tmp_path: Path, layout: str) -> None:
    WRITERS[layout](tmp_path / "set", scene_for(layout))
    for file in (tmp_path / "set").rglob("val-1.png"):
        file.unlink()
    with pytest.raises(auxhead.DataError, match="1 picture that can't be used"):
        convert(tmp_path / "set", tmp_path / "yolo")
    assert "val-1" in (tmp_path / "yolo.problems.csv").read_text()
    done = convert(tmp_path / "set", tmp_path / "yolo", on_error="skip")
    assert done.problems == done.splits["val"].left_out == 1
    assert "val-1" not in labels_of(done.data, "val")


def test_rare_classes_are_left_out_where_asked(tmp_path: Path) -> None:
    made = scene(ignored=False)
    made["train"]["train-0"].append(Box("car", (1, 1, 5, 5)))
    counts = {name: sum(one.name == name for p in made.values() for b in p.values() for one in b) for name in NAMES}
    WRITERS["TT100K"](tmp_path / "set", made)
    least = sorted(counts.values())[-1]
    done = convert(tmp_path / "set", tmp_path / "yolo", min_boxes=least)
    kept = [name for name in NAMES if counts[name] >= least]
    assert 0 < len(kept) < 3
    assert list(read_data_yaml(done.data).names.values()) == kept
    assert sum(split.boxes for split in done.splits.values()) == sum(counts[name] for name in kept)
    assert "left out" in " ".join(done.remarks)
    with pytest.raises(auxhead.DataError, match="lower min_boxes="):
        convert(tmp_path / "set", tmp_path / "yolo", min_boxes=1000)


def test_a_picture_in_two_splits_is_refused(tmp_path: Path) -> None:
    made = scene(every=False)
    made["val"]["train-3"] = made["train"]["train-3"]
    WRITERS["Pascal VOC, kit"](tmp_path / "set", made)
    with pytest.raises(auxhead.DataError, match=r"1 picture in both: train-3\.png"):
        convert(tmp_path / "set", tmp_path / "yolo")


def test_a_link_to_a_picture_of_another_split_is_that_picture(tmp_path: Path) -> None:
    WRITERS["LabelMe"](tmp_path / "set", scene_for("LabelMe"))
    link = tmp_path / "set" / "val" / "val-0.png"
    link.unlink()
    link.symlink_to(tmp_path / "set" / "train" / "train-0.png")
    with pytest.raises(auxhead.DataError, match=r"1 picture in both: val-0\.png"):
        convert(tmp_path / "set", tmp_path / "yolo")


@pytest.mark.parametrize("layout", ["VisDrone", "TT100K", "Pascal VOC, below"])  # which needn't tell sizes
def test_pictures_smaller_than_those_that_were_annotated_are_refused(tmp_path: Path, layout: str) -> None:
    WRITERS[layout](tmp_path / "set", scene_for(layout))
    for file in (tmp_path / "set").rglob("*.png"):
        picture(file, (16, 12))
    with pytest.raises(auxhead.DataError, match=r"of \d+ boxes of train outside, .* in a picture of 16 x 12 pixels"):
        convert(tmp_path / "set", tmp_path / "yolo", on_error="skip")
    assert not (tmp_path / "yolo").exists()


@pytest.mark.parametrize("layout", ["VisDrone", "LabelMe", "Pascal VOC, beside"])
def test_annotations_in_deeper_folders_are_said(tmp_path: Path, layout: str) -> None:
    WRITERS[layout](tmp_path / "set", scene_for(layout))
    assert "folders below" not in " ".join(convert(tmp_path / "set", tmp_path / "whole").remarks)
    (file,) = [one for one in (tmp_path / "set").rglob("train-0.*") if one.suffix != ".png"]
    (file.parent / "day").mkdir()
    file.rename(file.parent / "day" / file.name)
    done = convert(tmp_path / "set", tmp_path / "yolo")
    assert f"1 file ({file.suffix}) in folders below" in " ".join(done.remarks)


def test_a_picture_without_a_size_that_can_be_read_is_one_problem(tmp_path: Path) -> None:
    WRITERS["VisDrone"](tmp_path / "set", scene_for("VisDrone"))
    image = tmp_path / "set" / "VisDrone2019-DET-train" / "images" / "train-0.png"
    image.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(auxhead.DataError, match=r"train-0\.png: expected a picture whose size can be read"):
        convert(tmp_path / "set", tmp_path / "yolo")
    assert convert(tmp_path / "set", tmp_path / "yolo", on_error="skip").splits["train"].left_out == 1


def test_hidden_yamls_and_those_of_other_programs_are_no_data_yaml(tmp_path: Path) -> None:
    coco(tmp_path / "set", scene())
    text(tmp_path / "set" / ".pre-commit-config.yaml", "repos: []\n")
    text(tmp_path / "set" / "compose.yaml", "services: {}\n")
    assert format_of(str(tmp_path / "set")) == "COCO"
    text(tmp_path / "set" / "data.yaml", "path: .\ntrain: images\n")
    assert format_of(str(tmp_path / "set")) == ""


def test_jsons_in_deep_folders_are_found(tmp_path: Path) -> None:
    coco(tmp_path / "set" / "a" / "b" / "c", scene())
    assert convert(tmp_path / "set", tmp_path / "yolo").format == "COCO"


@pytest.mark.parametrize("names", ["classes.txt", "obj.names"])
def test_labels_for_yolo_without_a_data_yaml_are_recognized(tmp_path: Path, names: str) -> None:
    text(tmp_path / "set" / names, "car\n")
    text(tmp_path / "set" / ("labels" if names == "classes.txt" else "obj_train_data") / "1.txt", "0 0.5 0.5 0.1 0.1\n")
    if names == "classes.txt":  # as Label Studio exports
        text(tmp_path / "set" / "notes.json", '{"categories": [{"id": 0, "name": "car"}], "info": {"year": 2026}}')
    with pytest.raises(auxhead.DataError, match=r"write a data.yaml with train:, val:"):
        convert(tmp_path / "set", tmp_path / "yolo")


def test_pictures_key_is_refused_where_it_has_no_effect(tmp_path: Path) -> None:
    WRITERS["VisDrone"](tmp_path / "set", scene_for("VisDrone"))
    with pytest.raises(auxhead.ConfigError, match="without effect on VisDrone"):
        convert(tmp_path / "set", tmp_path / "yolo", pictures=str(tmp_path))


def test_a_json_of_tt100k_can_be_named_and_its_pictures_lie_elsewhere(tmp_path: Path) -> None:
    WRITERS["TT100K"](tmp_path / "set", scene_for("TT100K"))
    file = tmp_path / "set" / "annotations.json"
    (tmp_path / "jsons" / "deep").mkdir(parents=True)
    moved = file.rename(tmp_path / "jsons" / "deep" / "annotations_all.json")
    with pytest.raises(auxhead.DataError, match="pictures=FOLDER"):
        convert(moved, tmp_path / "yolo")
    assert convert(moved, tmp_path / "yolo", pictures=str(tmp_path / "set")).splits["val"].boxes == 20


def test_other_pictures_of_tt100k_are_counted(tmp_path: Path) -> None:
    WRITERS["TT100K"](tmp_path / "set", scene_for("TT100K"))
    file = tmp_path / "set" / "annotations.json"
    content = json.loads(file.read_text())
    content["imgs"]["9"] = {"id": 9, "path": "other/9.png", "objects": []}
    content["imgs"]["train-0"]["objects"][0]["category"] = "no type"
    content["imgs"]["train-1"]["objects"][0]["bbox"]["xmax"] = None
    file.write_text(json.dumps(content))
    with pytest.raises(auxhead.DataError, match=r"image train-0, object 0: .* one of types"):
        convert(tmp_path / "set", tmp_path / "yolo")
    done = convert(tmp_path / "set", tmp_path / "yolo", on_error="skip")
    assert done.problems == done.splits["train"].left_out == 2
    assert "1 picture of other/ left out" in " ".join(done.remarks)


def test_two_jsons_of_tt100k_are_asked_about(tmp_path: Path) -> None:
    WRITERS["TT100K"](tmp_path / "set", scene_for("TT100K"))
    shutil.copy(tmp_path / "set" / "annotations.json", tmp_path / "set" / "annotations_all.json")
    with pytest.raises(auxhead.DataError, match=r"annotations\.json, .*annotations_all\.json"):
        convert(tmp_path / "set", tmp_path / "yolo")


def test_rows_of_visdrone_that_are_none_are_listed(tmp_path: Path) -> None:
    WRITERS["VisDrone"](tmp_path / "set", scene_for("VisDrone"))
    folder = tmp_path / "set" / "VisDrone2019-DET-train" / "annotations"
    text(folder / "train-0.txt", "1,1,5,5,1,4,0,0\n1,1,5,5,1,12,0,0\n")
    text(folder / "train-1.txt", "\n1,1,5,5,1,4\n")
    text(folder / "train-2.txt", "1,1,0,5,1,4,0,0\n1,1,9,9,0,11,0,0\n")
    with pytest.raises(auxhead.DataError) as caught:
        convert(tmp_path / "set", tmp_path / "yolo")
    assert "train-0.txt:2: expected a category" in str(caught.value)
    assert "train-1.txt:2: expected left,top" in str(caught.value)
    done = convert(tmp_path / "set", tmp_path / "yolo", on_error="skip")
    assert done.splits["train"].left_out == 2
    assert labels_of(done.data, "train")["train-2"] == []
    assert len(labels_of(done.data, "train", ignored=True)["train-2"]) == len(NAMES)  # others: of every class
    assert "1 box without area" in " ".join(done.remarks)


def test_shapes_of_labelme(tmp_path: Path) -> None:
    WRITERS["LabelMe"](tmp_path / "set", scene_for("LabelMe"))
    file = tmp_path / "set" / "train" / "train-0.json"
    content = json.loads(file.read_text())
    content["shapes"] = [
        {"label": "car", "points": [[20, 20], [23, 24]], "shape_type": "circle"},
        {"label": "car", "points": [[1, 1], [5, 5]], "shape_type": "line"},
        {"label": "car", "points": [[1, 1]], "shape_type": "point"},
        {"label": "car", "points": [[1, 2], [5, 2], [5, 9]], "group_id": 1},
        {"label": "car", "points": [[11, 2], [15, 2], [15, 12]], "group_id": 1},
        {"label": "bicycle", "points": [[31, 2], [35, 8]], "group_id": 1, "shape_type": "rectangle"},
        {"label": "bicycle", "points": [[41, 2], [45, 8]], "group_id": 1, "shape_type": "rectangle"},
    ]
    file.write_text(json.dumps(content))
    done = convert(tmp_path / "set", tmp_path / "yolo")
    expected = [("bicycle", 31, 2, 4, 6), ("bicycle", 41, 2, 4, 6), ("car", 1, 2, 14, 10), ("car", 15, 15, 10, 10)]
    assert labels_of(done.data, "train")["train-0"] == [(row[0], *(1000 * n for n in row[1:])) for row in expected]
    said = " ".join(done.remarks)
    assert "1 shape of the kind line left out" in said
    assert "1 shape of the kind point left out" in said
    assert "2 shapes joined into 1 box by group_id" in said


SPOILED = (
    '{"shapes":\n [',
    '{"shapes": [{"label": "car"}]}',
    '{"shapes": [{"label": null, "points": [[1, 2], [3, 4]]}]}',
    '{"shapes": [{"label": "car", "points": [[1, "a"], [2, 3]]}]}',
    '{"shapes": [{"label": "car", "points": [[1, NaN], [2, 3]]}]}',
    '{"shapes": [{"label": "car", "points": []}]}',
    '{"shapes": 3}',
    '{"imagePath": "a"}',
    "[" * 100_000,
)


@pytest.mark.parametrize("spoiled", SPOILED)
def test_broken_jsons_of_labelme_are_listed_or_left_out(tmp_path: Path, spoiled: str) -> None:
    WRITERS["LabelMe"](tmp_path / "set", scene_for("LabelMe"))
    (tmp_path / "set" / "train" / "train-2.json").write_text(spoiled)
    with pytest.raises(auxhead.DataError, match=r"train-2\.json"):
        convert(tmp_path / "set", tmp_path / "yolo")
    done = convert(tmp_path / "set", tmp_path / "yolo", on_error="skip")
    assert done.splits["train"].left_out == 1


def test_command_line(tmp_path: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    WRITERS["VisDrone"](tmp_path / "set", scene_for("VisDrone"))
    picture(tmp_path / "set" / "VisDrone2019-DET-val" / "images" / "more.png")
    done = call("convert", "set", "out=yolo", "to=yolo", "min_boxes=1")
    assert done.returncode == 0, done.stderr
    assert "Found VisDrone." in done.stdout
    assert "kept as ignore regions" in done.stdout
    assert "1 picture without annotation file" in done.stdout
    by_itself = call("train", "data=set", "model=yolov8n.yaml", "--dry-run")
    assert by_itself.returncode == 0, by_itself.stderr
    assert str(Path("set-yolo") / "data.yaml") in by_itself.stdout
    assert call("convert", "yolo/data.yaml", "out=posed", "to=pose", "min_boxes=3").returncode == 2
