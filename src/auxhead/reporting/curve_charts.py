"""The figures with a line for each arm: learning curves, precision and recall."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from auxhead.formats import listed
from auxhead.reporting.arm_styles import Look
from auxhead.reporting.chart_parts import Floats, panels
from auxhead.reporting.inline_svg import GROUND, Drawing, arm_color, draw
from auxhead.reporting.typography import points

Analysis = Mapping[str, Any]
Looks = Mapping[str, Look]

CURVES = {"mAP50": "mAP50", "mAP50-95": "mAP50\N{EN DASH}95"}
MOST = 200  # points of a line: more can't be told apart
MARKS = 6  # marks on a line, to tell arms apart without colors


class Line(NamedTuple):
    """A line of the figure: one arm, by seeds; or one detector, as a single seed."""

    look: Look
    name: str
    x: Floats
    seeds: Floats
    """Fractions, shape (seeds, n)."""


def curves(analysis: Analysis, looks: Looks) -> Drawing | None:
    """Draw Ultralytics' own metrics by epoch: the mean of the seeds, between the lowest and the highest seed."""
    lines = {
        measure: [
            Line(looks[arm["name"]], arm["name"], np.arange(1.0, found.shape[1] + 1), found)
            for arm in analysis["arms"]
            if (found := _table((arm["curve"] or {}).get(measure))).size
        ]
        for measure in CURVES
    }
    if not any(lines.values()):
        return None
    last = [f"{line.name}: {points(float(line.seeds[:, -1].mean()))}" for line in lines["mAP50"]]
    text = f"mAP50 after the last epoch: {'; '.join(last)}"
    return draw("curves", "Learning curves", text, partial(_curves, lines))


def _curves(lines: Mapping[str, list[Line]], wide: bool) -> Figure:
    figure, axes = panels(wide, 350, 2)
    for own, (measure, title) in zip(axes, CURVES.items(), strict=True):
        for place, line in enumerate(lines[measure]):
            _band_of_seeds(own, line, place / max(len(lines[measure]), 1))
        own.set(xlabel="epoch", ylabel=f"{title}, points")
        own.set_ylim(bottom=0)
        own.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    return figure


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
    kept = np.unique(np.linspace(0, len(line.x) - 1, min(len(line.x), MOST)).round().astype(int))
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
