"""The figures of an evaluation: AP50 by size, differences by size, precision and recall."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from auxhead.evaluation.result import Evaluation
from auxhead.metrics.bands import ALL
from auxhead.metrics.intervals import Estimate
from auxhead.metrics.precision import RECALLS
from auxhead.reporting.arm_charts import band_tick
from auxhead.reporting.arm_styles import Look, looks
from auxhead.reporting.chart_parts import interval_bar, limits, mean_mark, panels, percents
from auxhead.reporting.curve_charts import Line, precision_figure
from auxhead.reporting.evaluation.answer import MEASURE
from auxhead.reporting.inline_svg import QUIET, Drawing, arm_color, draw, drawing
from auxhead.reporting.typography import interval, points, signed, typeset

ROW = 40  # pixels of a band in the forest
Found = Mapping[str, Estimate]
"""By band."""


def detector_looks(evaluation: Evaluation) -> dict[str, Look]:
    """Give each detector its color and shape, by name."""
    return looks([{"name": one.name} for one in evaluation.detectors], control="")


def figures(evaluation: Evaluation) -> dict[str, Drawing | None]:
    """Draw all figures: bands, forest and precision; None where there is nothing to draw."""
    own = detector_looks(evaluation)
    with drawing():
        return {name: make(evaluation, own) for name, make in FIGURES.items()}


def _bands(evaluation: Evaluation, own: Mapping[str, Look]) -> Drawing | None:
    boxes = {name: count for name, count in evaluation.data["bands"].items() if count}
    if not boxes:
        return None
    rows = [(own[one.name], _by_band(one.numbers, boxes)) for one in evaluation.detectors]
    text = "; ".join(
        f"{look.label}: " + ", ".join(f"{points(one.value)} at {name}" for name, one in found.items())
        for look, found in rows
    )
    return draw("bands", f"{MEASURE} by size of the box", text, partial(_draw_bands, rows, boxes))


def _by_band(table: Mapping[str, Mapping[str, Estimate]], boxes: Mapping[str, int]) -> Found:
    return {name: table[name][MEASURE] for name in boxes}


def _draw_bands(rows: Sequence[tuple[Look, Found]], boxes: Mapping[str, int], wide: bool) -> Figure:
    figure, (axes,) = panels(wide, 360)
    step = 0.72 / len(rows)
    for place, (look, found) in enumerate(rows):
        for group, one in enumerate(found.values()):
            x = group + (place - (len(rows) - 1) / 2) * step
            _value(axes, x, one, look, wide)
    for edge in range(1, len(boxes)):
        axes.axvline(edge - 0.5, color=QUIET, linewidth=0.8, alpha=0.6)
    axes.set_xticks(range(len(boxes)), [band_tick(name, count, wide) for name, count in boxes.items()])
    axes.set(xlim=(-0.5, len(boxes) - 0.5), ylim=(0, 108), yticks=range(0, 101, 20), ylabel=f"{MEASURE}, %")
    axes.set_xlabel(f"size of the box in pixels,{' ' if wide else chr(10)}and how many boxes there are")
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    return figure


def _value(axes: Axes, x: float, one: Estimate, look: Look, wide: bool) -> None:
    """Draw a value with its interval, and on wide figures its number; nothing for None."""
    if one.value is None:
        return
    color, top = arm_color(look.place), 100 * max(one.value, one.high or 0.0)
    ends = percents((one.low, one.high))
    if len(ends) == 2:
        interval_bar(axes, "y", x, ends, (-10.0, 110.0), color=color, linewidth=7 if wide else 5, alpha=0.35)
    mean_mark(axes, x, 100 * one.value, look, 9 if wide else 6)
    if wide:
        axes.annotate(points(one.value), (x, top), (0, 6), textcoords="offset points", ha="center", fontsize=12)


def _forest(evaluation: Evaluation, own: Mapping[str, Look]) -> Drawing | None:
    boxes = {name: count for name, count in evaluation.data["bands"].items() if count}
    if evaluation.differences is None or not boxes:
        return None
    first, second = (own[one.name] for one in evaluation.detectors)
    found = _by_band(evaluation.differences, boxes)
    text = "; ".join(f"{name}: {signed(one.value)} ({interval((one.low, one.high))})" for name, one in found.items())
    title = f"{MEASURE} of {first.label} minus {second.label}, by size of the box"
    return draw("forest", title, text, partial(_draw_forest, found, (first, second)))


def _draw_forest(found: Found, both: tuple[Look, Look], wide: bool) -> Figure:
    figure, (axes,) = panels(wide, ROW * len(found) + 70)
    look, second = both
    ends = [end for one in found.values() for end in (one.low, one.high)]
    within = limits([0.0, *(one.value for one in found.values())], ends)
    axes.axvline(0, color=QUIET, linewidth=1.4, zorder=1.8)
    for place, one in enumerate(found.values()):
        if one.value is None:
            continue
        around = percents((one.low, one.high))
        if len(around) == 2:
            interval_bar(axes, "x", place, around, within, color=arm_color(look.place), linewidth=7, alpha=0.35)
        mean_mark(axes, 100 * one.value, place, look)
        if wide:
            spot = ("axes fraction", "data")
            axes.annotate(signed(one.value), (1.0, place), (14, 0), spot, "offset points", va="center", weight="bold")
    names = ["all sizes" if name == ALL.name else name if wide else name.rpartition(" ")[2] for name in found]
    axes.set_yticks(range(len(found)), names)
    axes.set(xlim=within, ylim=(len(found) - 0.45, -0.55))
    axes.set_xlabel(f"{MEASURE}, points more or less than{' ' if wide else chr(10)}{second.label}")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: typeset(f"{value:+g}") if value else "0"))
    axes.xaxis.set_major_locator(MaxNLocator(9 if wide else 5, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    return figure


def _precision(evaluation: Evaluation, own: Mapping[str, Look]) -> Drawing | None:
    detectors = evaluation.detectors
    lines = [Line(own[one.name], one.name, 100 * RECALLS, one.precision[None]) for one in detectors]
    if any(np.isnan(line.seeds).any() for line in lines):
        return None
    text = "; ".join(f"{one.name}: {points(one.numbers[ALL.name][MEASURE].value)} on average" for one in detectors)
    title = "Precision and recall at IoU 0.5"
    return draw(
        "precision", title, f"Precision by recall, mean of the classes. {text}", partial(precision_figure, lines)
    )


FIGURES: Mapping[str, Callable[[Evaluation, Mapping[str, Look]], Drawing | None]] = {
    "bands": _bands,
    "forest": _forest,
    "precision": _precision,
}
