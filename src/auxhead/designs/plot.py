"""One picture of designs: sizes of the boxes against levels, and price against what is offered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from auxhead.designs.result import Design, Designs, short_name
from auxhead.files import write_atomic
from auxhead.formats import printable
from auxhead.reporting.arm_styles import CONTROL
from auxhead.reporting.paper import on_paper, png

SHOWN, BEST, TOO_DEAR = "C0", "C1", CONTROL[1]


def plot_designs(found: Designs, path: Path) -> None:
    """Draw which sizes each design is for, what it costs, and what it offers small boxes, into a PNG.

    Args:
        found: What to draw.
        path: Where the picture shall be; a file that stands there is replaced.

    Raises:
        OutputError: It can't be written.
    """
    with on_paper():
        write_atomic(path, png(_figure(found)))


def _figure(found: Designs) -> Figure:
    several = [found.like, *found.candidates]
    figure = Figure(figsize=(16, 2.4 + 0.42 * len(several)), layout="constrained")
    title = f"Designs at the price of {found.like.name}, for {short_name(found.data)} at imgsz={found.imgsz}"
    figure.suptitle(printable(title), fontsize=15, weight="bold")
    sizes, prices = figure.subplots(1, 2, width_ratios=[1.3, 1], sharey=True)
    _sizes(sizes, found, several)
    _prices(prices, found, several)
    return figure


def _color(one: Design, found: Designs) -> str:
    chosen = found.best or found.like.name
    return BEST if one.name == chosen else SHOWN if one.fits else TOO_DEAR


def _sizes(axes: Axes, found: Designs, several: Sequence[Design]) -> None:
    """Draw the sides each design is for: from a cell of its finest level to what its coarsest can tell and see."""
    for row, one in enumerate(several):
        low = 2.0 ** one.layout.levels[0]
        high = min(found.imgsz, one.offer.field, one.offer.reach or found.imgsz)
        axes.barh(row, high - low, left=low, color=_color(one, found), height=0.6)
    note = ""
    if found.longest is not None:
        for value in found.longest:
            axes.axvline(value, color=rcParams["axes.edgecolor"], linestyle="--", linewidth=1)
        note = "\ndashed: the boxes' longer sides, median {:.0f}, 99 % {:.0f}, largest {:.0f}".format(*found.longest)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(several)), [one.name for one in several])
    axes.set_ylim(len(several) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set(title="Sizes a design is for", xlabel=f"px at the network's input{note}")


def _prices(axes: Axes, found: Designs, several: Sequence[Design]) -> None:
    """Draw prices, and beside them the candidate anchors of small boxes."""
    quiet = rcParams["axes.edgecolor"]
    for row, one in enumerate(several):
        color = _color(one, found)
        axes.plot(one.gflops_ratio, row, marker="|", markersize=14, markeredgewidth=2, color=color)
        if one.time:
            axes.plot([one.time.low, one.time.high], [row, row], color=color, linewidth=2)
            axes.plot(one.time.ratio, row, marker="o", color=color)
        small = "-" if one.offer.small is None else f"{one.offer.small:g}"
        axes.text(1.02, row, small, transform=axes.get_yaxis_transform(), ha="left", va="center", fontsize=12)
    axes.text(1.02, 1.01, "anchors", transform=axes.transAxes, ha="left", va="bottom", fontsize=11, color=quiet)
    axes.axvline(1.0, color=quiet, linestyle="--", linewidth=1)
    dots = f"; dots: {found.clock}, median and quartiles" if found.clock else ""
    axes.set(
        title="Price, and candidate anchors of a box under 16 px",
        xlabel=f"price as a ratio to {found.like.name}, grey: too dear\nbars: GFLOPs{dots}",
    )
    axes.grid(visible=False, axis="y")
