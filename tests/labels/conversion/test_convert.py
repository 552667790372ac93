"""What a converted data set holds, for every layout, and that Ultralytics takes it as it is."""

import csv
import json
import os
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset

from auxhead.errors import DataError
from auxhead.keys.convert import PoseKeys, SegmentKeys
from auxhead.labels.conversion.convert import convert
from auxhead.labels.conversion.result import SplitCounts
from auxhead.labels.listing import IMAGE_SUFFIXES, label_path, list_images
from auxhead.labels.source import Source

BOX = "1 0.5 0.5 0.2 0.4\n"
POSE = "1 0.5 0.5 0.2 0.4 0.5 0.5 1\n"
LISTED = {"data/images/t/1.jpg": None, "data/labels/t/1.txt": BOX, "data/images/v/2.jpg": None}


def png(side: int) -> bytes:
    """Draw a picture, another one for each side."""
    file = BytesIO()
    Image.new("L", (side, side)).save(file, "png")
    return file.getvalue()


def load(data: Path, task: str, split: str = "train") -> YOLODataset:
    """Load a split as Ultralytics' training does."""
    found = check_det_dataset(str(data))
    return YOLODataset(img_path=found[split], data=found, task=task, augment=False)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def files(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if not path.is_dir())


def test_a_data_set_becomes_a_pose_data_set(tree, run, tmp_path):
    tree(
        {
            "images/train/1.jpg": None,
            "images/train/2.jpg": None,
            "images/train/3.jpg": None,
            "images/val/4.jpg": None,
            "labels/train/1.txt": "2 0.50 .25 5e-1 0.2\r\n0\t.1 .1 .1 .1",
            "labels/train/2.txt": "",
            "labels/val/4.txt": "\n \n",
        }
    )
    seen = []
    found = run(progress=lambda done, total: seen.append((done, total)))
    out = tmp_path / "out"
    images = ["images/train/1.jpg", "images/train/2.jpg", "images/train/3.jpg", "images/val/4.jpg"]
    labels = ["labels/train/1.txt", "labels/train/2.txt", "labels/val/4.txt"]
    assert files(out) == ["conversion.json", "data.yaml", *images, *labels]
    assert (out / "labels/train/1.txt").read_text() == "2 0.50 .25 5e-1 0.2 0.50 .25 1\n0 .1 .1 .1 .1 .1 .1 1\n"
    assert (out / "labels/train/2.txt").read_bytes() == (out / "labels/val/4.txt").read_bytes() == b""
    assert yaml.safe_load((out / "data.yaml").read_text()) == {
        "path": str(out),
        "train": "images/train",
        "val": "images/val",
        "names": {0: "a", 1: "b", 2: "c"},
        "kpt_shape": [1, 3],
        "flip_idx": [0],
    }
    assert (found.data, found.fresh, found.linked, found.problems) == (out / "data.yaml", True, {"hard link": 4}, 0)
    assert found.splits == {"train": SplitCounts(3, 2, 1, 1, 0), "val": SplitCounts(1, 0, 0, 1, 0)}
    assert seen == [(3, 4), (4, 4)]
    assert json.loads(json.dumps(found.to_dict()))["splits"]["train"]["boxes"] == 2
    assert (out / images[0]).samefile(tmp_path / "src" / images[0])
    data_set = load(found.data, "pose")
    assert [len(label["keypoints"]) for label in data_set.labels] == [2, 0, 0]


@pytest.mark.parametrize(
    ("target", "entries"),
    [
        (PoseKeys(keypoints="corners", visibility=False), {"kpt_shape": [4, 2], "flip_idx": [1, 0, 3, 2]}),
        (PoseKeys(keypoints="center+corners", flips=False), {"kpt_shape": [5, 3]}),
        (
            PoseKeys(kpt_oks_sigmas=0.1),
            {"kpt_shape": [1, 3], "flip_idx": [0], "kpt_oks_sigmas": [0.1]},
        ),
        (SegmentKeys(), {}),
    ],
    ids=str,
)
def test_keys_of_data_yaml(target, entries, tree, run):
    tree({"images/train/1.jpg": None, "images/val/1.jpg": None, "labels/train/1.txt": BOX})
    found = yaml.safe_load(run(target=target, source={"channels": 1}).data.read_text())
    assert {key: found[key] for key in found if key not in {"path", "train", "val", "names"}} == {
        "channels": 1,
        **entries,
    }


@pytest.mark.parametrize(
    ("written", "keys", "expected"),
    [
        pytest.param(
            {"train/images/a.jpg": None, "train/labels/a.txt": BOX, "valid/images/b.jpg": None},
            {"train": "train/images", "val": "valid/images"},
            {"train": ["images/train/a.jpg"], "val": ["images/val/b.jpg"]},
            id="roboflow",
        ),
        pytest.param(
            {"images/train/d/e f/a.b.c.jpg": None, "labels/train/d/e f/a.b.c.txt": BOX, "images/val/b.jpg": None},
            {},
            {"train": ["images/train/d/e f/a.b.c.jpg"], "val": ["images/val/b.jpg"]},
            id="nested, dots, spaces",
        ),
        pytest.param(
            {"a/images/1.jpg": None, "a/labels/1.txt": BOX, "b/images/1.jpg": None, "images/val/1.jpg": None},
            {"train": ["a/images", "b/images"]},
            {"train": ["images/train/a/images/1.jpg", "images/train/b/images/1.jpg"], "val": ["images/val/1.jpg"]},
            id="several folders",
        ),
        pytest.param(
            {"images/train/x/1.jpg": None, "labels/train/x/1.txt": BOX, "images/val/1.jpg": None},
            {"train": ["images/train/x", "images/train", "images/train"]},
            {"train": ["images/train/x/1.jpg"], "val": ["images/val/1.jpg"]},
            id="overlapping folders",
        ),
        pytest.param(
            {"images/train/1.jpg": None, "images/train/.x/2.jpg": None, "labels/train/.x/2.txt": BOX, "v/3.jpg": None},
            {"train": ["images/train", "images/train/.x"], "val": "v"},
            {"train": ["images/train/1.jpg", "images/train/.x/2.jpg"], "val": ["images/val/3.jpg"]},
            id="hidden folder that is named",
        ),
        pytest.param(
            {"all/images/1.jpg": None, "all/labels/1.txt": BOX},
            {"train": "all", "val": "all"},
            {"train": ["images/train/images/1.jpg"], "val": ["images/val/images/1.jpg"]},
            id="folder above images, twice",
        ),
        pytest.param(
            {"pictures/1.jpg": None, "pictures/1.txt": BOX, "images/val/1.jpg": None},
            {"train": "pictures"},
            {"train": ["images/train/1.jpg"], "val": ["images/val/1.jpg"]},
            id="labels beside images",
        ),
        pytest.param(
            {
                **LISTED,
                "train.txt": "./data/images/t/1.jpg\n\n./data/images/t/1.jpg\n",
                "val.txt": "./data/images/v/2.jpg",
            },
            {"train": "train.txt", "val": "val.txt"},
            {"train": ["images/train/1.jpg"] * 2, "val": ["images/val/2.jpg"]},
            id="lists with repeated lines",
        ),
        pytest.param(
            {**LISTED, "train.txt": "./data/images/v/2.jpg\n./data/images/t/1.jpg\n"},
            {"train": "train.txt", "val": ["data/images/v", "train.txt"]},
            {
                "train": ["images/train/v/2.jpg", "images/train/t/1.jpg"],
                "val": ["images/val/v/2.jpg", "images/val/v/2.jpg", "images/val/t/1.jpg"],
            },
            id="lists and folders, in order",
        ),
        pytest.param(
            {**LISTED, "data/labels/v/2.txt": "", "lists/train.txt": "./../data/images/v/../t/1.jpg\n"},
            {"train": "lists/train.txt", "val": "data/images/v"},
            {"train": ["images/train/1.jpg"], "val": ["images/val/2.jpg"]},
            id="list with ..",
        ),
        pytest.param(
            {**LISTED, "test/images/3.jpg": None},
            {"train": "data/images/t", "val": "data/images/v", "splits": {"test": "test/images", "minival": "no"}},
            {"train": ["images/train/1.jpg"], "val": ["images/val/2.jpg"], "test": ["images/test/3.jpg"]},
            id="test; absent minival",
        ),
    ],
)
def test_layouts(written, keys, expected, tree, run, judge, snapshot, tmp_path):
    tree(written)
    before = snapshot()
    found = run(**keys)
    out = tmp_path / "out"
    described = check_det_dataset(str(found.data))
    for split, names in expected.items():
        images = list_images(described[split])
        assert sorted(str(image.relative_to(out)) for image in images) == sorted(names)
        if described[split].endswith(".txt"):
            assert Path(described[split]).read_text().splitlines() == [f"./{name}" for name in names]
        assert found.splits[split].images == len(names)
        assert not any(judge(image, keypoints=(1, 3)).corrupt for image in images)
    train = list_images(described["train"])
    assert sum(len(judge(image, keypoints=(1, 3)).boxes) for image in train) == found.splits["train"].boxes >= 1
    assert found.absent == tuple(keys.get("splits", {}).keys() - expected.keys())
    assert snapshot() == before
    assert not run(**keys).fresh


def test_a_list_may_name_images_from_the_working_folder(tree, run, monkeypatch, tmp_path):
    root = tree(
        {
            "images/a/1.jpg": None,
            "labels/a/1.txt": BOX,
            "x/images/val/1.jpg": None,
            "train.txt": "../src/images/a/1.jpg",
        }
    )
    monkeypatch.chdir(root)
    run("train.txt", "x/images/val")
    assert (tmp_path / "out/labels/train/1.txt").read_text() == POSE


def test_two_dots_behind_a_link_lead_where_the_link_leads(tree, run, tmp_path):
    here, there = (png(size) for size in (11, 12))
    root = tree({"images/1.jpg": here, "far/images/1.jpg": there, "far/images/deep/2.jpg": None, "labels/1.txt": ""})
    (root / "images/link").symlink_to(root / "far/images/deep", target_is_directory=True)
    tree({"train.txt": "./images/1.jpg\n./images/link/../1.jpg\n"})
    found = run("train.txt", "images")
    names = (found.data.parent / "train.txt").read_text().splitlines()
    assert [(found.data.parent / name).read_bytes() for name in names] == [here, there]


@pytest.mark.parametrize("suffix", sorted({*IMAGE_SUFFIXES, "JPG", "Png", "tIFF"}))
def test_every_suffix_in_any_case(suffix, tree, run, tmp_path):
    tree({f"images/train/1.{suffix}": None, "labels/train/1.txt": BOX, "images/val/1.jpg": None})
    run()
    assert (tmp_path / f"out/images/train/1.{suffix}").exists()
    assert (tmp_path / "out/labels/train/1.txt").read_text() == POSE


def test_images_that_share_a_label_file_share_the_new_one(tree, run, tmp_path):
    tree({"images/train/1.jpg": None, "images/train/1.png": None, "labels/train/1.txt": BOX, "images/val/2.jpg": None})
    assert run().splits["train"] == SplitCounts(2, 2, 0, 0, 0)
    assert files(tmp_path / "out/labels") == ["train/1.txt", "val/2.txt"]


def test_strange_names(tree, run, judge, tmp_path):
    names = ["a'b\"c", "d#e: f", "ü\u3000x", "[1]*?", "new\nline", os.fsdecode(b"\xe9")]
    tree({f"images/train/{name}.jpg": None for name in names} | {"images/val/1.jpg": None})
    tree({f"labels/train/{name}.txt": BOX for name in names})
    assert run(out="o u:t #1").splits["train"].boxes == len(names)
    described = check_det_dataset(str(tmp_path / "o u:t #1/data.yaml"))
    assert all(len(judge(image, keypoints=(1, 3)).boxes) == 1 for image in list_images(described["train"]))
    tree({"val.txt": "./images/val/1.jpg"})
    with pytest.raises(DataError, match="rename the image"):
        run(["images/train", "val.txt"], out="listed")
    assert not (tmp_path / "listed").exists()


# Rows -----------------------------------------------------------------------------------------------------------------

ROWS = {
    "boxes": "0 0.5 0.5 0.2 0.2\n2 1e-1 .9 .1 .05\n0 0.5 0.5 0.2 0.2\n",
    "edges": "0 -0.005 1.005 0.3 0.3\n1 0 0 0 0\n1 1 1 1.01 1\n",
    "polygons": "0 .1 .1 .3 .12 .3 .4 .2 .5\n1 .1 .1 .9 .1 .7 .77\n2 .4 .4\n",
    "polygon leaving": "0 -.05 .1 .2 .1 .2 .3\n",
    "bom": "\ufeff2 .3 .3 .1 .1\n",
    "empty": "",
}


def written(content, target, tree, run, kpt_shape=None) -> Path:
    """Convert one image with one label file and return the new image."""
    tree({"images/train/1.jpg": None, "labels/train/1.txt": content, "images/val/1.jpg": None})
    return run(target=target, source={"kpt_shape": kpt_shape}).data.parent / "images/train/1.jpg"


@pytest.mark.parametrize("keypoints", ["center", "corners", "center+corners"])
@pytest.mark.parametrize("visibility", [True, False])
@pytest.mark.parametrize("name", ROWS)
def test_ultralytics_reads_the_same_boxes_and_the_right_keypoints(name, keypoints, visibility, tree, run, judge):
    target = PoseKeys(keypoints=keypoints, visibility=visibility)
    image = written(ROWS[name], target, tree, run)
    shape = {"center": 1, "corners": 4, "center+corners": 5}[keypoints], 3 if visibility else 2
    before, after = judge(image.parents[3] / "src/images/train/1.jpg"), judge(image, keypoints=shape)
    assert not before.corrupt
    assert not after.corrupt, after.message
    assert after.boxes.dtype == np.float32
    assert sorted(map(bytes, after.boxes)) == sorted(map(bytes, before.boxes))
    x, y, w, h = after.boxes[:, 1:].astype(float).T
    center = np.stack([x, y], 1)[:, None]
    corners = np.stack([x - w / 2, y - h / 2, x + w / 2, y - h / 2, x + w / 2, y + h / 2, x - w / 2, y + h / 2], 1)
    parts = {"center": center, "corners": corners.reshape(-1, 4, 2)}
    expected = np.concatenate([parts[kind] for kind in keypoints.split("+")], axis=1).clip(0, 1)
    assert np.abs(after.keypoints[..., :2] - expected).max(initial=0) < (1e-7 if keypoints == "center" else 1e-6)
    assert (after.keypoints[..., 2] == 1).all()


@pytest.mark.parametrize("shape", ["box", "ellipse"])
@pytest.mark.parametrize("name", ROWS)
def test_ultralytics_finds_the_boxes_in_the_polygons(name, shape, tree, run, judge):
    image = written(ROWS[name], SegmentKeys(shape=shape), tree, run)
    before, after = judge(image.parents[3] / "src/images/train/1.jpg"), judge(image)
    assert not after.corrupt, after.message
    assert len(after.segments) == len(after.boxes) == len(before.boxes)
    if name not in {"edges", "polygon leaving"}:
        order = [np.lexsort(boxes.round(5).T) for boxes in (after.boxes, before.boxes)]
        assert np.abs(after.boxes[order[0]] - before.boxes[order[1]]).max(initial=0) <= 1e-6


def test_pose_rows_of_the_source_keep_their_boxes(tree, run, judge):
    content = "0 .5 .5 .2 .2 .1 .1 2 .3 .3 2\n0 .4 .4 .2 .2\n"
    image = written(content, SegmentKeys(), tree, run, kpt_shape=[2, 3])
    assert len(judge(image).boxes) == 2


coordinate = st.one_of(st.floats(0, 1), st.floats(0, 1, width=32), st.sampled_from([0.0, 1.0, 0.5])).map(repr)
rows = st.lists(st.tuples(st.sampled_from("012"), *[coordinate] * 4).map(" ".join), max_size=6)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=rows, keypoints=st.sampled_from(["center", "corners"]), segment=st.booleans())
def test_round_trip(rows, keypoints, segment, tree, run, judge, tmp_path):
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    target = SegmentKeys() if segment else PoseKeys(keypoints=keypoints)
    image = written("\n".join(dict.fromkeys(rows)), target, tree, run)
    before = judge(tmp_path / "src/images/train/1.jpg")
    after = judge(image, keypoints=None if segment else (1 if keypoints == "center" else 4, 3))
    assert not after.corrupt, after.message
    if not segment and keypoints == "center":
        assert after.boxes.tobytes() == before.boxes.tobytes()
    elif not segment:
        assert {bytes(box) for box in after.boxes} == {bytes(box) for box in before.boxes}


# Whole data sets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [PoseKeys(), SegmentKeys(shape="ellipse")], ids=["pose", "segment"])
def test_real_signs(target, real_data, tmp_path):
    data = real_data("gtsdb")
    read = yaml.safe_load(data.read_text())
    splits = {split: data.parent / read[split] for split in ("train", "val")}
    found = convert(Source(data, splits, read["names"]), tmp_path / "out", target)
    boxes = [found.splits[split].boxes for split in ("train", "val")]
    assert [found.splits[split].images for split in ("train", "val")] == [506, 235]
    assert boxes == [851, 361]
    assert sum(found.linked.values()) == 741
    task = "pose" if isinstance(target, PoseKeys) else "segment"
    for split, count in zip(("train", "val"), boxes, strict=True):
        data_set = load(found.data, task, split)
        assert len(data_set) == found.splits[split].images
        assert sum(len(label["cls"]) for label in data_set.labels) == count
    assert not convert(Source(data, splits, read["names"]), tmp_path / "out", target).fresh


def test_labels_are_loaded_for_both_tasks(tree, run):
    tree({f"images/{split}/{i}.jpg": None for split in ("train", "val") for i in range(3)})
    tree({"labels/train/0.txt": BOX, "labels/train/1.txt": "", "labels/val/2.txt": BOX})
    for task, target in (("pose", PoseKeys()), ("segment", SegmentKeys())):
        data = run(out=task, target=target).data
        for split in ("train", "val"):
            assert sum(len(label["cls"]) for label in load(data, task, split).labels) == 1


# Bad rows and images --------------------------------------------------------------------------------------------------

BAD = {
    "images/train/1.jpg": None,
    "images/train/2.jpg": None,
    "images/train/2.png": None,
    "images/val/3.jpg": None,
    "labels/train/1.txt": BOX,
    "labels/train/2.txt": "0 .5\n1 .5 .5 .1 .1\n7 .5 .5 .1 .1\n",
    "train.txt": "./images/train/1.jpg\n./images/train/gone.jpg\n./images/train/2.jpg\n./images/train/2.png\n",
}


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("train", ["images/train", "train.txt"])
def test_bad_rows_fail_with_place_count_and_csv(train, tree, run, snapshot, tmp_path):
    root = tree(BAD)
    before = snapshot()
    with pytest.raises(DataError) as caught:
        run(train)
    problems = tmp_path / "out.problems.csv"
    label = root / "labels/train/2.txt"
    rows = [
        [str(label), "1", "expected 5 columns, found 2", "0 .5"],
        [str(label), "3", "expected a class id from 0 to 2, found '7'", "7 .5 .5 .1 .1"],
    ]
    gone = [[str(root / "images/train/gone.jpg"), "", "expected an image file, found nothing of that name", ""]]
    assert read_csv(problems) == [["path", "line", "problem", "row"], *(gone if train == "train.txt" else []), *rows]
    assert f"{label}:3: expected a class id from 0 to 2, found '7'" in caught.value.where
    assert "2 bad rows in 1 of 4 label files" in caught.value.found
    assert ("1 image that can't be used and 2 bad" in caught.value.found) == (train == "train.txt")
    assert str(problems) in caught.value.fix
    assert names_in(tmp_path) == ["out.problems.csv", "src"]
    assert snapshot() == before
    tree({"labels/train/2.txt": BOX, "images/train/gone.jpg": None})
    assert run(train).problems == 0
    assert names_in(tmp_path) == ["out", "src"]


@pytest.mark.parametrize("train", ["images/train", "train.txt"])
def test_skip_leaves_their_images_out(train, tree, run, tmp_path):
    tree(BAD)
    found = run(train, on_error="skip")
    out = tmp_path / "out"
    listed = train == "train.txt"
    assert [str(image.relative_to(out / "images")) for image in list_images(out / "images")] == [
        "train/1.jpg",
        "val/3.jpg",
    ]
    assert found.splits["train"] == SplitCounts(4 if listed else 3, 1, 0, 0, 3 if listed else 2)
    assert (found.problems, found.problems_csv) == (3 if listed else 2, out / "problems.csv")
    assert len(read_csv(out / "problems.csv")) == found.problems + 1
    if listed:
        assert (out / "train.txt").read_text() == "./images/train/1.jpg\n"
    again = run(train, on_error="skip")
    assert not again.fresh
    assert again.problems == found.problems
    with pytest.raises(DataError):
        run(train)
    assert label_path(out / "images/train/1.jpg").read_text() == POSE  # what was there before stays


def test_skip_fails_when_nothing_is_left(tree, run, tmp_path):
    tree({"images/train/1.jpg": None, "labels/train/1.txt": "x", "images/val/1.jpg": None})
    with pytest.raises(DataError, match="1 bad row in 1 of 2"):
        run(on_error="skip")
    assert names_in(tmp_path) == ["out.problems.csv", "src"]


def test_images_that_ultralytics_drops_are_named_or_left_out(tree, run, judge, tmp_path):
    gif = BytesIO()
    Image.new("P", (64, 64)).save(gif, "gif")
    contents = {"whole": png(10), "tiny": png(9), "cut": png(64)[:60], "gif": gif.getvalue(), "text": b"none"}
    root = tree({f"images/{split}/{name}.png": raw for name, raw in contents.items() for split in ("train", "val")})
    tree({f"labels/{split}/{name}.txt": BOX for name in contents for split in ("train", "val")})
    with pytest.raises(DataError, match="8 images that can't be used") as caught:
        run()
    assert str(root / "images/train/gif.png") in caught.value.where
    assert "row" not in str(caught.value)
    found = run(on_error="skip")
    assert [found.splits[split] for split in ("train", "val")] == [SplitCounts(5, 1, 0, 0, 4)] * 2
    assert files(tmp_path / "out/images") == ["train/whole.png", "val/whole.png"]
    assert {Path(row[0]).stem for row in read_csv(found.problems_csv)[1:]} == set(contents) - {"whole"}
    assert not judge(tmp_path / "out/images/val/whole.png", keypoints=(1, 3)).corrupt


@pytest.mark.parametrize("place", ["Labels/train/1.txt", "labels/train/1.jpg.txt", "labels/train/1.TXT"])
def test_a_split_whose_labels_lie_elsewhere_is_never_written(place, tree, run, tmp_path):
    root = tree({"images/train/1.jpg": None, place: BOX, "images/val/2.jpg": None, "labels/val/2.txt": BOX}, bare=True)
    for on_error in ("fail", "skip"):
        with pytest.raises(DataError, match="none for any of 1 image") as caught:
            run(on_error=on_error)
        assert str(root / place) in caught.value.found
    assert names_in(tmp_path) == ["src"]


def test_an_unlabelled_test_split_is_converted(tree, run):
    tree({f"images/{split}/1.jpg": None for split in ("train", "val")})
    tree({"images/test/9.jpg": None}, bare=True)
    assert run(splits={"test": "images/test"}).splits["test"].missing == 1


@pytest.mark.parametrize("rows", [[0, 1], [1, 0], [0, 1, 0], [1, 0, 1, 1]], ids=str)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_files_that_mix_boxes_and_polygons_are_converted(rows, newline, tree, run, judge, tmp_path):
    kinds = ["0 0.5 0.5 0.2 0.4", "2 0.125 0.125 0.375 0.125 0.25 0.625"]
    text = newline.join(kinds[kind] for kind in rows) + newline
    tree({"images/train/1.jpg": None, "labels/train/1.txt": text, "images/val/1.jpg": None})
    image = tmp_path / "out/images/train/1.jpg"
    assert run(target=SegmentKeys()).splits["train"].boxes == len(rows)
    outline = "0 0.4 0.3 0.6 0.3 0.6 0.7 0.4 0.7"
    assert label_path(image).read_text().splitlines() == [(outline, kinds[1])[kind] for kind in rows]
    seen = judge(image)
    assert not seen.corrupt
    run()
    boxes = ["0 0.5 0.5 0.2 0.4 0.5 0.5 1", "2 0.25 0.375 0.25 0.5 0.25 0.375 1"]
    assert label_path(image).read_text().splitlines() == [boxes[kind] for kind in rows]
    posed = judge(image, keypoints=(1, 3))
    assert np.array(sorted(posed.boxes.tolist())) == pytest.approx(np.array(sorted(seen.boxes.tolist())))


def test_ellipses_stand_beside_polygons_and_bad_rows_stay_bad(tree, run, judge, tmp_path):
    mixed = "0 .5 .5 .2 .2\n1 .1 .1 .3 .1 .3 .3\n"
    root = tree({"images/train/1.jpg": None, "labels/train/1.txt": mixed, "images/val/1.jpg": None})
    run(target=SegmentKeys(shape="ellipse"))
    assert [len(segment) for segment in judge(tmp_path / "out/images/train/1.jpg").segments] == [32, 3]
    tree({"labels/train/1.txt": mixed + "1 .1 .1 .3 .1 .3\n7 .5 .5 .2 .2\n"})
    with pytest.raises(DataError, match="2 bad rows in 1 of 2") as caught:
        run()
    assert f"{root / 'labels/train/1.txt'}:3: expected 5 columns (or" in caught.value.where


def test_many_problems_are_counted_and_ten_are_shown(tree, run, tmp_path):
    tree({f"images/train/{i}.jpg": None for i in range(30)} | {"images/val/1.jpg": None})
    tree({f"labels/train/{i}.txt": "0 .5\nx\n" for i in range(30)})
    with pytest.raises(DataError, match="60 bad rows in 30 of 31") as caught:
        run()
    assert len(caught.value.where.splitlines()) == 11
    assert "all 60 are listed" in caught.value.fix
    assert len(read_csv(tmp_path / "out.problems.csv")) == 61


def test_links_folders_and_unreadable_labels(tree, run, monkeypatch, tmp_path):
    root = tree({"images/val/1.jpg": None, "labels/train/1.txt": BOX})
    tree({"far/1.png": None, "images/train/2.png": None}, bare=True)
    (root / "images/train/1.png").symlink_to("../../far/1.png")
    (root / "images/train/gone.png").symlink_to("nowhere")
    (root / "images/train/folder.png").mkdir()
    (root / "labels/train/2.txt").mkdir()
    found = run(on_error="skip")
    assert found.splits["train"] == SplitCounts(4, 1, 1, 0, 2)
    new = tmp_path / "out/images/train/1.png"
    assert not new.is_symlink()
    assert new.samefile(root / "far/1.png")
    assert [row[2] for row in read_csv(found.problems_csv)[1:]] == [
        "expected an image file, found a folder",
        "expected an image file, found nothing of that name",
    ]


def test_a_label_file_that_cannot_be_read_is_a_problem(tree, run, monkeypatch):
    root = tree({"images/train/1.jpg": None, "labels/train/1.txt": BOX, "images/val/1.jpg": None})
    opened = os.open

    def refuse(path, *rest, **more):
        if path == str(root / "labels/train/1.txt"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DataError, match="can be read, found PermissionError: Permission denied"):
        run()


def test_a_pipe_in_place_of_a_label_file_is_a_missing_one(tree, run):
    root = tree({"images/train/2.jpg": None, "labels/train/2.txt": BOX, "images/val/1.jpg": None})
    tree({"images/train/1.jpg": None}, bare=True)
    os.mkfifo(root / "labels/train/1.txt")
    assert run().splits["train"].missing == 1


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"train": "nowhere"}, "nothing of that name"),
        ({"train": "empty"}, "1 other names"),
        ({"val": "images/train/1.jpg"}, "isn't UTF-8"),
    ],
)
def test_splits_that_cannot_be_used(keys, match, tree, run, tmp_path):
    tree({"images/train/1.jpg": None, "images/val/1.jpg": None, "empty/x.y": ""})
    with pytest.raises(DataError, match=match):
        run(**keys)
    assert names_in(tmp_path) == ["src"]


def test_an_empty_test_split_is_absent(tree, run):
    root = tree({"images/train/1.jpg": None, "images/val/1.jpg": None})
    (root / "empty").mkdir()
    found = run(splits={"test": "empty"})
    assert found.absent == ("test",)
    assert "test" not in yaml.safe_load(found.data.read_text())
    assert not run(splits={"test": "empty"}).fresh
