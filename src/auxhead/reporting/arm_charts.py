"""The figures that compare arms by one number each: differences to the control, costs, sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from auxhead.formats import finite, listed
from auxhead.metrics.bands import ALL
from auxhead.reporting.arm_styles import Look, by_effect
from auxhead.reporting.chart_parts import (
    Limits,
    interval_bar,
    limits,
    mean_mark,
    panels,
    percents,
    seed_marks,
    side_by_side,
)
from auxhead.reporting.clocks import clock
from auxhead.reporting.inline_svg import QUIET, Drawing, arm_color, draw
from auxhead.reporting.typography import interval, plain, points, signed, times, typeset

Analysis = Mapping[str, Any]
Numbers = Mapping[str, Any]
Looks = Mapping[str, Look]

ROW = 62  # pixels of an arm in the forest
ALIKE = 0.01  # of a price: what arms may differ by and have one on the axis. Source: own choice


class _Row(NamedTuple):
    look: Look
    name: str
    numbers: Numbers
    """Of the primary measure: a difference, or a value with its interval."""


class _Priced(NamedTuple):
    row: _Row
    gflops: float | None
    latency: float | None
    training: float | None


def forest(analysis: Analysis, looks: Looks) -> Drawing | None:
    """Draw each arm's difference to the control: every seed, the interval over seeds and that over images."""
    rows = [_Row(looks[arm["name"]], arm["name"], arm["against_control"]["primary"]) for arm in by_effect(analysis)]
    if not rows:
        return None
    title = f"Differences in {analysis['primary']['name']} to {analysis['control']}, points"
    text = "; ".join(
        f"{name}: {signed(one['value'])}, over seeds {interval(one['t'])}, over images {interval(one['images'])}"
        for _, name, one in rows
    )
    labels = (analysis["primary"]["name"], looks[analysis["control"]].label)
    return draw("forest", title, text, partial(_forest, rows, labels))


def _forest(rows: list[_Row], labels: tuple[str, str], wide: bool) -> Figure:
    figure, (axes,) = panels(wide, ROW * len(rows) + 66)
    core = [value for *_, one in rows for value in (one["value"], *one["by_seed"].values(), *(one["images"] or ()))]
    within = limits([0.0, *core], [end for *_, one in rows for end in one["t"] or ()])
    axes.axvline(0, color=QUIET, linewidth=1.4, zorder=1.8)
    for place, row in enumerate(rows):
        _difference(axes, place, row, within, wide)
    axes.set_yticks(range(len(rows)), [row.look.label for row in rows], weight="bold" if wide else None)
    axes.set(xlim=within, ylim=(len(rows) - 0.45, -0.55))
    axes.set_xlabel(f"{labels[0]}, points more or less than{' ' if wide else chr(10)}{labels[1]}")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: typeset(f"{value:+g}") if value else "0"))
    axes.xaxis.set_major_locator(MaxNLocator(9 if wide else 5, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    return figure


def _difference(axes: Axes, place: int, row: _Row, within: Limits, wide: bool) -> None:
    """Draw one row: seeds above, the mean and its interval over seeds, the interval over images below."""
    color, one = arm_color(row.look.place), row.numbers
    seed_marks(axes, percents(one["by_seed"].values()), place - 0.27, row.look, 6)
    over_seeds, over_images = (percents(one[name] or ()) for name in ("t", "images"))
    if len(over_seeds) == 2:
        interval_bar(axes, "x", place, over_seeds, within, color=color, linewidth=8, alpha=0.35)
    if len(over_images) == 2:
        axes.plot(over_images, [place + 0.27] * 2, "|-", color=color, linewidth=1.6, markersize=8, markeredgewidth=1.6)
    mean_mark(axes, 100 * one["value"], place, row.look)
    if wide:
        spot, value = ("axes fraction", "data"), signed(one["value"])
        axes.annotate(value, (1.0, place), (14, 0), spot, "offset points", va="center", weight="bold")


def cost(analysis: Analysis, looks: Looks) -> Drawing | None:
    """Draw the primary measure against what an image costs, and against what training takes."""
    return _against_cost("cost", analysis, analysis["arms"], looks)


def screening(analysis: Analysis, looks: Looks) -> Drawing | None:
    """Draw the same of all arms on the seeds that chose one; None without such seeds."""
    found = analysis["screening"]
    return _against_cost("screening", analysis, found["arms"], looks) if found else None


def _against_cost(figure: str, analysis: Analysis, arms: Sequence[Numbers], looks: Looks) -> Drawing | None:
    priced = [_priced(analysis, arm, looks) for arm in arms]
    priced = [one for one in priced if finite(one.row.numbers.get("mean")) is not None]
    if all(one.gflops is None and one.training is None for one in priced):
        return None
    name = analysis["primary"]["name"]
    text = "; ".join(
        f"{one.row.name}: {points(one.row.numbers['mean'])} at {plain(one.gflops)} GFLOPs"
        + (f" and {times(one.latency)} the latency" if one.latency is not None else "")
        for one in priced
    )
    return draw(figure, f"{name} against cost", text, partial(_cost, priced, name, clock(analysis).name))


def _priced(analysis: Analysis, arm: Numbers, looks: Looks) -> _Priced:
    primary = analysis["primary"]
    value = (arm["numbers"] or {}).get(primary["band"], {}).get(primary["measure"]) or {}
    ratio = 1.0 if arm["name"] == analysis["control"] else finite((arm["training"] or {}).get(clock(analysis).ratio))
    price = arm["cost"] or {}
    latency = finite((price.get("latency") or {}).get("ratio"))
    return _Priced(_Row(looks[arm["name"]], arm["name"], value), finite(price.get("gflops")), latency, ratio)


def _cost(priced: list[_Priced], name: str, time: str, wide: bool) -> Figure:
    prices = {
        "GFLOPs of an image": [one.gflops for one in priced],
        "latency, the control's = 1": [one.latency for one in priced],
        f"{time}, the control's = 1": [one.training for one in priced],
    }
    prices = {label: of for label, of in prices.items() if any(price is not None for price in of)}
    figure, axes = panels(wide, 350, len(prices), sharey=True)
    seeds = [value for one in priced for value in one.row.numbers["by_seed"].values()]
    within = limits(seeds, [end for one in priced for end in (one.row.numbers["low"], one.row.numbers["high"])])
    for own, (label, of) in zip(axes, prices.items(), strict=True):
        there = [(one.row, price) for one, price in zip(priced, of, strict=True) if price is not None]
        spots = side_by_side([price for _, price in there])
        for (row, _), x in zip(there, spots, strict=True):
            _value(own, float(x), row, within)
        own.set(xlabel=label, ylim=within)
        known = [price for _, price in there]
        if max(known) - min(known) <= ALIKE * max(known):  # the marks stand apart, their prices don't
            own.set_xticks([float(np.mean(spots))], [typeset(f"{np.mean(known):.3g}")])
        else:
            own.xaxis.set_major_locator(MaxNLocator(6 if len(prices) < 3 else 5))
        own.margins(x=0.14)
    for own in axes[: 1 if wide else len(axes)]:
        own.set_ylabel(f"{name}, points")
    return figure


def _value(axes: Axes, x: float, row: _Row, within: Limits) -> None:
    ends = percents((row.numbers["low"], row.numbers["high"]))
    if len(ends) == 2:
        interval_bar(axes, "y", x, ends, within, color=arm_color(row.look.place), linewidth=1.8, alpha=0.6)
    seed_marks(axes, x, percents(row.numbers["by_seed"].values()), row.look)
    mean_mark(axes, x, 100 * row.numbers["mean"], row.look, 10)


def bands(analysis: Analysis, looks: Looks) -> Drawing | None:
    """Draw a measure of every size band: means, and every seed."""
    measure = band_measure(analysis)
    boxes = {name: count for name, count in (analysis["data"] or {}).get("bands", {}).items() if count}
    rows = [
        _Row(looks[arm["name"]], arm["name"], {name: arm["numbers"].get(name, {}).get(measure) or {} for name in boxes})
        for arm in analysis["arms"]
        if arm["numbers"]
    ]
    if not rows or not boxes:
        return None
    said = [[f"{points(row.numbers[name].get('mean'))} at {name}" for name in boxes] for row in rows]
    text = "; ".join(f"{row.name}: {listed(values)}" for row, values in zip(rows, said, strict=True))
    return draw("bands", f"{measure} by size of the box", text, partial(_bands, rows, boxes, measure))


def _bands(rows: list[_Row], boxes: Mapping[str, int], measure: str, wide: bool) -> Figure:
    figure, (axes,) = panels(wide, 380)
    step = 0.8 / len(rows)
    for place, row in enumerate(rows):
        for group, name in enumerate(boxes):
            found = row.numbers[name]
            x = group + (place - (len(rows) - 1) / 2) * step
            seeds = percents((found.get("by_seed") or {}).values())
            color = arm_color(row.look.place)
            axes.plot([x, x], [seeds.min(initial=np.inf), seeds.max(initial=-np.inf)], color=color, alpha=0.5)
            seed_marks(axes, x, seeds, row.look, 5 if wide else 3)
            if finite(found.get("mean")) is not None:
                mean_mark(axes, x, 100 * found["mean"], row.look, 10 if wide else 6)
    for edge in range(1, len(boxes)):
        axes.axvline(edge - 0.5, color=QUIET, linewidth=0.8, alpha=0.6)
    axes.set_xticks(range(len(boxes)), [band_tick(name, count, wide) for name, count in boxes.items()])
    axes.set(xlim=(-0.5, len(boxes) - 0.5), ylabel=f"{measure}, points")
    axes.set_xlabel(f"size of the box in pixels,{' ' if wide else chr(10)}and how many boxes there are")
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    return figure


def band_tick(name: str, count: int, wide: bool) -> str:
    """Label a band: its title where there is room, its sizes, how many boxes it has."""
    title, _, size = ("", "", "all sizes") if name == ALL.name else name.rpartition(" ")
    return "\n".join([*([title] if title and wide else []), size, f"{count:,}"])


def band_measure(analysis: Analysis) -> str:
    """Return the measure that bands are shown by: the primary one where bands have it, else AP."""
    measure = str(analysis["primary"]["measure"])
    tables = [arm["numbers"] or {} for arm in analysis["arms"]]
    known = {name for table in tables for band, found in table.items() if band != ALL.name for name in found}
    return measure if measure in known or not known else "AP"


FIGURES: Mapping[str, Callable[[Analysis, Looks], Drawing | None]] = {
    "forest": forest,
    "cost": cost,
    "screening": screening,
    "bands": bands,
}
