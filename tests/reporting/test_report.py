"""The page: what it says, that nothing in it acts, and that it needs nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.findings.ledger_maker import HOSTILE, VALUES, make_ledger

import auxhead.comparison.compare as comparison
import auxhead.reporting.report as reporting
from auxhead.errors import ConfigError, OutputError, ResumeError
from auxhead.findings.analysis import analyse
from auxhead.reporting import inline_svg
from auxhead.reporting.arm_charts import cost
from auxhead.reporting.arm_styles import looks
from auxhead.reporting.chart_parts import limits
from auxhead.reporting.curve_charts import curve_measure, curves
from auxhead.reporting.page import figures, page
from auxhead.reporting.picture_wall import Wall

DASH = "\N{EN DASH}"
SECTIONS = ["verdict", "arms", "cost", "sizes", "secondary", "learning", "precision", "fairness"]
SECTIONS += ["pictures", "classes", "runs", "again"]
NASTY = "\"><img src=x onerror=alert(1)>'&$x^2$ {{ 7*7 }} \\frac"
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, and the text outside of script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "elements must be closed in order"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).replace("\N{NO-BREAK SPACE}", " ").split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(*args: Any, **keys: Any) -> Path:
    """Write the report, and return its page."""
    return reporting.report(*args, **keys).page


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def tree(text: str) -> ET.Element:
    """Parse the page as XML, which is stricter than HTML; script and style are left out."""
    bare = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    return ET.fromstring(bare.removeprefix("<!DOCTYPE html>"))


def said(text: str, section: str) -> str:
    """The words of a section."""
    found = next(one for one in tree(text).iter("section") if one.get("id") == section)
    return " ".join("".join(found.itertext()).replace("\N{NO-BREAK SPACE}", " ").split())


def cells(text: str, arm: str, table: str = "Arms") -> list[str]:
    """The cells of an arm's row in one of the sortable tables."""
    found = next(one for one in tree(text).iter("table") if one.get("data-name") == table)
    rows = ([" ".join("".join(cell.itertext()).split()) for cell in row] for row in found.iter("tr"))
    return next(row for row in rows if row[0].startswith(arm))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison; tests only read it."""
    return make_ledger(tmp_path_factory.mktemp("reporting") / "ledger")


@pytest.fixture(scope="module")
def text(ledger: Path) -> str:
    return read(report(ledger))


@pytest.fixture(scope="module")
def analysis(ledger: Path) -> dict[str, Any]:
    return analyse(ledger)


@pytest.fixture(scope="module")
def drawn(analysis: dict[str, Any]) -> dict[str, Any]:
    """The figures of the finished comparison."""
    return figures(analysis)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out, which take longest, where the words or the files are what matters."""
    monkeypatch.setattr(
        reporting, "figures", lambda _: dict.fromkeys(("forest", "cost", "bands", "curves", "precision"))
    )


def without_pictures(analysis: Mapping[str, Any]) -> str:
    return page(analysis, figures(analysis), Wall((), "none"))


def test_four_files_are_written(ledger: Path, text: str) -> None:
    assert text.startswith("<!DOCTYPE html>")
    assert json.loads(read(ledger / "report.json"))["schema"] == "auxhead.report/1"
    assert (ledger / "runs.csv").is_file()
    assert (ledger / "numbers.csv").is_file()


def test_the_same_page_can_be_written_elsewhere(ledger: Path, tmp_path: Path, text: str) -> None:
    path = report(str(ledger), str(tmp_path / "a/b.html"))
    assert path == tmp_path / "a/b.html"
    assert read(path) == text  # it is the same every time
    assert (path.parent / "report.json").is_file()


@pytest.mark.usefixtures("undrawn")
def test_the_page_can_be_written_to_a_folder(ledger: Path, tmp_path: Path) -> None:
    path = report(str(ledger), str(tmp_path / "a/b"))
    assert path == tmp_path / "a/b/report.html"
    assert Page(read(path)).open == []
    assert (path.parent / "report.json").is_file()


@pytest.mark.usefixtures("undrawn")
def test_numbers_are_worked_out_once(ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*args: Any) -> dict[str, Any]:
        calls.append(args)
        return analyse(*args)

    monkeypatch.setattr(reporting, "analyse", counted)
    found = comparison.report(ledger, out=str(tmp_path), control="center", pictures=False)
    assert calls == [(ledger, "center")]
    assert json.loads(read(tmp_path / "report.json")) == found.analysis
    assert found.analysis["control"] == "center"


@pytest.mark.parametrize("out", ["", "other.html"])
def test_a_report_with_another_control_leaves_the_declared_one(ledger: Path, out: str) -> None:
    before = {path.name: path.read_bytes() for path in ledger.iterdir() if path.is_file()}
    with pytest.raises(ConfigError, match="in another folder"):
        comparison.report(ledger, out=str(ledger / out), control="center", pictures=False)
    assert {path.name: path.read_bytes() for path in ledger.iterdir() if path.is_file()} == before


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResumeError):
        report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_named(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        report(ledger, tmp_path / "file" / "page.html")


def test_the_verdict_comes_first_and_the_rest_in_order(text: str, analysis: dict[str, Any]) -> None:
    found = [element.get("id") for element in tree(text).iter("section")]
    assert found == SECTIONS
    for arm in analysis["arms"][1:]:
        assert arm["against_control"]["verdict"]["sentence"] in said(text, "verdict")


@pytest.mark.usefixtures("undrawn")
def test_warnings_stand_beside_the_verdict(tmp_path: Path) -> None:
    unfair = {"differences": [{"arm": "center", "seed": 0, "what": "lr0", "found": 0.1, "expected": 0.2}]}
    weak = {arm: tuple(value / 3 for value in values) for arm, values in VALUES.items()}
    ledger = make_ledger(tmp_path / "ledger", failed=[("p2", 1)], unfair=unfair, values=weak)
    written = reporting.report(ledger)
    text = read(written.page)
    verdict, warnings = said(text, "verdict"), written.analysis["warnings"]
    assert len(warnings) >= 3
    assert all(" ".join(warning.split()) in verdict for warning in warnings)
    assert "not comparable" in verdict
    assert "0.1, where 0.2 was expected" in said(text, "fairness")
    assert "out of memory" in said(text, "runs")


def test_the_summary_has_every_number_of_an_arm(text: str, analysis: dict[str, Any]) -> None:
    row = [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells(text, "center")]
    own = next(arm for arm in analysis["arms"] if arm["name"] == "center")
    primary = own["against_control"]["primary"]
    assert row[0] == "centerheads=center"
    assert row[1].startswith("+4.8")  # next to the name, where a phone shows it
    for ends in (primary["t"], primary["images"]):
        assert f"{100 * ends[0]:+.1f} to {100 * ends[1]:+.1f}" in row[1]
    assert f"{primary['p_holm']:.3f}" in row[2]
    assert "sign test 0.250" in row[2]
    assert "least 0.250" in row[2]
    assert row[3].startswith("55.8")
    assert row[4] == "55.0 56.0 56.5"
    assert row[5] == "3.20 M"
    assert row[6].startswith("8.0")
    assert "1.00 ×" in row[7]  # noqa: RUF001  no latency was measured, and no column is there for it
    assert row[8] == "5of 5"
    assert row[9] == "56 %"
    assert cells(text, "plain")[1:3] == [DASH, DASH]


@pytest.mark.usefixtures("undrawn")
def test_columns_that_no_arm_has_are_left_out(tmp_path: Path) -> None:
    arms = {"plain": {}, "center": {"heads": "center"}}
    ledger = make_ledger(tmp_path / "ledger", arms=arms, latency={"plain": 1.0, "center": 1.25})
    text = read(reporting.report(ledger).page)
    row = [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells(text, "center")]
    assert len(row) == 10
    assert "1.25 ×" in row[7]  # noqa: RUF001
    assert "share of p2" not in text


@pytest.mark.usefixtures("undrawn")
def test_empty_bands_and_a_single_class_are_left_out(tmp_path: Path) -> None:
    written = reporting.report(make_ledger(tmp_path / "ledger"))
    analysis = json.loads(json.dumps(written.analysis))
    empty = [band for band, boxes in analysis["data"]["bands"].items() if not boxes]
    assert "By class" in read(written.page)
    analysis["data"]["bands"]["nothing 7-8"] = 0
    analysis["data"]["names"] = ["sign"]
    text = page(
        analysis, dict.fromkeys(("forest", "cost", "screening", "bands", "curves", "precision")), Wall((), "none")
    )
    assert "nothing 7-8" not in text
    assert not any(band in said(text, "sizes") for band in empty)
    assert "By class" not in text
    assert "#classes" not in text


@pytest.mark.usefixtures("undrawn")
def test_the_lead_says_what_was_trained_by_what_and_when(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "ledger", failed=[("p2", 1)])
    told = " ".join(Page(read(reporting.report(ledger, pictures=False).page)).text.split())
    trained = "Trained: yolov8n.yaml from scratch, 5 epochs, 96 px, on a CPU (x), auxhead 0.1.0, Ultralytics 8.4.190"
    assert f"{trained}, ended 2026-01-02, unless" in told
    known = json.loads(read(ledger / "environment.json")) | {"commit": "0123456789ab-dirty"}
    (ledger / "environment.json").write_text(json.dumps(known))
    last = ledger / "runs/center-2/result.json"
    last.write_text(json.dumps(json.loads(read(last)) | {"ended": "2026-01-09T23:59:59+00:00"}))
    told = " ".join(Page(read(reporting.report(ledger, pictures=False).page)).text.split())
    assert "auxhead 0.1.0 (commit 0123456789ab-dirty), Ultralytics" in told
    assert "ended 2026-01-09" in told


@pytest.mark.usefixtures("undrawn")
def test_sections_with_nothing_in_them_are_left_out_of_page_and_menu(tmp_path: Path) -> None:
    everything = [(arm, seed) for arm in VALUES for seed in (0, 1, 2)]
    ledger = make_ledger(tmp_path / "ledger", missing=everything)
    (ledger / "unfair.json").unlink()
    root = tree(read(reporting.report(ledger, pictures=False).page))
    found = [one.get("id") for one in root.iter("section")]
    assert found == ["verdict", "arms", "runs", "again"]
    assert [link.get("href") for link in next(root.iter("nav")).iter("a")] == [f"#{name}" for name in found]


def test_a_training_on_a_cpu_is_priced_by_the_processor(analysis: dict[str, Any], drawn: dict[str, Any]) -> None:
    words = {one.text for one in ET.fromstring(drawn["cost"].wide).iter("text")}
    assert "processor time, the control's = 1" in words
    gpu = {**analysis, "environment": {"gpu": "H100"}}
    words = {one.text for one in ET.fromstring(figures(gpu)["cost"].wide).iter("text")}
    assert "training time, the control's = 1" in words


def test_arms_that_cost_the_same_have_one_price_on_the_axis(analysis: dict[str, Any]) -> None:
    arms = [{**arm, "cost": {**arm["cost"], "gflops": 0.51}} for arm in analysis["arms"]]
    with inline_svg.drawing():
        found = cost({**analysis, "arms": arms}, looks(arms, "plain"))
    assert found is not None
    for drawing in (found.wide, found.narrow):
        words = [one.text or "" for one in ET.fromstring(drawing).iter("text")]
        assert [word for word in words if word.startswith("0.5")] == ["0.51"]


@given(st.lists(st.floats(0.2, 0.4), min_size=3, max_size=3))
def test_intervals_of_three_seeds_are_drawn_whole(seeds: list[float]) -> None:
    reach = 4.303 * float(np.std(seeds, ddof=1)) / 3**0.5
    ends = [float(np.mean(seeds)) - reach, float(np.mean(seeds)) + reach]
    low, high = limits(seeds, ends)
    assert low <= 100 * ends[0] <= 100 * ends[1] <= high


def learning(analysis: Mapping[str, Any]) -> tuple[str, str]:
    """Draw the learning curves alone, wide and narrow."""
    with inline_svg.drawing():
        found = curves(analysis, looks(analysis["arms"], "plain"))
    assert found is not None
    return found.wide, found.narrow


@pytest.mark.parametrize("count", [1, 2, 5, 11])
def test_each_arm_has_a_panel_of_its_own_with_the_control_behind(count: int, analysis: dict[str, Any]) -> None:
    plain, other = analysis["arms"][0], analysis["arms"][2]
    arms = [plain, *({**other, "name": f"arm-{place}", "against_control": None} for place in range(count))]
    for figure in learning({**analysis, "arms": arms}):
        root = ET.fromstring(figure)
        titles = [one.text for one in root.iter("text") if (one.text or "").startswith("arm-")]
        assert titles == [f"arm-{place}" for place in range(count)]
        lines = [one.get("style", "") for one in root.iter("path") if "--arm-" in one.get("style", "")]
        thick = [line for line in lines if "stroke-width:2.6" in line]
        assert sum("--arm-0" in line for line in thick) == count
        assert all(("opacity:0.5" in line) == ("--arm-0" in line) for line in thick)
        assert sum("stroke-width:0.8" in line for line in lines) == 2 * 3 * count  # three seeds, and the control's


def test_the_control_alone_has_a_panel(analysis: dict[str, Any]) -> None:
    arms = analysis["arms"][:1]
    for figure in learning({**analysis, "arms": arms}):
        assert "plain" in [one.text for one in ET.fromstring(figure).iter("text")]


def test_learning_is_shown_by_the_metric_nearest_to_the_primary_one(analysis: dict[str, Any]) -> None:
    for band, measure, shown in (("all", "AP", "mAP50-95"), ("all", "AP50", "mAP50"), ("8-16", "AP", "mAP50")):
        assert curve_measure({"primary": {"band": band, "measure": measure}}) == shown
    strict = {**analysis, "primary": {"name": "mAP50-95", "band": "all", "measure": "AP"}}
    words = {one.text for one in ET.fromstring(figures(strict)["curves"].wide).iter("text")}
    assert "mAP50\N{EN DASH}95, points" in words


def test_every_seed_is_drawn(drawn: dict[str, Any]) -> None:
    forest = drawn["forest"]
    for drawing in (forest.wide, forest.narrow):
        marks = Counter(
            re.search(r"--arm-\d", one.get("style", ""))[0]
            for one in ET.fromstring(drawing).iter("use")
            if "--arm-" in one.get("style", "")
        )
        # three seeds, the mean, and both ends of the interval over images
        assert marks == {"--arm-1": 6, "--arm-2": 6, "--arm-3": 6}


def test_both_intervals_are_drawn(analysis: dict[str, Any], drawn: dict[str, Any]) -> None:
    lines = [one for one in ET.fromstring(drawn["forest"].wide).iter("path") if "--arm-2" in one.get("style", "")]
    spans: dict[str, float] = {}
    for line in lines:
        places = [float(number) for number in re.findall(r"[ML] ([\d.]+)", line.get("d", ""))]
        width = re.search(r"stroke-width:([\d.]+)", line.get("style", ""))[1]
        spans[width] = max(spans.get(width, 0), max(places) - min(places))
    primary = next(arm for arm in analysis["arms"] if arm["name"] == "center")["against_control"]["primary"]
    expected = (primary["t"][1] - primary["t"][0]) / (primary["images"][1] - primary["images"][0])
    assert spans["8"] / spans["1.6"] == pytest.approx(expected, rel=0.02)


def test_all_figures_are_there_in_two_widths_with_words(text: str) -> None:
    drawn = [one for one in tree(text).iter("svg") if one.get("class") in {"wide", "narrow"}]
    assert len(drawn) == 10
    for one in drawn:
        assert one.get("role") == "img"
        labels = {child.get("id"): child.text for child in one if child.tag in {"title", "desc"}}
        assert labels[one.get("aria-labelledby")]
        assert labels[one.get("aria-describedby")]
    colors = set(
        re.findall(r"(?:fill|stroke|color): ?(#\w+)", "".join(ET.tostring(one, encoding="unicode") for one in drawn))
    )
    assert colors == set()  # they follow the page into the dark


def test_ids_are_unique_and_labels_and_links_lead_somewhere(text: str) -> None:
    elements = list(tree(text).iter())
    ids = Counter(one.get("id") for one in elements if one.get("id"))
    assert [name for name, count in ids.items() if count > 1] == []
    for one in elements:
        for key in ("aria-labelledby", "aria-describedby"):
            assert one.get(key, "verdict") in ids
        href = one.get("href", "")
        assert not href.startswith("#") or href[1:] in ids
        clip = one.get("clip-path")
        assert clip is None or clip[5:-1] in ids


def test_every_heading_of_the_page_can_be_linked(text: str) -> None:
    headings = [one for one in tree(text).iter() if re.fullmatch(r"h[2-4]", one.tag)]
    links = [[link.get("href") for link in one.iter("a")] for one in headings]
    assert len(headings) > 15
    assert all(len(own) == 1 for own in links)
    assert len({own[0] for own in links}) == len(headings)  # where they lead is tested with the ids


def test_missed_boxes_on_pictures_have_their_size(text: str) -> None:
    marks = {one.text for one in tree(text).iter("text") if one.get("class") == "missed"}
    assert marks
    assert marks <= {"6 px", "12 px", "24 px"}


def test_headings_are_in_order_and_tables_have_captions_and_scopes(text: str) -> None:
    root = tree(text)
    assert root.get("lang") == "en"
    levels = [int(one.tag[1]) for one in root.iter() if re.fullmatch(r"h\d", one.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for table in root.iter("table"):
        assert "".join(table.find("caption").itertext()).strip()
        assert all(head.get("scope") for head in table.iter("th"))
    for region in (one for one in root.iter("div") if (one.get("class") or "").startswith("scroll")):
        assert (region.get("role"), region.get("tabindex")) == ("region", "0")
        assert region.get("aria-label")


def test_every_picture_is_embedded_once_and_shown_three_times(text: str) -> None:
    shown = re.findall(r'<image id="([\w-]+)"[^>]*href="data:image/jpeg;base64,', text)
    assert shown
    assert text.count("base64,") == len(shown)
    for name in shown:
        assert text.count(f'<use href="#{name}" />') == 2


def test_nothing_is_loaded_from_elsewhere(text: str) -> None:
    found = Page(text)
    links = [
        value
        for _, attributes in found.elements
        for key in ("src", "href", "srcset", "data", "action", "poster")
        if (value := attributes.get(key)) is not None
    ]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    assert "@import" not in text
    policy = next(one for one in found.all("meta") if one.get("http-equiv"))["content"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    script = re.search(r"<script>(.*?)</script>", text, flags=re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy


def test_hostile_names_are_text(tmp_path: Path) -> None:
    arms: dict[str, dict[str, Any]] = {
        "plain": {},
        NASTY.replace("/", ""): {"name": NASTY},
        "p2": {"model": "</small><b>"},
        "漢字 $\\alpha$ \u202eevil": {},
        "x" * 200: {"k": "v" * 500},
    }
    unfair = {
        "differences": [{"arm": "p2", "seed": 0, "what": NASTY, "found": HOSTILE, "expected": NASTY}],
        "notes": [{"arm": NASTY, "what": HOSTILE, "why": NASTY}],
        "equal": [{"what": NASTY, "value": HOSTILE}],
    }
    ledger = make_ledger(tmp_path / "ledger", arms=arms, seeds=(0, 1), names=[NASTY, HOSTILE, "$"], unfair=unfair)
    for name, changes in {"plan.json": {"name": NASTY}, "environment.json": {NASTY: HOSTILE}}.items():
        (ledger / name).write_text(json.dumps(json.loads(read(ledger / name)) | changes))
    for place, result in enumerate(sorted(ledger.glob("runs/*/result.json"))):
        content = json.loads(read(result)) | {"command": NASTY + HOSTILE, "reason": NASTY + "\x00\x1b"}
        content |= {"status": "failed"} if place == 3 else {}
        result.write_text(json.dumps(content))
    text = read(report(ledger))
    found = Page(text)
    tags = Counter(tag for tag, _ in found.elements)
    assert tags["script"] == tags["style"] == tags["h1"] == 1
    assert not {"img", "iframe", "object", "embed", "form", "base"} & set(tags)
    assert not [key for _, attributes in found.elements for key in attributes if key.startswith("on")]
    assert NASTY in found.text
    assert HOSTILE in found.text
    assert "49" not in re.findall(r"\$ (\S+) \\frac", found.text)  # {{ 7*7 }} stays what it is
    labels = {one.text for one in tree(text).iter("text")}
    assert any((label or "").startswith("漢字 $\\alpha$") for label in labels)  # no formula
    tree(text)


def test_the_page_is_well_formed(text: str) -> None:
    assert Page(text).open == []
    tree(text)
    assert "None" not in Page(text).text
    assert "nan" not in Page(text).text.lower().replace("fairness", "")


TWO = {"plain": {}, "center": {"heads": "center"}}

UNUSUAL: dict[str, dict[str, Any]] = {
    "no control": {"missing": [("plain", seed) for seed in (0, 1, 2)]},
    "all failed": {"failed": [(arm, seed) for arm in VALUES for seed in (0, 1, 2)]},
    "mixed": {
        "stale": [("center", 0)],
        "failed": [("p2", 0)],
        "missing": [("plain", 2)],
        "control": "center",
        "primary": "AP75",  # measured of all sizes only
    },
    "one seed": {"seeds": (7,), "epochs": 1, "resamples": 0},
    "one run": {"seeds": (7,), "arms": {"plain": {}}, "epochs": 0},
    "test split": {"split": "test", "primary": "8-16/AP50", "arms": TWO},
    "empty band": {"primary": ">=32/AP50", "arms": TWO},
    "no boxes": {"pictures": 1, "arms": TWO},
}


@pytest.mark.parametrize("keys", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_comparisons_have_a_page(tmp_path: Path, keys: dict[str, Any]) -> None:
    whole_page(read(report(make_ledger(tmp_path / "ledger", **keys))))


def whole_page(text: str) -> None:
    found = Page(text)
    there = [str(one.get("id")) for one in tree(text).iter("section")]
    assert there == [name for name in SECTIONS if name in there]
    assert {"verdict", "arms", "runs", "again"} <= set(there)
    assert "None" not in found.text
    assert "Undefined" not in found.text


def test_half_finished_comparisons_say_how_far_they_are(tmp_path: Path) -> None:
    half: dict[str, Any] = {"missing": [("p2", seed) for seed in (0, 1, 2)], "failed": [("center", 1)]}
    text = read(report(make_ledger(tmp_path / "ledger", **half)))
    whole_page(text)
    assert "8 of 12 runs finished, 1 failed and 3 not finished yet" in Page(text).text
    assert cells(text, "p2")[1:3] == [DASH, DASH]


def test_nothing_finished_is_said(tmp_path: Path) -> None:
    everything = [(arm, seed) for arm in VALUES for seed in (0, 1, 2)]
    found = Page(read(report(make_ledger(tmp_path / "ledger", missing=everything)))).text
    assert "Nothing can be said yet" in found
    assert "There is no difference to draw yet." in found


@pytest.mark.usefixtures("undrawn")
def test_pages_without_images_say_so(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "ledger", seeds=(0,))
    shutil.rmtree(tmp_path / "ledger-data" / "images")
    text = read(report(ledger))
    assert "can't be read any more" in Page(text).text
    assert "base64," not in text


def holes(value: Any) -> Any:
    """Put NaN in the place of every number of an arm."""
    if isinstance(value, dict):
        return {key: holes(one) for key, one in value.items()}
    if isinstance(value, list):
        return [holes(one) for one in value]
    return math.nan if isinstance(value, float) else value


def test_holes_are_dashes(analysis: dict[str, Any]) -> None:
    arms = [holes(arm) if arm["name"] == "center" else arm for arm in analysis["arms"]]
    text = without_pictures({**analysis, "arms": arms})
    assert "nan" not in Page(text).text.lower()
    row = cells(text, "center")
    assert row[3] == row[7] == DASH
    assert row[4].split() == [DASH] * 3


@pytest.mark.slow
def test_a_large_page_stays_small(tmp_path: Path) -> None:
    arms = {"plain": {}, **{f"arm-{place}": {"k": place} for place in range(9)}}
    values = {arm: (0.2 + 0.07 * place,) for place, arm in enumerate(arms)}
    ledger = make_ledger(
        tmp_path / "ledger", arms=arms, values=values, pictures=30, epochs=300, resamples=10, names=["n" * 40] * 300
    )
    path = report(ledger)
    assert path.stat().st_size < 3_000_000
    assert read(path).count("base64,") >= 8 * 6


@pytest.mark.usefixtures("undrawn")
def test_rows_of_classes_are_limited(tmp_path: Path) -> None:
    names = [f"class-{place}" for place in range(450)]
    ledger = make_ledger(tmp_path / "ledger", seeds=(0,), names=names)
    text = read(report(ledger))
    assert "50 classes more are in report.json" in Page(text).text
    assert "class-399" in text
    assert "class-400" not in text


def test_neither_torch_nor_ultralytics_is_loaded_and_nothing_is_warned_about(tmp_path: Path) -> None:
    arms: dict[str, dict[str, Any]] = {
        "plain": {},
        "漢字 $x$ 🙂": {},
        "p2": {},
    }  # no font here has the first two letters
    ledger = make_ledger(tmp_path / "ledger", arms=arms, seeds=(0,))
    script = (
        "import sys; from auxhead.reporting.report import report; report(*sys.argv[1:]);"
        "print(sorted({'torch', 'ultralytics', 'torchvision'} & set(sys.modules)))"
    )
    words = [sys.executable, "-W", "error", "-c", script, str(ledger), str(tmp_path / "page.html")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""
