"""The page of `auxhead inspect` and its picture: what they say, their palette, and how the page looks in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.reporting.conftest import CONTRAST

import auxhead.reporting
from auxhead.host.anchors import Anchors
from auxhead.inspection.boxes import measure
from auxhead.inspection.copies import Copies
from auxhead.inspection.mirrored_names import MirrorHint
from auxhead.inspection.near_copies import Near
from auxhead.inspection.page import answer, page
from auxhead.inspection.plot import plot_inspection
from auxhead.inspection.result import Inspection, SplitInspection
from auxhead.inspection.suggestions import Suggestion
from auxhead.reporting.inline_svg import VARIABLES
from auxhead.reporting.paper import LIGHT

NASTY = "<img src=x onerror=alert(1)>"
NAMES = (NASTY, "z" * 60, *(f"class {place}" for place in range(33)))


def split(sides: float, boxes: int = 40) -> SplitInspection:
    """A split of square boxes around one size, most of them of the first class."""
    net = sides * np.random.default_rng(0).uniform(0.7, 1.4, (boxes, 1)) * np.ones((1, 2))
    return SplitInspection(
        images=10,
        without_boxes=0,
        boxes=boxes,
        per_class=(max(boxes - len(NAMES) + 1, 0), *(int(boxes > 0) for _ in NAMES[1:])),
        empty_classes=() if boxes else NAMES,
        sizes=measure(np.sqrt(net.prod(axis=1))),
        anchors={"P3-P5": Anchors((8, 16, 32), None, None, None, None)},
        truncated=0.0,
        outside=0,
        repeated=0,
        disagreeing=0,
        left_out={f"{NASTY}.png": "cut off"},
        shared=(),
        twice=(),
        unclaimed={f"{NASTY}.txt": NASTY},
        boxes_net=net,
    )


def inspection(**splits: SplitInspection) -> Inspection:
    return Inspection(
        data="somewhere/signs/data.yaml",
        imgsz=640,
        names=NAMES,
        splits=splits,
        copies=Copies(dict.fromkeys(splits, 0), {"train/val": 0}, ()),
        near=Near({"train/val": ()}, 0),
        from_one=False,
        mirrored=(MirrorHint(0, NASTY, "side", None),),
        suggestions=(Suggestion("imgsz", 800, f"{NASTY} asks for it"),),
    )


SEEN = inspection(train=split(12), val=split(40))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("inspected")
    (folder / "report.html").write_text(page(SEEN), encoding="utf-8")
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        (3, "% are smaller than a cell of P2 (4 px)."),
        (6, "% are smaller than a cell of P3 (8 px)."),  # 4.2 to 8.4 px, hardly one of 8 or more
        (12, "% are smaller than a cell of P4 (16 px)."),  # 8.4 to 16.8 px
        (100, "hardly one is smaller than a cell of any level."),
    ],
)
def test_the_answer_names_the_finest_level_that_is_too_coarse_for_many(sides: float, said: str) -> None:
    text = answer(inspection(train=split(sides)))
    assert text.startswith("Half of the 40 boxes of train are below ")
    assert text.endswith(said)


def test_the_page_says_what_the_command_line_says_and_names_do_nothing() -> None:
    text = page(SEEN)
    assert NASTY not in text
    assert "&lt;img src=x onerror=alert(1)&gt;.png: cut off" in text
    assert "Classes that a mirror may change, by their names: &lt;img" in text
    assert "<code>imgsz=800</code>" in text
    assert text.count('<svg viewBox="0 0 ') == 6  # three figures, wide and narrow
    assert "auxhead inspect data=somewhere/signs/data.yaml imgsz=640" in text
    assert 'id="near"' not in text


def test_a_picture_of_near_copies_gets_into_the_page(tmp_path: Path) -> None:
    (tmp_path / "pairs.jpg").write_bytes(b"pixels")
    assert 'src="data:image/jpeg;base64,cGl4ZWxz"' in page(SEEN, tmp_path / "pairs.jpg")


def test_without_a_box_there_is_a_page_all_the_same(tmp_path: Path) -> None:
    empty = inspection(train=split(1, 0), val=split(1, 0))
    assert "The training split has no box" in page(empty)
    plot_inspection(empty, tmp_path / "inspect.png")
    assert (tmp_path / "inspect.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_have_the_light_colors_of_the_pages() -> None:
    css = (Path(auxhead.reporting.__path__[0]) / "report.css").read_text(encoding="utf-8").partition("@media")[0]
    stated = dict(re.findall(r"(--\w+): (#[0-9a-f]{6})\b", css))
    assert {VARIABLES[name]: color for name, color in LIGHT.items()}.items() <= stated.items()


def test_it_stands_out_in_light_and_dark_and_never_scrolls_sideways(show: Any) -> None:
    page_ = show()
    page_.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for scheme in ("light", "dark"):
        page_.emulate_media(color_scheme=scheme)
        worst = page_.evaluate(CONTRAST)
        assert worst["ratio"] >= 4.5, worst
    for width in (320, 390, 1280):
        page_.set_viewport_size({"width": width, "height": 900})
        wide, there = page_.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= there <= width
