"""Plots: whole files, the same every time, and the numbers behind them are those of the evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

import auxhead
from auxhead.evaluation import curves, plots, size_axis
from auxhead.evaluation.result import Evaluation
from auxhead.formats import NOTHING
from auxhead.metrics.bands import ALL, Band
from auxhead.metrics.intervals import Estimate
from auxhead.metrics.measures import Matched, match_all, numbers
from auxhead.metrics.mistakes import mistakes

NAMES = ("pr_curves", "ap_by_band", "size_histogram", "recall_by_size")
FILES = {f"{name}.{suffix}" for name in NAMES for suffix in ("svg", "png")}
HOSTILE = "_$x^{2$ <script>&amp;_\\frac\n\x01漢" + 90 * "W"
DASH = "\N{EN DASH}"

Given = tuple[Evaluation, Sequence[Matched]]


@pytest.fixture(scope="module")
def predictions(signs: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write the labels of the validation pictures, moved about, as predictions."""

    def write(name: str, shift: float, share: float = 0.9) -> Path:
        random = np.random.default_rng(0)
        rows = []
        for file in sorted((signs.parent / "labels" / "val").glob("*.txt")):
            for line in file.read_text().splitlines():
                cls, x, y, w, h = map(float, line.split()[:5])
                x, y = random.normal((x, y), shift * np.array([w, h]))
                box = [64 * (x - w / 2), 64 * (y - h / 2), 64 * w, 64 * h]
                if random.random() < share:
                    row = {"image_id": file.stem, "file_name": f"{file.stem}.jpg", "category_id": int(cls)}
                    rows.append(row | {"bbox": box, "score": round(random.random(), 2)})
        path = tmp_path_factory.mktemp("predictions") / f"{name}.json"
        path.write_text(json.dumps(rows))
        return path

    return write


@pytest.fixture(scope="module")
def evaluated(signs: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Given]:
    """Evaluate, and give what plot_all is called with."""

    def run(*sources: Path, **keys: Any) -> Given:
        seen: list[Given] = []
        given = dict(zip(("predictions", "versus"), map(str, sources), strict=False)) | {"resamples": 20} | keys
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plots, "plot_all", lambda evaluation, matched, _: seen.append((evaluation, matched)))
            auxhead.evaluate(**given, data=str(signs), plots=True, out=str(tmp_path_factory.mktemp("out")))
        return seen[0]

    return run


@pytest.fixture(scope="module")
def one(evaluated, predictions) -> Given:
    return evaluated(predictions("good", 0.15), bands="coco")


@pytest.fixture(scope="module")
def two(evaluated, predictions) -> Given:
    return evaluated(predictions(HOSTILE + "a", 0.05), predictions(HOSTILE + "b", 0.3, 0.6))


STYLE: Any = plots.STYLE  # matplotlib lists its keys


def texts(draw: Callable[..., Figure], evaluation: Evaluation, matched: Sequence[Matched]) -> list[str]:
    """All texts of a figure."""
    with matplotlib.rc_context(STYLE):
        return [text.get_text() for text in draw(evaluation, matched).findobj(Text)]


def words(path: Path) -> list[str]:
    """All texts of an SVG."""
    texts = ["".join(node.itertext()) for node in ElementTree.parse(path).iter() if node.tag.endswith("}text")]
    return [text.strip() for text in texts]


def test_files_of_one_detector(one: Given, tmp_path: Path) -> None:
    written = plots.plot_all(*one, tmp_path)
    assert {path.name for path in written} == {path.name for path in tmp_path.iterdir()} == FILES
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert len(picture.convert("L").getcolors() or []) > 20
        else:
            assert any("good" in text for text in words(path)), path.name


def test_two_with_hostile_names_the_same_twice(two: Given, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    written = plots.plot_all(*two, tmp_path / "a")
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        again = plots.plot_all(*two, tmp_path / "b")
    assert [path.name for path in written] == [path.name for path in again]
    for path, other in zip(written, again, strict=True):
        assert path.read_bytes() == other.read_bytes(), path.name
        if path.suffix == ".png":
            with Image.open(path) as picture:
                edge = np.concatenate([np.asarray(picture.convert("L"))[:, end] for end in (0, -1)])
            assert (edge == 255).all(), f"{path.name} is cut off"
        else:
            shown = words(path)
            for end in "ab":
                assert any(text.startswith("_$x^{2$ <script>&a…WW") and f"W{end}" in text for text in shown), path.name
            assert not any(node.tag.endswith("script") for node in ElementTree.parse(path).iter())


def test_shown_numbers_are_the_evaluations(one: Given) -> None:
    evaluation, _ = one
    table = evaluation.detectors[0].numbers
    shown = texts(plots.ap_by_band, *one)
    for band in ("all", "small <32"):
        for measure in ("AP50", "center_AP"):
            assert f"{100 * table[band][measure].value:.1f}" in shown
    assert shown.count(NOTHING) == 4, "medium and large have no boxes, in two panels"
    assert {f"medium\n32{DASH}96\n0 boxes", f"\nall sizes\n{evaluation.data['boxes']} boxes"} <= set(shown)
    assert "Average precision by size, 95 % intervals\nval split" in "".join(shown)
    lines = texts(plots.pr_curves, *one)
    assert f"good, IoU 0.5: AP {100 * table['all']['AP50'].value:.1f}" in lines
    assert f"good, center within 0.25 box sizes: AP {100 * table['all']['center_AP@0.25'].value:.1f}" in lines
    counts = evaluation.detectors[0].mistakes["all"]
    kinds = {f"{kind.replace('_', ' ')} ({counts[kind]})" for kind in ("found", "loose", "wrong_class", "missed")}
    assert kinds <= set(texts(plots.size_histogram, *one))


def test_average_of_the_curve_is_the_average_precision(one: Given) -> None:
    evaluation, (matched,) = one
    table = evaluation.detectors[0].numbers["all"]
    curve = curves.precision_curve(matched.scene, matched.by_overlap["all"], 0)
    assert curve.shape == (101,)
    assert 0.1 < table["AP50"].value < 0.99
    assert curve.mean() == pytest.approx(table["AP50"].value, abs=1e-9)
    for place, distance in enumerate(matched.setup.distances):
        centers = curves.precision_curve(matched.scene, matched.by_center["all"], place)
        assert centers.mean() == pytest.approx(table[f"center_AP@{distance:g}"].value, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_curves_of_crowded_scenes_agree_with_the_numbers(build: SimpleNamespace, seed: int) -> None:
    one = build.measure(*build.crowded(seed))
    found = numbers(one, np.ones((1, len(one.scene.truth.files))))
    curve = curves.precision_curve(one.scene, one.by_overlap["all"], 0)
    np.testing.assert_allclose(curve.mean(), found["all", "AP50"][0], atol=1e-12)
    counted = ~one.scene.truth.crowd
    boxes = curves.found_boxes(one)
    assert not boxes[~counted].any()
    np.testing.assert_allclose(boxes.sum() / counted.sum(), found["all", "recall@1FPPI"][0], atol=1e-12)


def test_precision_curve_by_hand(build: SimpleNamespace) -> None:
    truth = build.truth([(0, 0, 0, 0, 10, 10), (0, 0, 50, 0, 10, 10), (0, 1, 0, 50, 10, 10)])
    spots = [(0, 0, 0, 0.9), (0, 0, 200, 0.8), (0, 0, 50, 0.7), (0, 2, 0, 0.6)]  # right, wrong, right; no such class
    found = build.found([(image, cls, left, 0, 10, 10, score) for image, cls, left, score in spots])
    one = build.measure(truth, found)
    curve = curves.precision_curve(one.scene, one.by_overlap["all"], 0)
    # Class 0: precision 1 up to recall 0.5, then 2/3; class 1: nothing found; class 2 has no boxes.
    expected = [(1 if recall <= 0.5 else 2 / 3) / 2 for recall in np.arange(101) / 100]
    np.testing.assert_allclose(curve, expected, atol=1e-12)


def test_found_boxes_by_hand(build: SimpleNamespace) -> None:
    truth = build.truth([(0, 0, left, 0, 10, 10) for left in (0, 50, 100)])
    spots = [(0, 0.9), (300, 0.8), (54, 0.7), (400, 0.6), (100, 0.5)]  # the third is off by 4 of 10 pixels
    one = build.measure(truth, build.found([(0, 0, left, 0, 10, 10, score) for left, score in spots]))
    # One image, so one wrong detection: by overlap the third is the second wrong one; by center the fourth is.
    assert curves.found_boxes(one).tolist() == [True, False, False]
    assert curves.found_boxes(one, 1).tolist() == [True, True, False]
    assert curves.score_at_false_positives(one.scene, one.by_overlap["all"], 0) == 0.8
    assert curves.score_at_false_positives(one.scene, one.by_overlap["all"], 0, 2) == 0.7
    assert curves.score_at_false_positives(one.scene, one.by_overlap["all"], 0, 9) == 0.5
    alone = build.measure(truth, build.found([(0, 0, 300, 0, 10, 10, 0.9)]))
    assert curves.score_at_false_positives(alone.scene, alone.by_overlap["all"], 0, 0) == np.inf


@pytest.mark.parametrize("sizes", [[], [20.0], [0.5, 4000.0], [8.0, 16.0, 32.0], [2**4.25, 2**4.75, 31.999]])
@pytest.mark.parametrize("bins", [12, 24])
def test_every_size_has_a_bin(sizes: list[float], bins: int) -> None:
    values = np.array(sizes)
    edges = curves.size_edges(values, bins)
    np.testing.assert_allclose(np.diff(np.log2(edges)), np.log2(edges[1] / edges[0]))
    assert bins / 2 < len(edges) < 2 * bins
    assert edges[-1] / edges[0] >= 4
    counts = curves.in_bins(values, edges, np.ones(len(values), dtype=bool))
    assert counts.sum() == len(values)
    assert counts.tolist() == np.histogram(values, edges)[0].tolist()


def test_names_that_are_equal_once_shortened(two: Given) -> None:
    evaluation, matched = two
    left, right = (
        replace(own, name=f"{40 * 'W'}{end}{40 * 'W'}\n") for own, end in zip(evaluation.detectors, "ab", strict=True)
    )
    shown = texts(plots.recall_by_size, replace(evaluation, detectors=[left, right]), matched)
    assert [sum(f"W? ({place})," in text for text in shown) for place in (1, 2)] == [2, 2]


def test_no_detections_and_no_intervals(evaluated, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.json"
    nothing.write_text("[]")
    evaluation, matched = evaluated(nothing, resamples=0)
    plots.plot_all(evaluation, matched, tmp_path / "plots")
    assert "no right detection" in words(tmp_path / "plots" / "size_histogram.svg")
    assert "Average precision by size" in words(tmp_path / "plots" / "ap_by_band.svg")
    assert not curves.found_boxes(matched[0]).any()


def test_nothing_but_a_crowd(one: Given, build: SimpleNamespace) -> None:
    evaluation, (matched,) = one
    spots = build.truth([(0, 0, 0, 0, 9, 9, 1)]), build.found([(0, 0, 0, 0, 9, 9, 0.5)])
    crowd = match_all(*spots, matched.setup)
    assert np.isnan(curves.precision_curve(crowd.scene, crowd.by_overlap["all"], 0)).all()
    detector = replace(evaluation.detectors[0], judged=mistakes(crowd))
    for draw in (plots.pr_curves, plots.size_histogram, plots.recall_by_size):
        assert texts(draw, replace(evaluation, detectors=[detector]), [crowd])


def test_names_of_bands_stay_apart() -> None:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(plots.WIDTH, 3))
        bands = [Band(f"{low}-{low + 1}", low, low + 1) for low in range(1, 64)]
        axes = figure.subplots()
        size_axis.size_axis(axes, np.array([1.0, 64.0]), bands, named=True)
        figure.draw_without_rendering()
        names = [text for text in axes.child_axes[0].get_xticklabels() if text.get_text()]
        boxes = [text.get_window_extent() for text in names]
    assert len(boxes) > 5
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))


def test_band_labels() -> None:
    bands = [ALL, Band("<2", 0, 2), Band("very tiny 2-8", 2, 8), Band(">=8", 8, np.inf)]
    assert size_axis.band_labels(bands) == ["\nall sizes", "\n< 2", f"very tiny\n2{DASH}8", "\n≥ 8"]
    assert size_axis.band_labels(bands[:2]) == ["all sizes", "< 2"]


def test_an_interval_needs_not_hold_its_value(one: Given) -> None:
    evaluation, matched = one
    own = evaluation.detectors[0]
    numbers = {**own.numbers, "all": {**own.numbers["all"], "AP50": Estimate(0.501, 0.6, 0.7)}}
    assert "50.1" in texts(plots.ap_by_band, replace(evaluation, detectors=[replace(own, numbers=numbers)]), matched)
