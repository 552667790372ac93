"""`auxhead.evaluate` on predictions files: what comes out, what is refused, and that nothing is guessed or lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

import auxhead
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import label_path, list_images
from auxhead.metrics.truth import image_size

Rows = list[dict[str, Any]]


def rows_of(data: Path, noise: float = 0.0, seed: int = 0) -> Rows:
    """Results as a detector would write them: the labels, moved by some of their size; scores at random."""
    random = np.random.default_rng(seed)
    rows = []
    for image in list_images(read_data_yaml(data).splits["val"]):
        width, height = image_size(image)
        for line in label_path(image).read_text().splitlines():
            cls, x, y, w, h = map(float, line.split())
            dx, dy = random.normal(0, noise, 2) if noise else (0, 0)
            box = [(x + dx * w - w / 2) * width, (y + dy * h - h / 2) * height, w * width, h * height]
            rows.append({"image_id": image.stem, "category_id": int(cls), "bbox": box, "score": random.uniform(0.2, 1)})
    return rows


@pytest.fixture
def predictions(signs: Path, tmp_path: Path) -> Path:
    return written(tmp_path / "preds.json", rows_of(signs, 0.2))


def written(path: Path, rows: Any) -> Path:
    path.write_text(json.dumps(rows))
    return path


def measure(predictions: Path, data: Path | str, **keys: Any) -> auxhead.Evaluation:
    settings: dict[str, Any] = {"resamples": 20, "out": str(predictions.parent / "out"), "exist_ok": True} | keys
    return auxhead.evaluate(predictions=str(predictions), data=str(data), **settings)


def test_perfect_predictions_are_perfect(signs: Path, tmp_path: Path) -> None:
    result = measure(written(tmp_path / "p.json", rows_of(signs)), signs)
    numbers = result.detectors[0].numbers["all"]
    assert {name: found.value for name, found in numbers.items() if "@1" not in name[-3:]} == pytest.approx(
        {name: 1.0 for name in numbers if "@1" not in name[-3:]}
    )
    assert result.detectors[0].mistakes["all"]["found"] == result.data["boxes"] > 0
    assert result.detectors[0].mistakes["all"]["background"] == 0


def test_files_hold_what_was_returned(signs: Path, predictions: Path, tmp_path: Path) -> None:
    result = measure(predictions, signs)
    written_down = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written_down == json.loads(json.dumps(result.to_dict()))
    assert written_down["schema"] == "auxhead.evaluate/1"
    counts = pl.read_parquet(tmp_path / "out" / "per_image.parquet")
    assert counts["boxes"].sum() == result.data["boxes"]
    assert set(counts["image"]) <= {str(image) for image in list_images(read_data_yaml(signs).splits["val"])}
    kinds = ("found", "loose", "wrong_class", "missed")
    assert counts.select(pl.sum_horizontal(kinds) - pl.col("boxes")).to_series().abs().sum() == 0
    table = result.to_polars()
    row = table.row(by_predicate=(pl.col("band") == "all") & (pl.col("measure") == "AP50"), named=True)
    assert row["value"] == result.detectors[0].numbers["all"]["AP50"].value
    assert row["low"] <= row["value"] <= row["high"]
    assert "AP50" in str(result)
    assert f"NWD's constant is {result.settings['nwd']:.1f}" in str(result)


def test_bands_without_boxes_are_none_and_a_dash(signs: Path, predictions: Path) -> None:
    result = measure(predictions, signs, bands=[1000.0, 2000.0])
    empty = result.detectors[0].numbers[">=2000"]
    assert {found.value for found in empty.values()} == {None}
    assert result.data["bands"] == {"all": result.data["boxes"], "<1000": result.data["boxes"], "1000-2000": 0} | {
        ">=2000": 0
    }
    line = next(line for line in str(result).splitlines() if line.startswith(">=2000"))
    assert line.split()[1:] == ["0", *["-"] * 5]


def test_a_detector_against_itself_differs_in_nothing(signs: Path, predictions: Path) -> None:
    result = measure(predictions, signs, versus=str(predictions))
    assert [one.name for one in result.detectors] == ["preds-1", "preds-2"]
    assert result.differences is not None
    for measures in result.differences.values():
        for found in measures.values():
            assert found.value in {0.0, None}
            assert found.low in {0.0, None}


def test_a_better_detector_is_ahead(signs: Path, tmp_path: Path) -> None:
    good, bad = (written(tmp_path / f"{noise}.json", rows_of(signs, noise)) for noise in (0.05, 0.6))
    result = measure(good, signs, versus=str(bad), resamples=100)
    assert result.differences is not None
    ahead = result.differences["all"]["AP50"]
    assert ahead.value is not None
    assert ahead.low is not None
    assert (
        ahead.value
        == result.detectors[0].numbers["all"]["AP50"].value - result.detectors[1].numbers["all"]["AP50"].value
    )
    assert 0 < ahead.low <= ahead.value
    assert "training again moves them" in str(result)


def test_same_seed_same_intervals(signs: Path, predictions: Path) -> None:
    first, second, other = (measure(predictions, signs, seed=seed).to_dict() for seed in (0, 0, 1))
    assert first == second
    assert first["detectors"][0]["numbers"] != other["detectors"][0]["numbers"]


def test_network_pixels_scale_sizes_and_nothing_else(signs: Path, predictions: Path) -> None:
    plain = measure(predictions, signs, nwd=10.0)
    scaled = measure(predictions, signs, pixels="network", imgsz=128, nwd=20.0, distances_px=[4.0, 8.0, 16.0])
    small, large = (result.detectors[0].numbers["all"] for result in (plain, scaled))
    for measure_, other in (
        ("AP", "AP"),
        ("center_AP", "center_AP"),
        ("NWD_AP", "NWD_AP"),
        ("center_AP@4px", "center_AP@8px"),
    ):
        assert small[measure_].value == pytest.approx(large[other].value)
    assert plain.data["bands"] != scaled.data["bands"]
    with pytest.raises(auxhead.ConfigError, match="imgsz"):
        measure(predictions, signs, pixels="network")


def test_ultralytics_numbering_is_read_when_asked_and_refused_when_guessed(signs: Path, tmp_path: Path) -> None:
    rows = rows_of(signs, 0.1)
    last = len(read_data_yaml(signs).names) - 1
    rows[0]["category_id"] = last  # so that the file fits one numbering only
    shifted = [{**row, "category_id": row["category_id"] + 1} for row in rows]
    plain = measure(written(tmp_path / "a.json", rows), signs)
    ones = measure(written(tmp_path / "b.json", shifted), signs, categories="ultralytics")
    assert plain.detectors[0].numbers == ones.detectors[0].numbers
    with pytest.raises(auxhead.DataError, match="categories=ultralytics"):
        measure(tmp_path / "b.json", signs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": "nowhere"}, "image 'nowhere' is not in the data"),
        ({"file_name": "nowhere.jpg"}, "image 'nowhere.jpg' is not in the data"),
        ({"category_id": 99}, "category_id 99 is none of"),
        ({"category_id": None}, "category_id None is none of"),
        ({"score": float("nan")}, "score of at least 0, found nan"),
        ({"score": -0.1}, "score of at least 0, found -0.1"),
        ({"score": "high"}, "could not convert"),
        ({"bbox": [1, 2, 3]}, "four numbers"),
        ({"bbox": "1234"}, "expected a list of four numbers in bbox, found '1234'"),
        ({"bbox": {"1": 1, "2": 2, "3": 3, "4": 4}}, "expected a list of four numbers in bbox, found {'1': 1"),
        ({"bbox": None}, "expected a list of four numbers in bbox, found None"),
        ({"bbox": [1, 2, -3, 4]}, "width and height of at least 0"),
        ({"bbox": [1, 2, float("inf"), 4]}, "finite numbers"),
        ({"bbox": [10**400, 2, 3, 4]}, "too large"),
        ({"score": 10**400}, "too large"),
        ({"category_id": float("inf")}, "category_id inf is none of"),
        ({"bbox": [5000, 2, 3, 4]}, "lies outside of its image"),
    ],
)
def test_bad_rows_are_refused_by_place(signs: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    rows = rows_of(signs)
    rows[1] |= change
    with pytest.raises(auxhead.DataError, match=message) as caught:
        measure(written(tmp_path / "p.json", rows), signs)
    assert "row 1" in caught.value.where
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content", ["{}", "[1]", "[{}]", "nonsense", '{"annotations": []}', pytest.param("[" * 100_000, id="deep")]
)
def test_files_that_are_no_results_are_refused(signs: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(auxhead.DataError):
        measure(tmp_path / "p.json", signs)


def test_no_predictions_at_all_are_no_mistake(signs: Path, tmp_path: Path) -> None:
    result = measure(written(tmp_path / "p.json", []), signs)
    assert result.detectors[0].numbers["all"]["AP"].value == 0
    assert result.detectors[0].score is None
    assert result.detectors[0].mistakes["all"]["missed"] == result.data["boxes"]


def test_boxes_of_zero_size_count_as_wrong(signs: Path, tmp_path: Path) -> None:
    rows = rows_of(signs)
    for row in rows:
        row["bbox"][2] = 0.0
    result = measure(written(tmp_path / "p.json", rows), signs)
    assert result.detectors[0].numbers["all"]["AP50"].value == 0


def test_many_detections_in_one_image(signs: Path, tmp_path: Path) -> None:
    rows = rows_of(signs)
    random = np.random.default_rng(0)
    noise = [
        {**rows[0], "bbox": [float(x), float(y), 5.0, 5.0], "score": 0.1} for x, y in random.uniform(0, 60, (30_000, 2))
    ]
    result = measure(written(tmp_path / "p.json", rows + noise), signs, resamples=0, max_det=200_000)
    assert result.detectors[0].numbers["all"]["AP50"].value == pytest.approx(1)
    assert result.detectors[0].detections == len(rows) + 30_000


def test_names_that_two_folders_share_must_be_told_apart(signs: Path, tmp_path: Path) -> None:
    source = read_data_yaml(signs)
    images = list_images(source.splits["val"])
    for folder in ("a", "b"):
        for image in images:
            for old in (image, label_path(image)):
                new = tmp_path / "data" / ("images" if old is image else "labels") / folder / old.name
                new.parent.mkdir(parents=True, exist_ok=True)
                new.write_bytes(old.read_bytes())
    data = tmp_path / "data" / "data.yaml"
    data.write_text(yaml.safe_dump({"train": "images", "val": "images", "names": dict(source.names)}))
    rows = rows_of(signs)
    with pytest.raises(auxhead.DataError, match="file_name must tell their folders apart"):
        measure(written(tmp_path / "p.json", rows), data)
    both = [{**row, "file_name": f"{folder}/{row['image_id']}{images[0].suffix}"} for row in rows for folder in "ab"]
    assert measure(written(tmp_path / "p.json", both), data).detectors[0].numbers["all"]["AP"].value == pytest.approx(1)


def test_a_split_without_labels_is_refused(signs: Path, tmp_path: Path) -> None:
    image = list_images(read_data_yaml(signs).splits["val"])[0]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / image.name).write_bytes(image.read_bytes())
    data = tmp_path / "data.yaml"
    data.write_text("train: images\nval: images\nnames: [a]\n")
    with pytest.raises(auxhead.DataError, match="none for any of 1 image;"):
        measure(written(tmp_path / "p.json", []), data)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / f"{image.stem}.txt").touch()
    with pytest.raises(auxhead.DataError, match="without a single box"):
        measure(written(tmp_path / "p.json", []), data)


def test_a_folder_called_like_a_label_file_counts_as_missing(signs: Path, tmp_path: Path) -> None:
    source = read_data_yaml(signs)
    rows = rows_of(signs)
    label = label_path(list_images(source.splits["val"])[0])
    boxes = len(label.read_text().splitlines())
    copy = tmp_path / "data"
    shutil.copytree(signs.parent, copy)
    data = copy / "data.yaml"
    data.write_text(yaml.safe_dump({"train": "images/train", "val": "images/val", "names": dict(source.names)}))
    there = copy / label.relative_to(signs.parent)
    there.unlink()
    there.mkdir()
    result = measure(written(tmp_path / "p.json", rows), data)
    assert (boxes > 0, result.data["boxes"]) == (True, len(rows) - boxes)


@pytest.mark.parametrize("keys", [{}, {"predictions": None, "model": "unread.pt"}], ids=["results", "model"])
def test_an_image_that_is_listed_twice_is_named_before_anything_predicts(
    signs: Path, predictions: Path, tmp_path: Path, keys: dict[str, Any]
) -> None:
    source = read_data_yaml(signs)
    data = tmp_path / "twice.yaml"
    folder = Path(str(source.splits["val"]))
    content = {"train": str(folder), "val": [str(folder.parent), str(folder)], "names": dict(source.names)}
    data.write_text(yaml.safe_dump(content))
    with pytest.raises(auxhead.DataError, match="listed twice or more, such as") as caught:
        auxhead.evaluate(**{"predictions": str(predictions), "data": str(data), "out": str(tmp_path / "out")} | keys)
    images = list_images(folder)
    assert f"{len(images)} images listed twice or more, such as {images[0]}" in caught.value.found


def test_corners_in_labels_are_refused(signs: Path, tmp_path: Path) -> None:
    source = read_data_yaml(signs)
    rows = rows_of(signs)
    shutil.copytree(signs.parent, tmp_path / "data")
    data = tmp_path / "data" / "data.yaml"
    data.write_text(yaml.safe_dump({"train": "images/train", "val": "images/val", "names": dict(source.names)}))
    for label in (tmp_path / "data" / "labels" / "val").glob("*.txt"):
        parts = [list(map(float, line.split())) for line in label.read_text().splitlines()]
        corners = [(cls, x - w / 2, y - h / 2, x + w / 2, y + h / 2) for cls, x, y, w, h in parts]
        label.write_text("".join(f"{int(cls)} {' '.join(map(str, box))}\n" for cls, *box in corners))
    with pytest.raises(auxhead.DataError, match="are these left, top, right, bottom as shares") as caught:
        measure(written(tmp_path / "p.json", rows), data)
    assert "boxes that end far outside of their image" in caught.value.found


def test_a_split_that_is_not_there_is_named(signs: Path, predictions: Path) -> None:
    with pytest.raises(auxhead.DataError, match="a test split"):
        measure(predictions, signs, split="test")


def coco(path: Path, **changes: Any) -> Path:
    content = {
        "images": [{"id": 7, "file_name": "x.jpg", "width": 100, "height": 100}],
        "categories": [{"id": 3, "name": "cell"}, {"id": 9, "name": "nut"}],
        "annotations": [
            {"id": 0, "image_id": 7, "category_id": 3, "bbox": [10, 10, 20, 20], "area": 100.0, "iscrowd": 0},
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [50, 50, 40, 40], "area": 1600.0, "iscrowd": 1},
        ],
    }
    return written(path, content | changes)


def test_a_coco_json_is_truth_with_its_own_ids_crowds_and_areas(tmp_path: Path) -> None:
    rows = [
        {"image_id": 7, "category_id": 3, "bbox": [10, 10, 20, 20], "score": 0.5},
        {
            "image_id": 7,
            "category_id": 3,
            "bbox": [55, 55, 20, 20],
            "score": 0.9,
        },  # in the crowd: neither right nor wrong
    ]
    predictions, data = written(tmp_path / "p.json", rows), coco(tmp_path / "truth.json")
    result = measure(predictions, data, bands="coco")
    assert result.detectors[0].numbers["all"]["AP"].value == pytest.approx(1)  # although its annotation has id 0
    assert (result.data["boxes"], result.data["crowds"]) == (1, 1)
    assert result.settings["nwd"] == 20.0  # the size of the box; a crowd is no object
    assert [row["AP"] for row in result.detectors[0].classes] == [pytest.approx(1), None]
    assert measure(predictions, data, bands=[15.0]).data["bands"]["<15"] == 0
    assert measure(predictions, data, bands=[15.0], area="polygon").data["bands"]["<15"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"annotations": []}, "not one annotation"),
        ({"images": [{"id": 7}]}, "width"),
        ({"categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]}, "occur twice"),
        ({"annotations": [{"id": 0, "image_id": 8, "category_id": 3, "bbox": [1, 1, 1, 1]}]}, "annotation 0"),
        ({"annotations": [{"id": 0, "image_id": 7, "category_id": 3, "bbox": [1, 1, -1, 1]}]}, "no box"),
    ],
)
def test_a_bad_coco_json_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(auxhead.DataError, match=message):
        measure(written(tmp_path / "p.json", []), coco(tmp_path / "truth.json", **changes))


def test_results_of_something_else_are_not_overwritten(signs: Path, predictions: Path, tmp_path: Path) -> None:
    measure(predictions, signs)
    before = (tmp_path / "out" / "metrics.json").read_bytes()
    other = written(tmp_path / "other.json", rows_of(signs))
    with pytest.raises(auxhead.OutputError, match="exist_ok=true"):
        measure(other, signs, exist_ok=False)
    assert (tmp_path / "out" / "metrics.json").read_bytes() == before
    for question in ({"bands": "coco"}, {"pixels": "network"}, {"conf": 0.5}, {"imgsz": 320}, {"single_cls": True}):
        with pytest.raises(auxhead.OutputError, match="exist_ok=true"):
            measure(predictions, signs, exist_ok=False, **question)
    assert (tmp_path / "out" / "metrics.json").read_bytes() == before
    measure(predictions, signs, exist_ok=False)  # the same again is fine
    measure(predictions, signs, exist_ok=False, resamples=0, seed=3)  # and how sure it is changes nothing
    measure(other, signs, exist_ok=True)
    assert (tmp_path / "out" / "metrics.json").read_bytes() != before


def test_files_of_one_name_in_two_folders_are_two_questions(
    signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, scores in (("one", rows_of(signs)), ("two", [])):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "p.json", scores)
    keys: dict[str, Any] = {"data": str(signs), "predictions": "p.json", "resamples": 0, "out": str(tmp_path / "out")}
    monkeypatch.chdir(tmp_path / "one")
    auxhead.evaluate(**keys)
    auxhead.evaluate(**keys)
    monkeypatch.chdir(tmp_path / "two")
    with pytest.raises(auxhead.OutputError, match="results of something else"):
        auxhead.evaluate(**keys)


def test_paths_may_be_paths(signs: Path, predictions: Path, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"resamples": 0, "out": tmp_path / "of paths"}
    found = auxhead.evaluate(predictions=predictions, data=signs, **keys)
    assert found.settings["data"] == str(signs)
    assert (tmp_path / "of paths" / "metrics.json").is_file()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"model": "a.pt"}, "either model= or predictions="),
        ({"predictions": None}, "either model= or predictions="),
        ({"bandz": "coco"}, "bands"),
        ({"bands": "9,3"}, "rising sizes"),
        ({"distances": "0.5,0.1"}, "rising positive"),
        ({"resamples": -1}, "resamples"),
        ({"nwd": 0}, "nwd"),
        ({"versus": "b.pt", "data": "truth.json"}, "needs the pictures"),
        ({"predictions": "best.pt", "data": "truth.json"}, "predictions=best.pt: expected a results file"),
        ({"fail_below": "AP50:40"}, r"(?s)MEASURE:VALUE.*'AP50:40'"),
        ({"fail_below": "AP5:0.4,AP50"}, "'AP5:0.4', 'AP50'"),
        ({"fail_below": "8-17:AP50:0.4"}, "bands <2, 2-8, 8-16"),
        ({"fail_below": "8-16:NWD_AP:0.4"}, "of all sizes also"),
        ({"fail_below": "8-16:AP:0.2:0.3"}, "fail_below"),
        ({"fail_below": ""}, "fail_below"),
    ],
)
def test_bad_keys(signs: Path, predictions: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(auxhead.ConfigError, match=message):
        auxhead.evaluate(**{"predictions": str(predictions), "data": str(signs)} | keys)


def test_command_line(signs: Path, predictions: Path, call: Callable[..., Any]) -> None:
    words = (f"predictions={predictions}", f"data={signs}", "resamples=10", "bands=0,8,16,32,96", "out=here")
    done = call("evaluate", *words)
    assert done.returncode == 0
    assert "recall@1FPPI" in done.stdout
    assert Path("here/metrics.json").is_file()
    emitted = call("evaluate", *words, "--json")
    assert json.loads(emitted.stdout) == json.loads(Path("here/metrics.json").read_text())
    assert list(json.loads(emitted.stdout)["data"]["bands"]) == ["all", "<8", "8-16", "16-32", "32-96", ">=96"]
    assert call("evaluate", f"predictions={predictions}", "daat=x").returncode == 2
    missing = call("evaluate", f"predictions={predictions}", "data=nowhere.yaml")
    assert missing.returncode == 2
    assert "no such file" in missing.stderr


def test_limits_that_are_not_reached_are_named_and_end_with_a_code_of_their_own(
    signs: Path, tmp_path: Path, call: Callable[..., Any]
) -> None:
    rows = rows_of(signs)
    words = ("evaluate", f"data={signs}", "resamples=0", "bands=8,16,32")
    perfect, half = written(tmp_path / "perfect.json", rows), written(tmp_path / "half.json", rows[::2])
    reached = call(*words, f"predictions={perfect}", "out=reached", "fail_below=AP50:0.999,8-16:AP:0.999,NWD_AP:0.5")
    assert reached.returncode == 0, reached.stderr
    assert "Not reached" not in reached.stdout
    missed = call(*words, f"predictions={half}", "out=missed", "fail_below=AP50:1,AP:0.01,>=32:AP:0.1")
    value = json.loads(Path("missed/metrics.json").read_text())["detectors"][0]["numbers"]["all"]["AP50"]["value"]
    assert missed.returncode == 4
    assert f"Not reached by half: AP50: {value:.6g}, below 1." in missed.stdout
    assert "Not reached by half: AP (>=32): nothing to measure, below 0.1." in missed.stdout
    assert len(json.loads(Path("missed/metrics.json").read_text())["below"]) == 2
