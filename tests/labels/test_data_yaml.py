"""A data.yaml means to us what it means to Ultralytics."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ultralytics.data.utils import check_det_dataset
from ultralytics.utils import SETTINGS

from auxhead.errors import DataError
from auxhead.host.datasets import read_source
from auxhead.labels.data_yaml import read_data_yaml

PLAIN = "train: images/train\nval: images/val\nnames: [a, b]\n"


@pytest.fixture
def data_yaml(tmp_path: Path):
    """Write `set/data.yaml` beside the folders and files that it names."""

    def write(text: str, *folders: str) -> Path:
        for folder in ("set/images/train", "set/images/val", *folders):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        path = tmp_path / "set" / "data.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def assert_agreement(data: Path) -> dict[str, Any]:
    """Both read the same from it; returns our splits."""
    theirs, ours = check_det_dataset(str(data), autodownload=False), read_data_yaml(data)
    assert ours.data == data.resolve()
    assert ours.names == theirs["names"]
    assert ours.kpt_shape == theirs.get("kpt_shape")
    assert ours.channels == theirs["channels"]
    splits = {
        split: list(map(str, paths)) if isinstance(paths, list) else str(paths) for split, paths in ours.splits.items()
    }
    assert splits == {split: theirs[split] for split in ("train", "val", "test", "minival") if theirs.get(split)}
    return dict(ours.splits)


def test_paths_count_from_the_folder_of_the_file(data_yaml, tmp_path, monkeypatch):
    data = data_yaml(PLAIN + "test: images/none\nminival: ''\n")
    splits = assert_agreement(data)
    root = tmp_path / "set" / "images"
    assert splits == {"train": root / "train", "val": root / "val", "test": root / "none"}
    monkeypatch.chdir(data.parent)
    assert assert_agreement(Path("data.yaml")) == splits
    monkeypatch.chdir(data.parent.parent)
    assert assert_agreement(Path("set/data.yaml")) == splits


@pytest.mark.parametrize("empty", ["path:\n", "path: ''\n"])
def test_an_empty_path_is_none(data_yaml, tmp_path, empty):
    assert assert_agreement(data_yaml(PLAIN + empty))["val"] == tmp_path / "set/images/val"


def test_an_absolute_path(data_yaml, tmp_path):
    data = data_yaml(f"path: {tmp_path / 'far'}\n{PLAIN}", "far/images/val")
    assert assert_agreement(data)["val"] == tmp_path / "far/images/val"


def test_an_absolute_split(data_yaml, tmp_path):
    data = data_yaml(f"path: {tmp_path / 'far'}\ntrain: x\nval: {tmp_path / 'val'}\nnames: [a]\n", "val")
    assert assert_agreement(data)["val"] == tmp_path / "val"


def test_a_relative_path_counts_from_the_working_folder_if_it_is_there(data_yaml, tmp_path, monkeypatch):
    data = data_yaml(f"path: near\n{PLAIN}", "work/near/images/val", "set/near/images/val")
    monkeypatch.chdir(tmp_path / "work")
    assert assert_agreement(data)["val"] == tmp_path / "work/near/images/val"


def test_a_relative_path_else_counts_from_the_folder_of_data_sets(data_yaml, monkeypatch):
    root = Path(SETTINGS["datasets_dir"]) / "of-test-data-yaml"
    (root / "images/val").mkdir(parents=True, exist_ok=True)
    data = data_yaml(f"path: {root.name}\n{PLAIN}", "set/of-test-data-yaml/images/val")
    assert Path(json.loads(SETTINGS.file.read_text())["datasets_dir"]) == root.parent
    monkeypatch.setattr("ultralytics.data.utils.DATASETS_DIR", root.parent)  # read once, when Ultralytics was imported
    assert assert_agreement(data)["val"] == root / "images/val"


def test_without_settings_data_sets_are_in_ultralytics_own_place(data_yaml, tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "none"))
    data = data_yaml(f"path: gone\n{PLAIN}")
    assert read_data_yaml(data).splits["val"] == Path("datasets/gone/images/val").resolve()


def test_a_list_of_splits(data_yaml, tmp_path):
    text = "train: [images/train, images/val, list.txt]\nval:\n  - images/val\n  - ../more\nnames: [a]\n"
    splits = assert_agreement(data_yaml(text, "more"))
    assert splits["train"] == [tmp_path / "set" / name for name in ("images/train", "images/val", "list.txt")]
    assert splits["val"] == [tmp_path / "set/images/val", tmp_path / "more"]


def test_names_in_another_encoding_are_refused_as_ultralytics_would_leave_letters_out(data_yaml):
    data = data_yaml(PLAIN)
    data.write_bytes("train: images/train\nval: images/val\nnames: [Fußgänger, b] # größer\n".encode("latin-1"))
    assert check_det_dataset(str(data), autodownload=False)["names"][0] == "Fugnger"
    with pytest.raises(DataError, match="letters in another encoding"):
        read_data_yaml(data)
    with pytest.raises(DataError, match="letters in another encoding"):
        read_source(str(data))
    data.write_bytes(PLAIN.encode() + "# größer".encode("latin-1"))
    assert_agreement(data)


def test_encodings_are_judged_however_the_file_is_named(data_yaml, monkeypatch):
    data = data_yaml(PLAIN)
    data.write_bytes("train: images/train\nval: images/val\nnames: [Fußgänger, b]\n".encode("latin-1"))
    monkeypatch.chdir(data.parent)
    for named in (str(data.parent), data.stem):
        assert check_det_dataset(named, autodownload=False)["names"][0] == "Fugnger"
        with pytest.raises(DataError, match="letters in another encoding"):
            read_source(named)


def test_utf_16_may_stand_where_no_letter_is_lost(data_yaml):
    data = data_yaml(PLAIN)
    data.write_bytes(PLAIN.encode("utf-16"))
    assert_agreement(data)
    for name in ("ähre", "ä"):
        data.write_bytes(PLAIN.replace("[a", f"[{name}").encode("utf-16"))
        for read in (read_data_yaml, lambda file: read_source(str(file))):
            with pytest.raises(DataError, match="letters in another encoding"):
                read(data)


@pytest.mark.parametrize(
    "line",
    ["kpt_shape: [17]", "kpt_shape: ['17', '3']", "kpt_shape: [17, 3, 2]", "names: {-1: a, 0: b}", "channels: x"],
)
def test_what_makes_no_shape_and_no_ids_is_refused_by_both_readers(data_yaml, line):
    data = data_yaml(
        f"train: images/train\nval: images/val\nnames: [a]\n{line}\n".replace("names: [a]\nnames", "names")
    )
    for read in (read_data_yaml, lambda file: read_source(str(file))):
        with pytest.raises(DataError, match=line.partition(":")[0]):
            read(data)


def test_a_step_up_is_dropped_where_it_leads_nowhere(data_yaml, tmp_path):
    data = data_yaml("train: ../images/train\nval: ../images/val\ntest: ../beside\nnames: [a]\n", "beside")
    assert assert_agreement(data) == {
        "train": tmp_path / "set/images/train",
        "val": tmp_path / "set/images/val",
        "test": tmp_path / "beside",
    }


def test_validation_is_another_word_for_val(data_yaml, tmp_path):
    text = "train: images/train\nvalidation: images/val\nnames: [a]\n"
    assert assert_agreement(data_yaml(text))["val"] == tmp_path / "set/images/val"
    both = "train: images/train\nval: images/val\nvalidation: images/train\nnames: [a]\n"
    assert assert_agreement(data_yaml(both))["val"] == tmp_path / "set/images/val"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [a, b]", {0: "a", 1: "b"}),
        ("names: [a, 7, true, 1.5]", {0: "a", 1: "7", 2: "True", 3: "1.5"}),
        ("names: {0: a, 1: b}", {0: "a", 1: "b"}),
        ("names: {1: b, 0: a}", {0: "a", 1: "b"}),
        ("names: {'0': a, '1': b}", {0: "a", 1: "b"}),
        ("nc: 3", {0: "class_0", 1: "class_1", 2: "class_2"}),
        ("nc: '2'\nnames:", {0: "class_0", 1: "class_1"}),
        ("nc: 2\nnames: [a, b]", {0: "a", 1: "b"}),
        ("nc: 2.0\nnames: [a, b]", {0: "a", 1: "b"}),
        ("nc: 2.0", {0: "class_0", 1: "class_1"}),
        ("nc: '2'\nnames: [a, b]", {0: "a", 1: "b"}),
        ("names: [ä, 'b c']", {0: "ä", 1: "b c"}),
    ],
)
def test_names(data_yaml, text, names):
    data = data_yaml(f"train: images/train\nval: images/val\n{text}\n")
    assert_agreement(data)
    assert read_data_yaml(data).names == names


def test_none_as_a_word_is_no_path(data_yaml):
    assert_agreement(data_yaml(f"{PLAIN}test: None\n"))


@pytest.mark.parametrize("more", ["kpt_shape: [4, 3]", "channels: 1", "channels: 10\nkpt_shape: [1, 2]", "x: {y: 1}"])
def test_keypoints_and_channels(data_yaml, more):
    assert_agreement(data_yaml(f"{PLAIN}{more}\n"))


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("a: [", "data.yaml", "expected the node content"),
        ("- a\n- b\n", "data.yaml", "list instead of"),
        ("just words\n", "data.yaml", "str instead of"),
        ("", "data.yaml", "NoneType instead of"),
        ("val: images/val\n", "names", "neither names nor nc"),
        ("val: images/val\nnames:\n", "names", "neither names nor nc"),
        ("val: images/val\nnames: car\n", "names", "names: car"),
        ("val: images/val\nnames: 3\n", "names", "names: 3"),
        ("val: images/val\nnames: {a: 0}\n", "names", "names: {'a': 0}"),
        ("val: images/val\nnames: []\n", "names of the class ids", "ids []"),
        ("val: images/val\nnames: {0: a, 2: b}\n", "class ids 0 to n - 1", "ids [0, 2]"),
        ("val: images/val\nnames: {1: a, 2: b}\n", "class ids 0 to n - 1", "ids [1, 2]"),
        ("val: images/val\nnames: {-1: a, 0: b}\n", "class ids 0 to n - 1", "ids [-1, 0]"),
        ("val: images/val\nnc: 3\nnames: [a, b]\n", "nc: 2", "nc: 3"),
        ("val: images/val\nnc: many\n", "nc: a whole number", "many"),
        ("val: 5\nnames: [a]\n", "val: a path", "5"),
        ("val: {a: b}\nnames: [a]\n", "val: a path", "{'a': 'b'}"),
        ("val: [images/val, 3]\nnames: [a]\n", "val: a path", "['images/val', 3]"),
    ],
)
def test_anything_else_is_an_error_that_names_the_file(data_yaml, text, expected, found):
    data = data_yaml(text)
    with pytest.raises(DataError) as caught:
        read_data_yaml(data)
    assert expected in caught.value.expected
    assert found in caught.value.found
    assert caught.value.where == str(data)


@pytest.mark.parametrize("name", ["missing.yaml", "set"])
def test_a_file_that_cannot_be_read(data_yaml, tmp_path, name):
    data_yaml(PLAIN)
    with pytest.raises(DataError) as caught:
        read_data_yaml(tmp_path / name)
    assert caught.value.where == str(tmp_path / name)
    assert name == "set" or caught.value.found == "no such file"


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links")
def test_paths_count_from_the_folder_of_a_link_to_the_file(data_yaml, tmp_path):
    data = data_yaml(PLAIN, "links/images/train", "links/images/val")
    link = tmp_path / "links" / "data.yaml"
    link.symlink_to(data)
    theirs = check_det_dataset(str(link), autodownload=False)
    assert str(read_data_yaml(link).splits["val"]) == theirs["val"]


@pytest.mark.parametrize("more", ["channels: many", "channels: [3]", "kpt_shape: 5", "path: 5"])
def test_other_keys_of_the_wrong_type_are_errors_too(data_yaml, more):
    with pytest.raises(DataError):
        read_data_yaml(data_yaml(f"{PLAIN}{more}\n"))
