"""COCO data sets become YOLO ones: the same boxes, whole or not at all, with what was lost said."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ultralytics.data.converter import convert_coco

import auxhead
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import label_path, list_images
from auxhead.metrics.coco_file import read_coco
from auxhead.metrics.truth import read_yolo

KINDS = [{"id": 3, "name": "stop", "supercategory": "signs"}, {"id": 7, "name": "yield", "supercategory": "signs"}]
HEAD = {"id": 0, "name": "signs", "supercategory": "none"}


def content(count: int, seed: int, kinds: list[dict[str, Any]] = KINDS) -> dict[str, Any]:
    """A COCO json: pictures of 60 x 40 with two boxes each, but for the last, which has none."""
    random = np.random.default_rng(seed)
    boxes = []
    for image in range(1, count):
        for _ in range(2):
            width, height = random.uniform(3, 20, 2)
            left, top = random.uniform(0, 60 - width), random.uniform(0, 40 - height)
            boxes.append((image, int(random.choice([3, 7])), [left, top, width, height]))
    return {
        "images": [{"id": i, "file_name": f"{seed}-{i}.png", "width": 60, "height": 40} for i in range(1, count + 1)],
        "annotations": [
            {"id": i, "image_id": image, "category_id": kind, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for i, (image, kind, box) in enumerate(boxes, start=1)
        ],
        "categories": [dict(kind) for kind in kinds],
    }


class Coco:
    """A data set in the layout of a tool: jsons with their pictures, which tests may spoil."""

    def __init__(self, root: Path, files: dict[str, tuple[str, str]], kinds: list[dict[str, Any]] = KINDS) -> None:
        self.root = root
        self.content = {split: content(5, seed, kinds) for seed, split in enumerate(files)}
        self.json = {split: root / file for split, (file, _) in files.items()}
        self.pictures = {split: root / folder for split, (_, folder) in files.items()}
        for split, made in self.content.items():
            self.pictures[split].mkdir(parents=True, exist_ok=True)
            for one in made["images"]:
                Image.new("RGB", (60, 40), (one["id"], 90, 90)).save(self.pictures[split] / one["file_name"])
            self.write(split)

    def write(self, split: str) -> None:
        self.json[split].parent.mkdir(parents=True, exist_ok=True)
        self.json[split].write_text(json.dumps(self.content[split]))


LAYOUTS = {
    "coco": {
        "train": ("annotations/instances_train2017.json", "train2017"),
        "val": ("annotations/instances_val2017.json", "val2017"),
    },
    "coco, images": {
        "train": ("annotations/instances_train.json", "images/train"),
        "val": ("annotations/instances_val.json", "images/val"),
    },
    "roboflow": {
        f"{one}": (f"{folder}/_annotations.coco.json", folder)
        for one, folder in (("train", "train"), ("val", "valid"), ("test", "test"))
    },
    "flat": {"train": ("train.json", "images"), "val": ("val.json", "images")},
}


@pytest.fixture
def coco(tmp_path: Path) -> Coco:
    return Coco(tmp_path / "set", LAYOUTS["coco"])


def convert(data: Path | str, out: Path, **keys: Any) -> auxhead.Conversion:
    return auxhead.convert(data, out=str(out), to="yolo", **keys)


def boxes_of(data: Path, split: str) -> dict[str, list[tuple[int, ...]]]:
    """Class and box of each row by picture, hundredths of a pixel."""
    source = read_data_yaml(data)
    images = list_images(source.splits[split])
    truth = read_yolo(images, source.names)
    found: dict[str, list[tuple[int, ...]]] = {image.name: [] for image in images}
    for image, cls, box in zip(truth.image, truth.cls, truth.boxes, strict=True):
        found[images[image].name].append((int(cls), *np.round(box * 100).astype(int).tolist()))
    return {name: sorted(rows) for name, rows in found.items()}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_keeps_every_box(tmp_path: Path, layout: dict[str, tuple[str, str]]) -> None:
    made = Coco(tmp_path / "set", layout)
    done = convert(made.root, tmp_path / "yolo")
    assert done.fresh
    assert done.remarks == ()
    assert read_data_yaml(done.data).names == {0: "stop", 1: "yield"}
    for split, file in made.json.items():
        truth = read_coco(file)
        expected: dict[str, list[tuple[int, ...]]] = {name: [] for name in truth.files}
        for image, cls, box in zip(truth.image, truth.cls, truth.boxes, strict=True):
            expected[truth.files[image]].append((int(cls), *np.round(box * 100).astype(int).tolist()))
        found = boxes_of(done.data, split)
        assert found.keys() == expected.keys()
        for name, rows in expected.items():
            assert np.array(found[name]) == pytest.approx(np.array(sorted(rows)), abs=1)
        assert vars(done.splits[split]) == {"images": 5, "boxes": 8, "missing": 0, "empty": 1, "left_out": 0}


def test_labels_are_those_of_ultralytics_own_converter(coco: Coco, tmp_path: Path) -> None:
    for made in coco.content.values():  # it takes ids from 1 without holes
        for one in (*made["categories"], *made["annotations"]):
            key = "category_id" if "category_id" in one else "id"
            one[key] = {3: 1, 7: 2}.get(one[key], one[key])
    for split in coco.json:
        coco.write(split)
    convert_coco(str(coco.root / "annotations"), str(tmp_path / "theirs"), cls91to80=False)
    done = convert(coco.root, tmp_path / "ours")
    for image in list_images(read_data_yaml(done.data).splits["val"]):
        theirs = tmp_path / "theirs" / "labels" / "val2017" / f"{image.stem}.txt"
        if theirs.is_file():
            assert np.loadtxt(label_path(image)) == pytest.approx(np.loadtxt(theirs), abs=1e-5)
        else:
            assert label_path(image).read_text() == ""


def test_what_labels_cannot_hold_is_counted_and_said(coco: Coco, tmp_path: Path) -> None:
    rows = coco.content["train"]["annotations"]
    rows[0]["iscrowd"] = 1
    rows[1]["bbox"][2] = 0
    rows[2]["bbox"] = [50, 30, 20, 5]
    coco.write("train")
    done = convert(coco.root, tmp_path / "yolo")
    assert done.splits["train"].boxes == 6
    assert done.splits["train"].empty == 2
    said = " ".join(done.remarks)
    assert "1 box kept as ignore regions" in said
    assert "1 box without area" in said
    assert "1 box cut off" in said
    assert any(row[1:] == (5000, 3000, 1000, 500) for rows in boxes_of(done.data, "train").values() for row in rows)


def test_a_category_that_only_heads_the_others_is_no_class(tmp_path: Path) -> None:
    made = Coco(tmp_path / "set", LAYOUTS["roboflow"], [HEAD, *KINDS])
    done = convert(made.root, tmp_path / "yolo")
    assert read_data_yaml(done.data).names == {0: "stop", 1: "yield"}
    assert "'signs' heads the others" in " ".join(done.remarks)


def test_files_can_be_named_and_pictures_lie_elsewhere(coco: Coco, tmp_path: Path) -> None:
    elsewhere = tmp_path / "pictures"
    elsewhere.mkdir()
    for folder in coco.pictures.values():
        for image in folder.iterdir():
            shutil.move(image, elsewhere)
    named = f"{coco.json['train']},{coco.json['val']}"
    with pytest.raises(auxhead.DataError, match="pictures=FOLDER"):
        convert(named, tmp_path / "yolo")
    assert not (tmp_path / "yolo").exists()
    done = convert(named, tmp_path / "yolo", pictures=str(elsewhere))
    assert done.splits["val"].images == 5


def test_captions_and_keypoints_beside_the_instances_are_no_matter(coco: Coco, tmp_path: Path) -> None:
    for split in ("train", "val"):
        (coco.root / "annotations" / f"captions_{split}2017.json").write_text("{}")
        (coco.root / "annotations" / f"person_keypoints_{split}2017.json").write_text("{}")
        run = coco.root / "runs" / "detect" / split  # a training beside the data
        run.mkdir(parents=True)
        (run / "result.json").write_text("{}")
    assert convert(coco.root, tmp_path / "yolo").fresh


def test_bad_pictures_are_listed_or_left_out(coco: Coco, tmp_path: Path) -> None:
    first, second, third = sorted(coco.pictures["train"].iterdir())[:3]
    first.unlink()
    Image.new("RGB", (40, 60)).save(second)
    third.write_bytes(b"no picture")
    with pytest.raises(auxhead.DataError) as caught:
        convert(coco.root, tmp_path / "yolo", pictures=str(coco.pictures["train"]))
    assert "val" in str(caught.value) or "0-" in str(caught.value)
    coco.content["train"]["images"].reverse()  # the first one decides where pictures are looked for
    for one in coco.content["train"]["images"]:
        one["id"] = 6 - one["id"]
    for one in coco.content["train"]["annotations"]:
        one["image_id"] = 6 - one["image_id"]
    coco.write("train")
    with pytest.raises(auxhead.DataError) as caught:
        convert(coco.root, tmp_path / "yolo")
    told = str(caught.value)
    assert "60 x 40 pixels, as its annotations say, found 40 x 60" in told
    listed = (tmp_path / "yolo.problems.csv").read_text()
    assert all(image.name in listed for image in (first, second, third))
    assert not (tmp_path / "yolo").exists()
    done = convert(coco.root, tmp_path / "yolo", on_error="skip")
    assert done.problems == 3
    assert done.splits["train"].left_out == 3
    assert len(boxes_of(done.data, "train")) == 2
    assert not (tmp_path / "yolo.problems.csv").exists()


def test_annotations_that_cant_be_used_are_listed_or_leave_their_pictures_out(coco: Coco, tmp_path: Path) -> None:
    rows = coco.content["train"]["annotations"]
    images_of = {one["file_name"]: one["id"] for one in coco.content["train"]["images"]}
    spoilt = {one["image_id"]: one for one in rows}
    first, second, *_ = spoilt.values()
    first["bbox"], second["category_id"] = [15, 5, -10, 10], 99
    rows.append({**rows[-1], "id": 1000, "image_id": 12345})
    coco.write("train")
    with pytest.raises(auxhead.DataError) as caught:
        convert(coco.root, tmp_path / "yolo")
    told, listed = str(caught.value), (tmp_path / "yolo.problems.csv").read_text()
    assert "3 problems of annotations" in told
    for what in ("is no box of", "category_id 99 is none", "image_id 12345 is none"):
        assert what in told
        assert what in listed
    done = convert(coco.root, tmp_path / "yolo", on_error="skip")
    assert (done.problems, done.splits["train"].left_out) == (3, 2)
    left_out = {first["image_id"], second["image_id"]}
    assert not left_out & {images_of[name] for name in boxes_of(done.data, "train")}


def test_a_second_start_writes_nothing_and_a_changed_json_all(coco: Coco, tmp_path: Path) -> None:
    first = convert(coco.root, tmp_path / "yolo")
    again = convert(coco.root, tmp_path / "yolo")
    assert first.fresh
    assert not again.fresh
    assert {**again.to_dict(), "fresh": True} == first.to_dict()
    coco.content["val"]["annotations"].pop()
    coco.write("val")
    assert convert(coco.root, tmp_path / "yolo").splits["val"].boxes == 7
    (tmp_path / "yolo" / "mine.txt").write_text("mine")
    with pytest.raises(auxhead.OutputError, match="no conversion wrote"):
        convert(coco.root, tmp_path / "yolo", images="copy")


def other_categories(made: Coco) -> None:
    made.content["val"]["categories"] = [KINDS[0], {"id": 8, "name": "yield"}]
    for one in made.content["val"]["annotations"]:
        one["category_id"] = 3
    made.write("val")


def twins(made: Coco) -> None:
    made.content["val"]["images"][1]["file_name"] = "1-1.jpg"
    shutil.copy(made.pictures["val"] / "1-1.png", made.pictures["val"] / "1-1.jpg")
    made.write("val")


def two_of_train(made: Coco) -> None:
    made.json["train"].rename(made.root / "annotations" / "train.json")
    (made.root / "annotations" / "train_fixed.json").write_text("{}")


SPOILED: dict[str, tuple[Callable[[Coco], Any], str]] = {
    "no val": (lambda made: made.json["val"].unlink(), "train: .*instances_train2017"),
    "two of train": (two_of_train, r"(?s)train: .*train\.json.*train_fixed\.json"),
    "other categories": (other_categories, r"(?s)7: yield, 8: yield.*instances_val2017"),
    "one label file": (twins, r"names of their own.*\n.*1-1\.(jpg|png)"),
    "broken": (lambda made: made.json["val"].write_text("{"), "instances_val2017"),
}


@pytest.mark.parametrize(("spoil", "told"), SPOILED.values(), ids=SPOILED)
def test_what_cannot_be_one_data_set_is_one_message(
    coco: Coco, tmp_path: Path, spoil: Callable[[Coco], Any], told: str
) -> None:
    spoil(coco)
    with pytest.raises(auxhead.DataError, match=told):
        convert(coco.root, tmp_path / "yolo")
    assert not (tmp_path / "yolo").exists()


def test_the_folder_is_found_although_its_first_pictures_are_missing(coco: Coco, tmp_path: Path) -> None:
    for name in ("0-1.png", "0-2.png"):
        (coco.pictures["train"] / name).unlink()
    with pytest.raises(auxhead.DataError, match=r"train2017/0-1\.png: .*nothing of that name"):
        convert(coco.root, tmp_path / "yolo")
    assert convert(coco.root, tmp_path / "yolo", on_error="skip").splits["train"].left_out == 2


def test_ids_that_occur_twice_are_named(coco: Coco, tmp_path: Path) -> None:
    coco.content["val"]["images"][2]["id"] = 2
    coco.write("val")
    with pytest.raises(auxhead.DataError, match="ids that occur twice: image 2"):
        convert(coco.root, tmp_path / "yolo")


def test_a_test_split_without_annotations_is_left_out(coco: Coco, tmp_path: Path) -> None:
    bare = {name: coco.content["val"][name] for name in ("images", "categories")}
    (coco.root / "annotations" / "image_info_test2017.json").write_text(json.dumps(bare))
    done = convert(coco.root, tmp_path / "yolo")
    assert done.splits.keys() == {"train", "val"}
    assert done.remarks == ("image_info_test2017.json has no annotations, and is left out",)


def test_json_in_utf_16_and_two_categories_of_one_name(coco: Coco, tmp_path: Path) -> None:
    for split in coco.json:
        coco.content[split]["categories"].append({"id": 9, "name": "stop"})
        coco.json[split].write_bytes(json.dumps(coco.content[split]).encode("utf-16"))
    done = convert(coco.root, tmp_path / "yolo")
    assert read_data_yaml(done.data).names == {0: "stop", 1: "yield", 2: "stop"}
    assert "several categories are called 'stop'" in " ".join(done.remarks)


def test_jpegs_called_jfif_are_renamed_and_other_names_refused(coco: Coco, tmp_path: Path) -> None:
    for split, made in coco.content.items():
        for one in made["images"]:
            Image.new("RGB", (60, 40)).save(coco.pictures[split] / f"{one['id']}.JFIF", "jpeg")
            one["file_name"] = f"{one['id']}.JFIF"
        coco.write(split)
    done = convert(coco.root, tmp_path / "yolo")
    assert {image.suffix for image in list_images(read_data_yaml(done.data).splits["train"])} == {".jpg"}
    assert sum(map(len, boxes_of(done.data, "train").values())) == 8
    assert "10 pictures renamed to .jpg" in " ".join(done.remarks)
    coco.content["val"]["images"][0]["file_name"] = "picture"
    (coco.pictures["val"] / "1.JFIF").rename(coco.pictures["val"] / "picture")
    coco.write("val")
    with pytest.raises(auxhead.DataError, match=r"val2017/picture: expected a name .* found no suffix"):
        convert(coco.root, tmp_path / "yolo")
    coco.content["val"]["images"][0]["file_name"] = ".hidden.jpg"
    (coco.pictures["val"] / "picture").rename(coco.pictures["val"] / ".hidden.jpg")
    coco.write("val")
    with pytest.raises(auxhead.DataError, match=r"\.hidden\.jpg: expected a name that Ultralytics finds"):
        convert(coco.root, tmp_path / "yolo")


def test_names_of_another_machine_and_in_folders(coco: Coco, tmp_path: Path) -> None:
    folder = coco.pictures["train"]
    (folder / "day").mkdir()
    first, second = coco.content["train"]["images"][:2]
    (folder / first["file_name"]).rename(folder / "day" / first["file_name"])
    first["file_name"] = f"day/{first['file_name']}"
    second["file_name"] = f"C:\\pictures\\{second['file_name']}"
    coco.write("train")
    done = convert(coco.root, tmp_path / "yolo")
    assert (tmp_path / "yolo" / "images" / "train" / "day" / "0-1.png").is_file()
    assert (tmp_path / "yolo" / "labels" / "train" / "day" / "0-1.txt").is_file()
    assert len(boxes_of(done.data, "train")) == 5


def test_names_that_begin_with_images_find_their_labels(coco: Coco, tmp_path: Path) -> None:
    folder = coco.pictures["train"]
    folder.rename(folder.with_name("images"))
    for one in coco.content["train"]["images"]:
        one["file_name"] = f"images/{one['file_name']}"
    coco.write("train")
    done = convert(coco.root, tmp_path / "yolo")
    assert sum(map(len, boxes_of(done.data, "train").values())) == done.splits["train"].boxes == 8


def test_a_name_that_is_no_picture_is_one_message(coco: Coco, tmp_path: Path) -> None:
    coco.content["train"]["images"][-1]["file_name"] = "."
    coco.write("train")
    with pytest.raises(auxhead.DataError):
        convert(coco.root, tmp_path / "yolo")
    assert not (tmp_path / "yolo").exists()


def test_command_line(coco: Coco, tmp_path: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("convert", str(coco.root), "out=yolo", "to=yolo")
    assert done.returncode == 0, done.stderr
    assert "train: 5 images, 8 boxes" in done.stdout
    assert "Written to" in done.stdout
    assert call("inspect", "yolo/data.yaml", "out=seen").returncode == 0
    idle = call("convert", str(coco.root), "out=other", "to=yolo", "keypoints=center", "shape=ellipse")
    assert idle.returncode == 2
    assert "keypoints=, shape= without effect on to=yolo" in idle.stderr
    assert call("convert", "yolo/data.yaml", "out=posed", "to=pose", "pictures=here").returncode == 2
    assert "Found COCO." in call("inspect", str(coco.root), "out=again").stderr
    refused = call("inspect", str(coco.json["train"]))
    assert refused.returncode == 2
    assert "data=train.json,val.json" in refused.stderr
    gone = call("convert", "nowhere", "out=other", "to=yolo")
    assert gone.returncode == 2
    assert "no such file or folder" in gone.stderr
