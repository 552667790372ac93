"""What is checked of a data set before anything is trained: the place of its labels, its images, shared labels."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

import auxhead
from auxhead.errors import ConfigError, DataError
from auxhead.host.datasets import read_source
from auxhead.keys.convert import PoseKeys
from auxhead.model.choices import RunPlan
from auxhead.training.data_check import check_data, check_images

BOX = "0 .5 .5 .2 .2\n"
Files = dict[str, str | tuple[int, int] | None]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Write a data set of two pictures a split, with changes: text, a size of a picture, or None to leave it out."""

    def write(**changes: str | tuple[int, int] | None) -> Path:
        files: Files = {}
        for split in ("train", "val"):
            for name in ("a", "b"):
                files |= {f"images/{split}/{name}.png": (32, 32), f"labels/{split}/{name}.txt": BOX}
        for name, content in {**files, **changes}.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, tuple):
                Image.new("L", content).save(path, "gif" if name.endswith(".jpg") else "png")
            elif content is not None:
                path.write_text(content)
        data = tmp_path / "data" / "data.yaml"
        data.write_text(f"path: {tmp_path / 'data'}\ntrain: images/train\nval: images/val\nnames: [x, y]\n")
        return data

    return write


def arguments(data: Path) -> dict[str, Any]:
    return {"data": str(data)}


BARE = {f"labels/{split}/{name}.txt": None for split in ("train", "val") for name in ("a", "b")}


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_any_label_file_is_refused_whatever_on_error_says(
    split: str, make: Callable[..., Path]
) -> None:
    gone = {f"labels/{split}/{name}.txt": None for name in "ab"}
    data = make(**gone, **{f"Labels/{split}/a.txt": BOX})
    for on_error in ("fail", "skip"):
        with pytest.raises(DataError, match=f"none for any of 2 images(.|\n)*Labels/{split}/a.txt") as caught:
            check_data(arguments(data), RunPlan(on_error=on_error))
        assert str(data.parent / f"labels/{split}/a.txt") in caught.value.where


def test_train_its_dry_run_convert_inspect_and_design_say_the_same(
    make: Callable[..., Path], call: Callable[..., Any], tmp_path: Path
) -> None:
    data = make(**BARE, **{"labels/train/a.png.txt": BOX})
    keys = ["model=yolov8n.yaml", f"data={data}", "project=runs"]
    lines = [
        ["train", *keys],
        ["train", *keys, "--dry-run"],
        ["convert", f"data={data}", "out=out", "to=pose"],
        ["inspect", f"data={data}"],
        ["design", f"data={data}", "like=yolov8n.yaml"],
    ]
    told = [call(*line) for line in lines]
    assert [each.returncode for each in told] == [2] * 5
    message = told[0].stderr[told[0].stderr.index("expected:") :]
    assert f"nearby: {data.parent / 'labels/train/a.png.txt'}" in message
    assert [message in each.stderr for each in told] == [True] * 5
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("nothing", ["", "''", "None", "[]"])
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_of_nothing_is_one_message(
    split: str, nothing: str, make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make()
    data.write_text(data.read_text().replace(f"{split}: images/{split}", f"{split}: {nothing}"))
    monkeypatch.chdir(data.parent)  # which must not serve as the split
    commands: dict[str, Callable[[], object]] = {
        "train": lambda: check_data(arguments(data), RunPlan()),
        "convert": lambda: auxhead.convert(str(data), out=str(tmp_path / "out"), to="pose"),
    }
    if split == "train":
        commands["inspect"] = lambda: auxhead.inspect(str(data), imgsz=32)
    for command in commands.values():
        with pytest.raises(DataError, match=f"a {split} split"):
            command()
    assert not (tmp_path / "out").exists()


def test_an_empty_test_split_is_none(make: Callable[..., Path]) -> None:
    data = make()
    data.write_text(f"{data.read_text()}test: images/test\n")
    (data.parent / "images" / "test").mkdir()
    assert set(auxhead.inspect(str(data), imgsz=32).splits) == {"train", "val"}
    assert set(read_source(str(data)).splits) == {"train", "val"}
    with pytest.raises(DataError, match="a test split with images"):
        auxhead.evaluate("yolov8n.pt", data=str(data), split="test")


@pytest.mark.parametrize("classes", [[5], 2, [0, -1]])
def test_classes_that_there_are_not_are_refused(classes: Any, make: Callable[..., Path]) -> None:
    data = make()
    with pytest.raises(ConfigError, match="class ids of 0 to 1"):
        check_data({**arguments(data), "classes": classes}, RunPlan())
    check_data({**arguments(data), "classes": [0, 1]}, RunPlan())


def test_images_that_ultralytics_drops_are_named_with_the_bad_rows(make: Callable[..., Path], tmp_path: Path) -> None:
    data = make(**{"images/train/a.png": (8, 8), "images/train/c.jpg": (64, 64), "labels/train/b.txt": "0 .5\n"})
    with pytest.raises(DataError) as caught:
        check_data(arguments(data), RunPlan())
    assert caught.value.found.startswith("2 images that can't be used and 1 bad row in 1 of 1 label files")
    assert f"{data.parent / 'images/train/a.png'}: expected at least 10 x 10 pixels, found 8 x 8" in caught.value.where
    assert "c.jpg: expected an image in a format that Ultralytics reads, found GIF" in caught.value.where
    with (tmp_path / "auxhead-problems-train.csv").open() as file:
        assert [Path(row[0]).name for row in csv.reader(file)] == ["path", "a.png", "c.jpg", "b.txt"]


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="a folder that nobody can write to")
@pytest.mark.parametrize("more", [[], ["--dry-run"], ["on_error=skip", "--dry-run"]], ids=" ".join)
def test_bad_rows_are_named_where_the_working_folder_cant_be_written_to(
    more: list[str],
    make: Callable[..., Path],
    quick: dict[str, Any],
    call: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = make(**{"images/train/b.png": (64, 64), "labels/train/b.txt": f"{BOX}0 .5\n"})
    words = ["train", f"data={data}", f"model={quick['model']}", f"project={tmp_path / 'runs'}", *more]
    monkeypatch.chdir("/sys")
    done = call(*words)
    assert done.returncode == (0 if "on_error=skip" in more else 2), done.stderr
    told = done.stderr + caplog.text
    assert f"{data.parent / 'labels/train/b.txt'}:2: " in told
    assert "they are listed nowhere else, as /sys/auxhead-problems-train.csv can't be written: " in told
    assert not (tmp_path / "runs").exists()


def test_skip_counts_what_is_left_and_says_what_is_not(
    make: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    data = make(**{"images/val/a.png": (8, 8)})
    check_data(arguments(data), RunPlan(on_error="skip"))
    assert "val: 1 images, 1 boxes" in caplog.text
    assert "val: leaving 1 images out (on_error=skip)" in caplog.text
    assert "images/val/a.png" in caplog.text


@pytest.mark.parametrize("bad", [{"images/val/a.png": (8, 8), "images/val/b.png": (8, 8)}, {"labels/val/a.txt": "x"}])
def test_skip_stops_where_nothing_is_left(bad: dict[str, Any], make: Callable[..., Path]) -> None:
    data = make(**{"labels/val/b.txt": "y", **bad})
    with pytest.raises(DataError):
        check_data(arguments(data), RunPlan(on_error="skip"))


def test_shared_label_files_are_counted(make: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    data = make(**{"images/train/a.webp": "", "images/val/c.png": (32, 32)})
    Image.new("L", (32, 32)).save(data.parent / "images/train/a.webp")
    check_data(arguments(data), RunPlan())
    lines = [line for line in caplog.messages if "share" in line]
    assert len(lines) == 1
    assert lines[0].startswith("train: 3 images, 3 boxes")
    pair = ", ".join(str(data.parent / f"images/train/a.{suffix}") for suffix in ("png", "webp"))
    assert lines[0].endswith(f"2 images share 1 label file, such as {pair}")


def test_mixed_rows_are_refused_by_a_detector_and_taken_where_labels_are_converted(make: Callable[..., Path]) -> None:
    data = make(**{"labels/train/a.txt": BOX + "1 .1 .1 .3 .1 .3 .3\n"})
    with pytest.raises(DataError, match="expected only polygons as in line 2, found a box"):
        check_data(arguments(data), RunPlan())
    check_data(arguments(data), RunPlan(route="pose", labels=PoseKeys()))


def test_a_jpeg_called_jfif_is_named(make: Callable[..., Path], tmp_path: Path) -> None:
    data = make()
    (data.parent / "images/train/a.png").rename(data.parent / "images/train/a.jfif")
    named = r"images/train/a\.jfif: expected a suffix that Ultralytics reads, found \.jfif"
    with pytest.raises(DataError, match=named):
        check_data(arguments(data), RunPlan())
    check_data(arguments(data), RunPlan(on_error="skip"))
    with pytest.raises(DataError, match=named):
        auxhead.convert(data, out=str(tmp_path / "posed"), to="pose")
    with pytest.raises(DataError, match=named):
        auxhead.evaluate("gone.pt", data=str(data), split="train")
    assert str(data.parent / "images/train/a.jfif") in auxhead.inspect(data, imgsz=64).splits["train"].left_out


def test_stock_trainings_that_know_no_ignored_regions_say_so(
    make: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    data = make(**{"ignore/train/a.txt": "-1 .5 .5 .2 .2\n"})
    said = "1 image with ignored regions, which route=pose learns as background"
    for plan, told in (
        (RunPlan(), False),
        (RunPlan(route="pose", labels=PoseKeys()), True),
        (RunPlan(route="pose", labels=PoseKeys(), ignore=False), False),
    ):
        caplog.clear()
        check_data(arguments(data), plan)
        assert (said in caplog.text) is told


def test_a_dry_run_notices_a_tiny_image(make: Callable[..., Path], call: Callable[..., Any]) -> None:
    data = make(**{"images/val/a.png": (8, 8)})
    done = call("train", "--dry-run", "model=yolov8n.yaml", f"data={data}")
    assert (done.returncode, "images/val/a.png" in done.stderr) == (2, True)


def test_what_ultralytics_left_out_after_all_is_found_by_listing_again(caplog: pytest.LogCaptureFixture) -> None:
    dataset = SimpleNamespace(img_path="d", im_files=["d/b.jpg"], get_img_files=lambda _: ["d/a.jpg", "d/b.jpg"])
    with pytest.raises(DataError, match=r"d/a\.jpg"):
        check_images(dataset, "fail")
    check_images(dataset, "skip")
    assert "training without 1 images" in caplog.text


def test_training_without_them_reads_what_the_check_left(
    make: Callable[..., Path], quick: dict[str, Any], tmp_path: Path
) -> None:
    data = make(**{"images/train/a.png": (8, 8), "images/val/b.png": (8, 8)})
    read: list[list[str]] = []

    def look(trainer: Any) -> None:
        loaders = (trainer.train_loader, trainer.test_loader)
        read.extend([Path(name).name for name in loader.dataset.im_files] for loader in loaders)
        raise KeyboardInterrupt

    keys = {**quick, "data": str(data), "project": str(tmp_path / "runs"), "on_error": "skip"}
    with pytest.raises(KeyboardInterrupt):
        auxhead.train(**keys, callbacks={"on_train_start": look})
    assert read == [["b.png"], ["a.png"]]


# -- what Ultralytics unpacks or converts first ---------------------------------------------------------------------


@pytest.fixture
def data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let Ultralytics unpack into a folder of this test."""
    folder = tmp_path / "datasets"
    folder.mkdir()
    monkeypatch.setattr("ultralytics.data.utils.DATASETS_DIR", folder)
    monkeypatch.setattr("ultralytics.data.converter.DATASETS_DIR", folder)
    return folder


def archive(data: Path, tmp_path: Path) -> Path:
    text = data.read_text().splitlines()
    data.write_text("\n".join(line for line in text if not line.startswith("path:")))
    return Path(shutil.make_archive(str(tmp_path / "signs"), "zip", tmp_path, "data"))


def test_an_archive_is_checked_as_its_data_yaml_is(make: Callable[..., Path], data_sets: Path, tmp_path: Path) -> None:
    file = archive(make(**{"labels/train/b.txt": "7 .5 .5 .2 .2\n"}), tmp_path)
    with pytest.raises(DataError, match="1 bad row in 1 of 2 label files"):
        check_data({"data": str(file)}, RunPlan())
    checked = check_data({"data": str(file), "imgsz": 64}, RunPlan(on_error="skip"))
    assert (checked["imgsz"], checked["data"]) == (64, str(data_sets / "data" / "data.yaml"))


def test_an_archive_of_labels_in_the_wrong_place_is_refused(
    make: Callable[..., Path], data_sets: Path, tmp_path: Path
) -> None:
    file = archive(make(**BARE, **{"Labels/train/a.txt": BOX}), tmp_path)
    with pytest.raises(DataError, match=f"nearby: {data_sets}"):
        check_data({"data": str(file)}, RunPlan())


def test_an_ndjson_file_is_converted_before_its_labels_are_checked(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    converted = make(**{"labels/val/b.txt": "7 .5 .5 .2 .2\n"})

    async def convert(path: str, **_: Any) -> Path:  # Ultralytics' own needs aiohttp
        assert path == "signs.ndjson"
        return converted

    monkeypatch.setattr("ultralytics.data.converter.convert_ndjson_to_yolo", convert)
    with pytest.raises(DataError, match="1 bad row in 1 of 2 label files"):
        check_data({"data": "signs.ndjson"}, RunPlan())
    assert check_data({"data": "signs.ndjson"}, RunPlan(on_error="skip")) == {"data": str(converted)}


@pytest.mark.parametrize("content", ["", "not json", '{"type": "dataset"}\n'])
def test_an_ndjson_file_that_is_none_is_one_message(content: str, data_sets: Path, tmp_path: Path) -> None:
    file = tmp_path / "signs.ndjson"
    file.write_text(content)
    with pytest.raises(DataError) as caught:
        check_data({"data": str(file)}, RunPlan())
    assert caught.value.where == str(file)


def test_a_split_that_is_asked_for_must_be_there(make: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="'test:' images not found"):
        check_data({**arguments(make()), "split": "test"}, RunPlan())
