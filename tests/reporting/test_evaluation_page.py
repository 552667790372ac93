"""The page of `auxhead evaluate`: its sentences, its bars and pictures, and how it looks in a browser."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tests.metrics.conftest import truth_of
from tests.reporting.conftest import CONTRAST

import auxhead
from auxhead.keys.evaluate import EvaluateKeys
from auxhead.keys.reading import read_words
from auxhead.metrics.intervals import Estimate
from auxhead.reporting.evaluation.answer import Hardest, answer, hardest, lead
from auxhead.reporting.evaluation.misses import judged, misses, worst
from auxhead.reporting.evaluation.page import page
from auxhead.reporting.evaluation.rows import box_rows, class_rows, detection_rows, gains

NASTY = "<img src=x onerror=alert(1)>"
NAMES = ["car", NASTY, "dog", *(f"class {place}" for place in range(12))]
SIZE = (200, 150)
IMAGES = 8
EDGES: list[list[float | None]] = [[0.0, 8.0], [8.0, 16.0], [16.0, None]]


def boxes_of(image: int) -> list[tuple[int, float, float, float]]:
    """Class, left, top and side of the boxes of an image: rows of small ones, and one large one."""
    small = [((image + place) % len(NAMES), 10 + 20 * place, 10 + 15 * (image % 3), 6 + place) for place in range(8)]
    return [*small, (image % 2, 100, 80, 48)]


def write_data(folder: Path) -> Path:
    """Write pictures and labels."""
    random = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (folder / kind / "val").mkdir(parents=True)
    for image in range(IMAGES):
        pixels = random.integers(60, 200, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"images/val/{image}.png")
        lines = [
            f"{cls} {(x + side / 2) / SIZE[0]} {(y + side / 2) / SIZE[1]} {side / SIZE[0]} {side / SIZE[1]}"
            for cls, x, y, side in boxes_of(image)
        ]
        (folder / f"labels/val/{image}.txt").write_text("\n".join(lines))
    content = {"path": str(folder), "train": "images/val", "val": "images/val", "names": dict(enumerate(NAMES))}
    (folder / "data.yaml").write_text(yaml.safe_dump(content))
    return folder / "data.yaml"


def write_results(path: Path, missed: int) -> Path:
    """Write results: the first small boxes of an image are missed, the next is loose, the others are right."""
    rows: list[dict[str, Any]] = []
    for image in range(IMAGES):
        for place, (cls, x, y, side) in enumerate(boxes_of(image)[missed + image % 2 :]):
            left = x + (0.4 * side if place == 0 and side < 40 else 0)
            rows.append({"category_id": cls, "bbox": [left, y, side, side], "score": 0.9 - 0.02 * place})
            rows[-1]["image_id"] = str(image)
        rows.append({"image_id": str(image), "category_id": 2, "bbox": [150, 10, 9, 9], "score": 0.85})
        rows.append({**rows[-2], "score": 0.5})
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set and results of two detectors, one of which has a name that would like to act."""
    folder = tmp_path_factory.mktemp("page")
    write_data(folder)
    write_results(folder / "good.json", 2)
    write_results(folder / f"{NASTY}.json", 5)
    return folder


def measure(shelf: Path, out: str, **keys: Any) -> auxhead.Evaluation:
    settings: dict[str, Any] = {
        "data": str(shelf / "data.yaml"),
        "out": str(shelf / out),
        "resamples": 40,
        "exist_ok": True,
    }
    return auxhead.evaluate(str(shelf / "good.json"), **settings | keys)


@pytest.fixture(scope="module")
def one(shelf: Path) -> auxhead.Evaluation:
    return measure(shelf, "one")


@pytest.fixture(scope="module")
def two(shelf: Path) -> auxhead.Evaluation:
    return measure(shelf, "two", versus=str(shelf / f"{NASTY}.json"))


@pytest.fixture(scope="module")
def address(two: auxhead.Evaluation) -> str:
    return (Path(two.folder) / "report.html").as_uri()


def counts(*bands: tuple[int, int]) -> dict[str, dict[str, int]]:
    """Counts of bands by boxes and found ones."""
    found = {f"band {place}": {"boxes": boxes, "found": own} for place, (boxes, own) in enumerate(bands)}
    return {**found, "all": {key: sum(band[key] for band in found.values()) for key in ("boxes", "found")}}


def test_the_size_below_which_most_is_missed():
    assert hardest(counts((10, 0), (10, 5), (10, 9)), EDGES) == Hardest(8.0, 1.0, 0.3)
    assert hardest(counts((2, 0), (10, 4), (10, 9)), EDGES) == Hardest(16.0, 8 / 12, 0.1)
    assert hardest(counts((10, 10), (10, 10), (10, 10)), EDGES) is None, "nothing is missed"
    assert hardest(counts((10, 2), (0, 0), (0, 0)), EDGES) is None, "there are no larger ones"
    assert hardest(counts((0, 0), (0, 0), (10, 2)), EDGES) is None, "all are in the last band"
    assert hardest(counts((100, 60), (10, 5), (10, 0)), EDGES) is None, "smaller ones are found as often"


def test_the_answer_about_one_detector_is_in_its_numbers(one: auxhead.Evaluation):
    detector = one.detectors[0]
    found, precision = detector.mistakes["all"]["found"], detector.numbers["all"]["AP50"]
    said = answer(one).replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith(f"good finds {found / 72:.0%}".replace("%", " %") + " of 72 boxes at a score of ")
    value, low, high = (f"{100 * number:.1f}" for number in (precision.value, precision.low, precision.high))
    assert f"(AP50 {value} %, 95 % interval {low} to {high})" in said
    assert "; not found are mostly those below 8 px: 100 % of them, 21 % of the larger ones." in said
    plain = replace(detector, numbers={"all": {"AP50": Estimate(0.4)}})
    assert "(AP50 40.0 %)" in answer(replace(one, detectors=[plain])).replace("\N{NO-BREAK SPACE}", " ")
    nothing = replace(detector, score=None, numbers={"all": {"AP50": Estimate(0.0)}})
    assert answer(replace(one, detectors=[nothing])).startswith("good finds none of 72 boxes")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Estimate(0.198, 0.174, 0.224), "good is ahead of b by +19.8 points of AP50 (95 % interval +17.4 to +22.4)."),
        (Estimate(-0.03, -0.05, -0.01), "good is behind b by \N{MINUS SIGN}3.0 points of AP50"),
        (Estimate(0.01, -0.01, 0.03), "No difference found between good and b: +1.0 points of AP50"),
        (Estimate(0.0, 0.0, 0.0), "No difference found between good and b: 0.0 points of AP50"),
        (Estimate(0.01), "+1.0 points. Without an interval it can't be said"),
        (Estimate(None), "There is no box to find, so nothing can be compared."),
    ],
)
def test_the_answer_about_two_detectors_claims_what_the_interval_allows(two: auxhead.Evaluation, change, said):
    detectors = [two.detectors[0], replace(two.detectors[1], name="b")]
    own = replace(two, detectors=detectors, differences={"all": {"AP50": change}})
    assert said in answer(own).replace("\N{NO-BREAK SPACE}", " ")
    sliced = replace(own, detectors=[replace(detectors[0], looks=7.04), replace(detectors[1], looks=1.0)])
    assert answer(sliced).replace("\N{NO-BREAK SPACE}", " ").endswith("good takes 7.0 looks at a picture and b one.")


def test_the_lead_names_what_was_measured(one: auxhead.Evaluation):
    model = replace(one.detectors[0], predictions="out/p.json", imgsz=640, ultralytics_version="8.4.1")
    said = " ".join(lead(replace(one, detectors=[model]), "2030-01-02")).replace("\N{NO-BREAK SPACE}", " ")
    for part in ("val split", "8 images, 72 boxes of 15 classes", model.sha256[:12], "image size 640 px", "2030-01-02"):
        assert part in said
    for part in ("Ultralytics 8.4.1", "conf=0.001", "At most 300 detections", f"auxhead {auxhead.__version__}"):
        assert part in said
    assert "conf=" not in " ".join(lead(one, "")), "a file of predictions was made with settings of its own"


def test_bars_add_up_to_the_counts(two: auxhead.Evaluation):
    rows = box_rows(two)
    assert [row.title for row in rows] == ["all sizes", "very tiny 2-8", "tiny 8-16", "medium 32-64"]
    assert rows[0].number == sum(row.number for row in rows[1:]) == 72
    for row in [*rows, *detection_rows(two)]:
        for bar in row.bars:
            assert sum(part.width for part in bar.parts) == pytest.approx(100, abs=0.1)
            assert sum(part.number for part in bar.parts) == row.number
    own = two.detectors[0].mistakes["all"]
    kept = {part.kind: part.number for part in detection_rows(two)[0].bars[0].parts}
    assert kept == {kind: own[kind] for kind in ("found", "loose", "duplicate", "background")}
    assert rows[0].bars[0].share == own["found"] / 72
    repairs: list[Any] = list(two.detectors[0].repairs.values())
    assert [gain.gains[0][0] for gain in gains(two)] == sorted(repairs, reverse=True)
    assert max(width for gain in gains(two) for _, width in gain.gains) == 100


def test_classes_come_worst_first(two: auxhead.Evaluation):
    rows = class_rows(two)
    values: list[Any] = [row.precisions[0] for row in rows]
    assert values == sorted(values)
    assert {row.name: row.change for row in rows} == {
        first["name"]: first["AP50"] - second["AP50"]
        for first, second in zip(two.detectors[0].classes, two.detectors[1].classes, strict=True)
    }
    single = replace(two, detectors=[replace(one, classes=one.classes[:1]) for one in two.detectors])
    assert class_rows(single) == []


def test_images_with_the_most_misses_come_first():
    truth = truth_of([(image, 0, 0, 0, 9, 9) for image in (0, 1, 1, 2, 2, 3)], images=5)
    assert worst(truth, np.ones(6, dtype=bool)) == [1, 2, 0, 3]
    assert worst(truth, truth.image == 3) == [3]
    many = truth_of([(image, 0, 0, 0, 9, 9) for image in range(20)], images=20)
    assert len(worst(many, np.ones(20, dtype=bool))) == 12


def test_pictures_show_what_is_missed_with_its_size(one: auxhead.Evaluation, two: auxhead.Evaluation):
    shown = misses(one)
    assert (shown.edge, shown.reason, len(shown.pictures)) == (8.0, "", IMAGES)
    assert [shot.name for shot in shown.pictures] == [f"{place}.png" for place in range(IMAGES)], (
        "two that small in all"
    )
    first = shown.pictures[1]  # of odd numbers one box more is missed
    assert first.caption.startswith("4 of 9 boxes not found: ")
    assert Image.open(io.BytesIO(base64.b64decode(first.jpeg))).size == (320, 240)
    drawn = [(box.kind, box.name) for box in first.panels[0].boxes]
    assert drawn == [("missed", "6 px"), ("missed", "7 px")]
    assert [label.name for label in first.panels[0].labels] == ["6 px", "7 px"]
    assert [panel.title for panel in misses(two).pictures[0].panels] == ["good", NASTY]


def test_right_detections_and_missed_boxes_are_those_of_the_counts(one: auxhead.Evaluation):
    own, counted = judged(one, one.detectors[0]), one.detectors[0].mistakes["all"]
    assert own.right.sum() == counted["found"]
    assert own.missed.sum() == counted["boxes"] - counted["found"]
    assert (~own.right).sum() == sum(counted[kind] for kind in ("loose", "duplicate", "background"))


def test_pictures_are_cropped_in_their_own_pixels(shelf: Path, one: auxhead.Evaluation):
    network = measure(shelf, "network", pixels="network", imgsz=400, bands=[16.0, 32.0])
    places = [[(box.kind, box.x, box.width) for box in shown.panels[0].boxes] for shown in misses(network).pictures]
    assert places == [[(box.kind, box.x, box.width) for box in shown.panels[0].boxes] for shown in misses(one).pictures]
    assert "12 px" in {box.name for box in misses(network).pictures[0].panels[0].boxes}, (
        "twice as many of the network's"
    )
    unknown = replace(network.detectors[0], imgsz=None)
    both = (unknown, replace(unknown, imgsz=400))
    known = replace(network, settings={**network.settings, "imgsz": None}, detectors=both)
    assert places == [
        [(box.kind, box.x, box.width) for box in shown.panels[0].boxes] for shown in misses(known).pictures
    ]


def test_without_pictures_there_is_a_reason(shelf: Path, one: auxhead.Evaluation, tmp_path: Path):
    left_out = page(one, {}, pictures=False)
    assert "data:image/jpeg" not in left_out
    assert "pictures=false" in left_out
    made = one.detectors[0].judged
    elsewhere = replace(made.truth, files=tuple(str(tmp_path / f"{place}.png") for place in range(IMAGES)))
    gone = replace(one, detectors=[replace(one.detectors[0], judged=replace(made, truth=elsewhere))])
    assert misses(gone).reason == "No picture of the data can be read from here."
    Image.new("RGB", (64, 64)).save(tmp_path / "1.png")
    assert not misses(gone).pictures, "a picture of another size is another picture"
    found = replace(made, boxes=np.zeros_like(made.boxes))
    perfect = replace(one, detectors=[replace(one.detectors[0], judged=found)])
    assert misses(perfect).reason == "No box is missed."


def test_a_huge_picture_is_not_decoded(one: auxhead.Evaluation, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("auxhead.reporting.evaluation.misses.DECODED", SIZE[0] * SIZE[1] - 1)
    assert misses(one).reason == "No picture of the data can be read from here."


def test_pictures_of_a_coco_json_lie_beside_it(shelf: Path, one: auxhead.Evaluation):
    made = one.detectors[0].judged

    def named(files: list[str]) -> int:
        own = replace(made, truth=replace(made.truth, files=tuple(files)))
        data = {**one.data, "file": str(shelf / "truth.json")}
        return len(misses(replace(one, data=data, detectors=[replace(one.detectors[0], judged=own)])).pictures)

    inside = [f"images/val/{place}.png" for place in range(IMAGES)]
    assert named(inside) == IMAGES
    assert named([f"../{shelf.name}/{name}" for name in inside]) == 0
    assert named([str(shelf / name) for name in inside]) == 0


def test_the_page_is_written_beside_the_numbers_and_names_no_other_path(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shelf)
    keys: dict[str, Any] = {"data": "data.yaml", "out": "typed", "resamples": 0, "bands": [8.0, 16.5], "exist_ok": True}
    auxhead.evaluate("good.json", **keys)
    text = Path("typed/report.html").read_text()
    assert str(shelf) not in text
    assert "interval" not in re.sub(r"<details.*?</details>", "", text[text.index("<body>") :], flags=re.S).replace(
        "without intervals (resamples=0)", ""
    )
    command = shlex.split(re.search(r'<pre class="wrapped">(.*?)</pre>', text)[1])
    assert command[:2] == ["auxhead", "evaluate"]
    assert read_words(command[2:], EvaluateKeys) == {**keys, "predictions": "good.json", "bands": (8, 16.5)}


def test_a_page_of_something_else_is_not_replaced(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("a comparison")
    with pytest.raises(auxhead.OutputError, match=r"report\.html"):
        auxhead.evaluate(str(shelf / "good.json"), data=str(shelf / "data.yaml"), out=str(tmp_path))
    assert (tmp_path / "report.html").read_text() == "a comparison"


def test_names_are_escaped(two: auxhead.Evaluation):
    text = (Path(two.folder) / "report.html").read_text()
    assert "<img" not in text
    assert "&lt;img src=x" in text


def test_headings_can_be_linked_and_the_command_copied(show: Any) -> None:
    opened = show(permissions=["clipboard-read", "clipboard-write"])
    linked, ids = opened.evaluate(
        "[[...document.querySelectorAll(':is(h2, h3) > .anchor')].map((one) => one.hash.slice(1)), "
        "[...document.querySelectorAll('[id]')].map((one) => one.id)]"
    )
    assert len(linked) == opened.locator("h2, h3").count() == len(set(linked))
    assert set(linked) <= set(ids)
    assert len(ids) == len(set(ids))
    opened.locator("#numbers .copy").click()
    opened.wait_for_function("document.getElementById('status').textContent === 'Copied'")
    command = opened.locator("#numbers pre").text_content()
    assert command.startswith("auxhead evaluate ")
    assert opened.evaluate("navigator.clipboard.readText()") == command


def test_the_page_works_on_screens_of_all_widths_and_on_paper(show: Any) -> None:
    opened = show(color_scheme="dark")
    assert opened.locator(".answer").inner_text().startswith("good is ahead of <img")
    opened.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for width in (320, 390, 1280):
        opened.set_viewport_size({"width": width, "height": 900})
        wide, there = opened.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= there <= width
        assert opened.locator("svg.narrow").first.is_visible() == (width < 800)
        label = opened.locator(".crops .view text").first
        assert label.is_visible(), "sizes are written on the pictures"
        assert label.evaluate("one => one.getBoundingClientRect().height") >= 10
    grounds = []
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        contrast = opened.evaluate(CONTRAST)
        assert contrast["ratio"] >= 4.5, contrast
        grounds.append(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]
    lengths = opened.evaluate(
        "[...document.querySelectorAll('.stack:not(.bare)')].map((bar) => [...bar.children]"
        ".reduce((sum, part) => sum + part.getBoundingClientRect().width, 0) / bar.getBoundingClientRect().width)"
    )
    assert lengths == pytest.approx([1.0] * len(lengths), abs=0.01)
    head = opened.locator("table[data-name='All classes'] th[data-column='2']")
    head.get_by_role("button").click()
    column = opened.locator("table[data-name='All classes'] tbody td:nth-child(3)").all_inner_texts()
    assert column == sorted(column, key=float, reverse=True)
    assert opened.locator("table[data-name=Classes] tbody tr").count() == 12
    assert opened.pdf(prefer_css_page_size=True).startswith(b"%PDF")
