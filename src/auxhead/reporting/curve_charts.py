"""The figures with lines: a panel of learning curves for each arm, precision and recall of all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from auxhead.formats import listed, shortened
from auxhead.metrics.bands import ALL
from auxhead.reporting.arm_styles import Look
from auxhead.reporting.chart_parts import NARROW, WIDE, Floats, panels
from auxhead.reporting.inline_svg import DOTS, GROUND, INK, Drawing, arm_color, draw
from auxhead.reporting.typography import points

Analysis = Mapping[str, Any]
Looks = Mapping[str, Look]

CURVES = {"mAP50": "mAP50", "mAP50-95": "mAP50\N{EN DASH}95"}
ACROSS, ACROSS_NARROW = 4, 2  # panels beside each other
PANEL, PANEL_NARROW = 220, 190  # pixels of their height
PALE = 0.5  # the control behind an arm: it is there to be compared with, not to be read
SHORT = 18  # letters of a name above a panel on a phone
FEWER = 100  # points of a line in a small panel
MOST = 200  # points of a line: more can't be told apart
MARKS = 6  # marks on a line, to tell arms apart without colors


class Line(NamedTuple):
    """A line of the figure: one arm, by seeds; or one detector, as a single seed."""

    look: Look
    name: str
    x: Floats
    seeds: Floats
    """Fractions, shape (seeds, n)."""


def curve_measure(analysis: Analysis) -> str:
    """Return Ultralytics' metric that learning is shown by: the one that is nearest to the primary measure."""
    primary = analysis["primary"]
    return "mAP50-95" if (primary["band"], primary["measure"]) == (ALL.name, "AP") else "mAP50"


def curves(analysis: Analysis, looks: Looks) -> Drawing | None:
    """Draw one of Ultralytics' own metrics by epoch, a small panel for each arm with the control pale behind it."""
    measure = curve_measure(analysis)
    lines = [
        Line(looks[arm["name"]], arm["name"], np.arange(1.0, found.shape[1] + 1), found)
        for arm in analysis["arms"]
        if (found := _table((arm["curve"] or {}).get(measure))).size
    ]
    if not lines:
        return None
    last = [f"{line.name}: {points(float(line.seeds[:, -1].mean()))}" for line in lines]
    text = f"{measure} after the last epoch: {'; '.join(last)}"
    control = next((line for line in lines if line.name == analysis["control"]), None)
    arms = [line for line in lines if line is not control] or lines
    return draw("curves", "Learning curves", text, partial(_curves, arms, control, CURVES[measure]))


def _curves(arms: Sequence[Line], control: Line | None, title: str, wide: bool) -> Figure:
    rows = math.ceil(len(arms) / (ACROSS if wide else ACROSS_NARROW))
    columns = math.ceil(len(arms) / rows)
    width = (WIDE if columns > 2 else NARROW * (columns + 1)) if wide else NARROW
    height = rows * (PANEL if wide else PANEL_NARROW) * (1 if columns > 1 else 1.4) + 40
    figure = Figure(figsize=(width / DOTS, height / DOTS))
    every = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, line in zip(every, arms, strict=False):
        if control is not None and control is not line:
            _seeds(axes, control, faded=True)
        _seeds(axes, line, faded=False)
        name = line.look.label if wide else shortened(line.look.label, SHORT, middle=True)
        axes.set_title(name, color=INK, fontsize=13 if wide else 12)
        axes.xaxis.set_major_locator(MaxNLocator(5 if wide else 3, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
    every[0].set_ylim(bottom=0)  # of all, now that all lines are there
    for axes in every[len(arms) :]:
        axes.set_visible(False)
    for axes in every[max(len(arms) - columns, 0) : len(arms)]:
        axes.tick_params(labelbottom=True)  # also where the row below has no panel
    figure.supxlabel("epoch", fontsize=13)
    figure.supylabel(f"{title}, points", fontsize=13)
    return figure


def _seeds(axes: Axes, line: Line, *, faded: bool) -> None:
    """Draw every seed thin, and their mean thick, with the mark of the arm at its end."""
    kept = _thinned(len(line.x), FEWER)
    x, seeds, color = line.x[kept], 100 * line.seeds[:, kept], arm_color(line.look.place)
    strength = PALE if faded else 1.0
    if len(seeds) > 1:
        for seed in seeds:
            axes.plot(x, seed, color=color, linewidth=0.8, alpha=0.55 * strength, zorder=2 if faded else 3)
    mean = {"color": color, "linewidth": 2.6, "alpha": strength, "zorder": 2.5 if faded else 4, "clip_on": False}
    mark = {"marker": line.look.marker, "markevery": [len(x) - 1], "markersize": 8.0, "markeredgecolor": GROUND}
    style: dict[str, Any] = {**mean, **mark}
    axes.plot(x, seeds.mean(axis=0), **style)


def _thinned(count: int, most: int) -> npt.NDArray[np.int64]:
    """Choose so many of a line's points, the first and the last among them."""
    kept: npt.NDArray[np.int64] = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
    return kept


def precision(analysis: Analysis, looks: Looks) -> Drawing | None:
    """Draw precision against recall at IoU 0.5: the mean of the seeds, between the lowest and the highest seed."""
    lines = [
        Line(looks[arm["name"]], arm["name"], 100 * np.array(arm["pr"]["recall"], dtype=np.float64), found)
        for arm in analysis["arms"]
        if (found := _table((arm["pr"] or {}).get("precision"))).size
    ]
    lines = [line for line in lines if len(line.x) == line.seeds.shape[1]]
    if not lines:
        return None
    text = f"Precision against recall of {listed([line.name for line in lines])}: means of classes and seeds"
    return draw("precision", "Precision and recall at IoU 0.5", text, partial(precision_figure, lines))


def precision_figure(lines: Sequence[Line], wide: bool) -> Figure:
    """Draw precision against recall, at least one line; x of a line is its recalls, percent."""
    figure, (axes,) = panels(wide, 440 if wide else 360, width=700)
    for place, line in enumerate(lines):
        _band_of_seeds(axes, line, place / len(lines))
    axes.set(xlabel="recall, %", ylabel="precision, %", xlim=(0, 100), ylim=(0, 102))
    return figure


def _band_of_seeds(axes: Axes, line: Line, phase: float) -> None:
    """Draw the mean of the seeds over the range of the seeds; marks of different lines are at different places."""
    kept = _thinned(len(line.x), MOST)
    x, seeds, color = line.x[kept], 100 * line.seeds[:, kept], arm_color(line.look.place)
    if len(seeds) > 1:
        axes.fill_between(x, seeds.min(axis=0), seeds.max(axis=0), color=color, alpha=0.16, linewidth=0)
    step = max(len(x) / MARKS, 1)
    marks = np.unique(np.clip((step * (np.arange(MARKS) + phase)).astype(int), 0, len(x) - 1)).tolist()
    style = {
        "marker": line.look.marker,
        "markevery": marks,
        "markersize": 8.0,
        "markeredgecolor": GROUND,
        "markeredgewidth": 0.8,
    }
    axes.plot(x, seeds.mean(axis=0), color=color, zorder=3, **style)


def _table(by_seed: Mapping[str, Sequence[Any]] | None) -> Floats:
    """Lay the seeds' lines out in rows, as far as every seed got; shape (seeds, n), n = 0 for nothing."""
    rows = [np.array(values, dtype=np.float64) for values in (by_seed or {}).values() if values]
    shortest = min(map(len, rows), default=0)
    table = np.array([row[:shortest] for row in rows]).reshape(len(rows), shortest)
    there: Floats = table[:, : int(np.append(~np.isfinite(table).all(axis=0), True).argmax())]
    return there


FIGURES: Mapping[str, Callable[[Analysis, Looks], Drawing | None]] = {"curves": curves, "precision": precision}
