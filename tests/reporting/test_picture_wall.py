"""The picture wall: which images are chosen, what is cut out of them, what is drawn over them."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.findings.ledger_maker import NAMES, make_ledger

from auxhead.findings.analysis import analyse
from auxhead.metrics.detections import Detections
from auxhead.metrics.truth import Truth
from auxhead.reporting.crops import HEIGHT, WIDTH, Window, cut, panels, window
from auxhead.reporting.judged_boxes import judge
from auxhead.reporting.picture_wall import Side, Wall, choose, wall

TWO = {"plain": {}, "center": {"heads": "center"}}
VALUES = {"plain": (0.5,), "center": (0.95,)}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A comparison of two arms with one seed."""
    return make_ledger(tmp_path / "ledger", arms=TWO, seeds=(4,), values=VALUES)


def see(ledger: Path) -> Wall:
    return wall(ledger, analyse(ledger))


def truth(boxes: Sequence[Sequence[float]], cls: list[int] | None = None) -> Truth:
    """Boxes of one image of 200 x 100 pixels."""
    table = np.array(boxes, dtype=float).reshape(-1, 4)
    return Truth(
        names=("car", "bus"),
        files=("a.png",),
        sizes=np.array([[200, 100]]),
        image=np.zeros(len(table), dtype=np.int64),
        cls=np.array(cls or [0] * len(table), dtype=np.int64),
        boxes=table,
        areas=table[:, 2] * table[:, 3],
        crowd=np.zeros(len(table), dtype=np.bool_),
    )


def found(boxes: Sequence[Sequence[float]], cls: list[int], scores: list[float]) -> Detections:
    table = np.array(boxes, dtype=float).reshape(-1, 4)
    return Detections(np.zeros(len(table), dtype=np.int64), np.array(cls), table, np.array(scores))


def test_images_are_chosen_by_change() -> None:
    control = {f"{place}": (10, 5) for place in range(12)} | {"empty": (0, 0)}
    change = {"0": 4, "1": 2, "2": 2, "3": 1, "4": -1, "5": -3, "empty": 0}
    arm = {name: (boxes, hits + change.get(name, 0)) for name, (boxes, hits) in control.items()}
    chosen = choose(arm, control)
    assert [image for kind, image in chosen if kind == "gained"] == ["0", "1", "2"]
    assert [image for kind, image in chosen if kind == "lost"] == ["5", "4"]
    drawn = [image for kind, image in chosen if kind == "random"]
    assert len(drawn) == 3
    assert not {"0", "1", "2", "4", "5", "empty"} & set(drawn)
    assert choose(dict(reversed(arm.items())), control) == chosen


def test_random_images_are_the_same_for_all_arms() -> None:
    control = {f"{place}": (1, 1) for place in range(50)}
    first = choose(control, control)
    assert [kind for kind, _ in first] == ["random"] * 3
    other = control | {"7": (1, 0)} if "7" not in dict(first).values() else control | {"8": (1, 0)}
    assert [one for one in choose(other, control) if one[0] == "random"] == first


def test_images_that_only_one_run_mentions_count() -> None:
    assert choose({"a": (2, 1)}, {"b": (3, 2)}) == [("gained", "a"), ("lost", "b")]
    assert choose({}, {}) == []


@pytest.mark.parametrize(
    ("boxes", "size"),
    [
        ([[10, 10, 6, 6]], (1000, 1000)),
        ([[990, 990, 8, 8]], (1000, 1000)),
        ([[0, 0, 900, 20]], (1000, 500)),
        ([[5, 5, 2, 90]], (100, 100)),
        ([[1, 1, 2, 2]], (20, 300)),
        ([[0, 0, 0, 0]], (640, 480)),
        ([], (640, 480)),
    ],
)
def test_a_crop_lies_inside_its_image(boxes: Sequence[Sequence[float]], size: tuple[int, int]) -> None:
    part = window(np.array(boxes, dtype=float).reshape(-1, 4), size)
    assert part.left >= 0
    assert part.top >= 0
    assert part.left + part.width <= size[0]
    assert part.top + part.height <= size[1]
    assert part.width / part.height == pytest.approx(WIDTH / HEIGHT, abs=0.1)
    for left, top, width, height in boxes:
        assert part.left <= left + width / 2 <= part.left + part.width
        assert part.top <= top + height / 2 <= part.top + part.height


def test_a_crop_magnifies_small_boxes_and_holds_as_many_as_it_can() -> None:
    lonely, pair = [10.0, 10.0, 8.0, 8.0], [[500.0, 500.0, 8.0, 8.0], [515.0, 505.0, 8.0, 8.0]]
    part = window(np.array([lonely, *pair]), (1000, 1000))
    assert part.width == 48  # six boxes
    for left, top, width, height in pair:
        assert part.left <= left
        assert part.top <= top
        assert left + width <= part.left + part.width
        assert top + height <= part.top + part.height


def test_detections_are_right_or_wrong_and_boxes_missed() -> None:
    boxes = [[10, 10, 20, 20], [60, 10, 20, 20], [110, 10, 20, 20]]
    seen = [[11, 10, 20, 20], [10, 11, 20, 20], [60, 10, 20, 20], [150, 60, 20, 20]]
    judged = judge(truth(boxes), found(seen, [0, 0, 1, 0], [0.9, 0.8, 0.7, 0.6]))
    right = {tuple(box) for box in judged.found.boxes[judged.right].tolist()}
    assert right == {(11, 10, 20, 20)}  # the second is a double, the third of another class, the last on nothing
    assert judged.truth.boxes[judged.missed].tolist() == boxes[1:]
    nothing = judge(truth(boxes), found([], [], []))
    assert nothing.missed.all()


def test_panels_show_truth_hits_and_errors() -> None:
    boxes = [[10, 10, 20, 20], [60, 10, 20, 20]]
    judged = judge(truth(boxes, [0, 1]), found([[10, 10, 20, 20], [100, 10, 20, 20]], [0, 1], [0.9, 0.8]))
    views = panels([("plain", judged)], 0, Window(0, 0, 160, 90))
    assert [view.title for view in views] == ["truth", "plain"]
    assert [(box.kind, box.x, box.width) for box in views[0].boxes] == [("truth", 20, 40), ("truth", 120, 40)]
    assert [box.kind for box in views[1].boxes] == ["missed", "right", "wrong"]
    assert [label.name for label in views[0].labels] == ["car", "bus"]
    assert [label.name for label in views[1].labels] == ["bus"]  # what the wrong detection took it for
    assert views[1].text == "1 found, 1 missed, 1 wrong detection"


def test_panels_leave_out_what_lies_outside_and_what_is_too_much() -> None:
    crowded = [[float(x), float(y), 4.0, 4.0] for x in range(0, 100, 10) for y in range(0, 60, 10)]
    judged = judge(truth([*crowded, [190, 90, 5, 5]]), found([], [], []))
    view = panels([("plain", judged)], 0, Window(0, 0, 120, 90))[0]
    assert len(view.boxes) + view.left_out == len(crowded)
    assert view.left_out == 30
    assert view.labels == []


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK", "I;16", "F", "1"])
def test_pictures_of_all_kinds_are_cut(tmp_path: Path, mode: str) -> None:
    values = np.random.default_rng(0).integers(0, 255, (90, 120), dtype=np.uint8)
    path = str(tmp_path / "a.tif")
    if mode == "I;16":
        Image.fromarray(values.astype(np.uint16) * 200).save(path)
    else:
        Image.fromarray(values).convert(mode).save(path)
    part = Window(10, 10, 40, 30)
    large, small = (base64.b64decode(cut([(path, part)], most)[path, part]) for most in (10**6, 12_000))
    assert len(small) <= 12_000 < len(large)
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert image.mode == "RGB"
        assert np.asarray(image).std() > 20


def test_a_crop_is_where_its_image_is_shown(tmp_path: Path) -> None:
    pixels = np.zeros((80, 60, 3), dtype=np.uint8)
    pixels[:20, :20] = (255, 0, 0)  # after a quarter turn to the right it is at the top on the right
    exif = Image.Exif()
    exif[0x0112] = 6
    path = str(tmp_path / "a.jpg")
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    part = Window(60, 0, 20, 15)
    with Image.open(io.BytesIO(base64.b64decode(cut([(path, part)], 10**6)[path, part]))) as image:
        assert np.asarray(image)[:, :, 0].mean() > 240


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_crop_of_a_turned_tiff_is_right_or_left_out(tmp_path: Path, mode: str, orientation: int) -> None:
    pixels = np.zeros((80, 60, 3), dtype=np.uint8)
    pixels[:20, :20] = 255
    path = str(tmp_path / "a.tif")
    Image.fromarray(pixels).convert(mode).save(path, tiffinfo={0x0112: orientation})
    part = Window(60, 0, 20, 15) if orientation == 6 else Window(40, 60, 20, 15)
    made = cut([(path, part)], 10**6)
    assert made or mode == "L"
    for jpeg in made.values():
        with Image.open(io.BytesIO(base64.b64decode(jpeg))) as image:
            assert np.asarray(image)[:, :, 0].mean() > 240


def test_a_crop_is_not_turned_by_xmp(tmp_path: Path) -> None:
    pixels = np.zeros((80, 60, 3), dtype=np.uint8)
    pixels[60:, :20] = 255
    path = str(tmp_path / "a.jpg")
    Image.fromarray(pixels).save(path, xmp=b'<x tiff:Orientation="6"/>', quality=95)
    part = Window(0, 60, 20, 15)
    with Image.open(io.BytesIO(base64.b64decode(cut([(path, part)], 10**6)[path, part]))) as image:
        assert np.asarray(image)[:, :, 0].mean() > 240


def test_the_wall_agrees_with_what_was_counted(ledger: Path) -> None:
    side = see(ledger).sides[0]
    assert (side.arm, side.seed, side.scores) == ("center", 4, (0.5, 0.5))
    tables = {
        arm: pl.read_parquet(ledger / f"runs/{arm}-4/val/per_image.parquet")
        .group_by("image")
        .agg(pl.col("found").sum())
        for arm in TWO
    }
    hits = {arm: {Path(row["image"]).name: row["found"] for row in own.to_dicts()} for arm, own in tables.items()}
    pictures = [one for group in side.groups for one in group.pictures]
    assert [group.title for group in side.groups] == ["Most boxes gained", "Drawn at random"]
    assert len(pictures) == 6
    for one in pictures:
        before, after = hits["plain"][one.name], hits["center"][one.name]
        assert one.caption == f"{before} → {after} of 9 boxes found"
        assert [panel.title for panel in one.panels] == ["truth", "plain", "center"]
    gained = side.groups[0].pictures[0]
    assert "right" in {box.kind for box in gained.panels[2].boxes}


def test_whole_pictures_show_what_was_counted(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auxhead.reporting.picture_wall.window", lambda *_: Window(0, 0, 96, 72))
    side = see(ledger).sides[0]
    for one in (one for group in side.groups for one in group.pictures):
        kinds = [box.kind for box in one.panels[2].boxes]
        assert kinds.count("right") + kinds.count("missed") == len(one.panels[0].boxes) >= 6


def drop_images(ledger: Path) -> None:
    shutil.rmtree(ledger.with_name("ledger-data") / "images")


def break_images(ledger: Path) -> None:
    for path in (ledger.with_name("ledger-data") / "images" / "val").iterdir():
        path.write_bytes(b"no picture")


def drop_data(ledger: Path) -> None:
    (ledger.with_name("ledger-data") / "data.yaml").unlink()


def break_label(ledger: Path) -> None:
    for path in (ledger.with_name("ledger-data") / "labels" / "val").iterdir():
        path.write_text("nonsense")


def drop_counts(ledger: Path) -> None:
    (ledger / "runs/center-4/val/per_image.parquet").write_bytes(b"nonsense")


def drop_predictions(ledger: Path) -> None:
    (ledger / "runs/center-4/val/predictions-train-last.json").unlink()


def break_predictions(ledger: Path) -> None:
    (ledger / "runs/center-4/val/predictions-train-last.json").write_text('[{"score": 1}]')


def other_classes(ledger: Path) -> None:
    path = ledger / "runs/center-4/val/predictions-train-last.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([row | {"category_id": 99} for row in rows]))


@pytest.mark.parametrize(
    "damage",
    [
        *(drop_images, break_images, drop_data, break_label, drop_counts),
        *(drop_predictions, break_predictions, other_classes),
    ],
    ids=lambda function: function.__name__,
)
def test_a_wall_without_pictures_says_why(ledger: Path, damage: Callable[[Path], None]) -> None:
    analysis = analyse(ledger)
    damage(ledger)
    seen = wall(ledger, analysis)
    reasons = [seen.reason, *(side.reason for side in seen.sides)]
    assert any("can't be read" in reason for reason in reasons)
    assert not any(side.groups for side in seen.sides)


def test_a_picture_that_went_bad_later_is_left_out(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auxhead.reporting.picture_wall.cut", lambda jobs, _most: {sorted(set(jobs))[0]: "AAAA"})
    assert sum(len(group.pictures) for group in see(ledger).sides[0].groups) == 1


def test_pictures_are_found_where_the_data_was_moved_to(ledger: Path) -> None:
    data, moved = ledger.with_name("ledger-data"), ledger.with_name("moved")
    data.rename(moved)
    yaml = moved / "data.yaml"
    yaml.write_text(yaml.read_text().replace(str(data), str(moved)))
    plan = json.loads((ledger / "plan.json").read_text())
    for places in ({"data": str(yaml)}, {"data": "as/given.yaml", "data_file": str(yaml)}):
        (ledger / "plan.json").write_text(json.dumps(plan | places))
        assert len(see(ledger).sides[0].groups) == 2


def test_no_common_seed_gives_no_wall(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "ledger", arms=TWO, seeds=(0, 1), missing=[("plain", 0), ("center", 1)])
    seen = see(ledger)
    assert seen.sides == ()
    assert seen.reason == ""  # the verdict says it


def test_a_run_without_right_detections_has_no_detections(ledger: Path) -> None:
    path = ledger / "runs/center-4/val/metrics.json"
    content = json.loads(path.read_text())
    content["detectors"][0]["score"] = None
    path.write_text(json.dumps(content))
    side = see(ledger).sides[0]
    kinds = {box.kind for group in side.groups for one in group.pictures for box in one.panels[2].boxes}
    assert kinds == {"missed"}
    assert side.scores == (0.5, None)


def right_boxes(side: Side) -> int:
    pictures = [one for group in side.groups for one in group.pictures]
    return sum(box.kind == "right" for one in pictures for panel in one.panels for box in panel.boxes)


def test_runs_of_all_classes_as_one_are_judged_so(ledger: Path) -> None:
    before = right_boxes(see(ledger).sides[0])
    for arm in TWO:
        folder = ledger / "runs" / f"{arm}-4" / "val"
        content = json.loads((folder / "metrics.json").read_text())
        content["settings"] = {"single_cls": True}
        (folder / "metrics.json").write_text(json.dumps(content))
        predictions = folder / Path(content["detectors"][0]["predictions"]).name
        rows = json.loads(predictions.read_text())
        assert {row["category_id"] for row in rows} > {0}
        predictions.write_text(json.dumps([{**row, "category_id": 0} for row in rows]))
    assert right_boxes(see(ledger).sides[0]) == before > 0


def test_eight_arms_have_room(tmp_path: Path) -> None:
    arms = {"plain": {}, **{f"arm-{place}": {"k": place} for place in range(10)}}
    seen = see(make_ledger(tmp_path / "ledger", arms=arms, seeds=(0,), names=NAMES[:2]))
    assert len(seen.sides) == 8
    assert seen.left_out == ["arm-8", "arm-9"]
    assert sum(len(one.jpeg) for side in seen.sides for group in side.groups for one in group.pictures) < 1_500_000
