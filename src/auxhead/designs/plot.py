"""One picture of designs: sizes of the boxes against levels, and price against what is offered."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from auxhead.designs.result import Design, Designs, short_name
from auxhead.files import write_atomic
from auxhead.formats import printable

SHOWN = "#3b6fb6"
BEST = "#c8442b"
TOO_DEAR = "#c9c9c9"
LINE = "#6b6b6b"


def plot_designs(found: Designs, path: Path) -> None:
    """Draw which sizes each design is for, what it costs, and what it offers small boxes, into a PNG.

    Args:
        found: What to draw.
        path: Where the picture shall be; a file that stands there is replaced.

    Raises:
        OutputError: It can't be written.
    """
    several = [found.like, *found.candidates]
    figure = Figure(figsize=(14, 2 + 0.42 * len(several)), dpi=110, layout="constrained")
    title = f"Designs at the price of {found.like.name}, for {short_name(found.data)} at imgsz={found.imgsz}"
    figure.suptitle(printable(title).replace("$", r"\$"))
    sizes, prices = figure.subplots(1, 2, width_ratios=[1.3, 1], sharey=True)
    _sizes(sizes, found, several)
    _prices(prices, found, several)
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    write_atomic(path, buffer.getvalue())


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
            axes.axvline(value, color=LINE, linestyle="--", linewidth=1)
        note = "\ndashed: the boxes' longer sides, median {:.0f}, 99 % {:.0f}, largest {:.0f}".format(*found.longest)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(several)), [one.name for one in several], fontsize=9)
    axes.set_ylim(len(several) - 0.4, -0.6)
    axes.set(title="Sizes a design is for", xlabel=f"px at the network's input{note}")
    axes.spines[["top", "right"]].set_visible(False)


def _prices(axes: Axes, found: Designs, several: Sequence[Design]) -> None:
    """Draw prices, and beside them the candidate anchors of small boxes."""
    for row, one in enumerate(several):
        color = _color(one, found)
        axes.plot(one.gflops_ratio, row, marker="|", markersize=14, markeredgewidth=2, color=color)
        if one.time:
            axes.plot([one.time.low, one.time.high], [row, row], color=color, linewidth=2)
            axes.plot(one.time.ratio, row, marker="o", color=color)
        small = "-" if one.offer.small is None else f"{one.offer.small:g}"
        axes.text(1.02, row, small, transform=axes.get_yaxis_transform(), ha="left", va="center", fontsize=10)
    axes.text(1.02, 1.01, "anchors", transform=axes.transAxes, ha="left", va="bottom", fontsize=9, color=LINE)
    axes.axvline(1.0, color=LINE, linestyle="--", linewidth=1)
    dots = f"; dots: {found.clock}, median and quartiles" if found.clock else ""
    axes.set(
        title="What it costs, and candidate anchors of a box under 16 px",
        xlabel=f"price as a ratio to {found.like.name}, grey: too dear\nbars: GFLOPs{dots}",
    )
    axes.spines[["top", "right"]].set_visible(False)
