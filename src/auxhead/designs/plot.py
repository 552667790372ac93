"""One picture of designs: sizes of the boxes against levels, and price against what is offered."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from auxhead.designs.result import Design, Designs
from auxhead.files import write_atomic

SHOWN = "#3b6fb6"
BEST = "#c8442b"
LINE = "#6b6b6b"


def plot_designs(found: Designs, path: Path) -> None:
    """Draw which sizes each design is for, and what it offers at which price, into a PNG.

    Args:
        found: What to draw.
        path: Where the picture shall be; a file that stands there is replaced.

    Raises:
        OutputError: It can't be written.
    """
    several = [found.like, *found.candidates]
    figure = Figure(figsize=(14, 1.8 + 0.42 * len(several)), dpi=110, layout="constrained")
    figure.suptitle(
        f"Designs at the price of {found.like.name}, for {Path(found.data).name} at imgsz={found.imgsz}".replace(
            "$", r"\$"
        )
    )
    sizes, prices = figure.subplots(1, 2, width_ratios=[1.3, 1])
    _sizes(sizes, found, several)
    _prices(prices, found, several)
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    write_atomic(path, buffer.getvalue())


def _color(one: Design, found: Designs) -> str:
    chosen = found.best or found.like.name
    return BEST if one.name == chosen else SHOWN if one.fits else "#c9c9c9"


def _sizes(axes: Axes, found: Designs, several: list[Design]) -> None:
    """Draw the sides each design is for: from a cell of its finest level to what its coarsest can tell and see."""
    for row, one in enumerate(several):
        low = 2.0 ** one.layout.levels[0]
        high = min(found.imgsz, one.offer.field, one.offer.reach or found.imgsz)
        axes.barh(row, high - low, left=low, color=_color(one, found), height=0.6)
    if found.longest is not None:
        for value, label in zip(found.longest, ("median", "99 %", "largest"), strict=True):
            axes.axvline(value, color=LINE, linestyle="--", linewidth=1)
            axes.text(value, -0.75, label, rotation=90, ha="right", va="top", fontsize=8, color=LINE)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(several)), [one.name for one in several], fontsize=9)
    axes.set_ylim(len(several) - 0.4, -0.9)
    axes.set(title="Sizes a design is for (dashed: longer sides of the boxes)", xlabel="px at the network's input")
    axes.spines[["top", "right"]].set_visible(False)


def _prices(axes: Axes, found: Designs, several: list[Design]) -> None:
    """Draw candidate anchors of small boxes against the price."""
    timed = any(one.time for one in several)
    for one in several:
        spread = one.time
        price = one.gflops_ratio if not timed else spread.ratio if spread else 1.0
        bar = [[price - spread.low], [spread.high - price]] if spread else None
        axes.errorbar(price, one.offer.small or 0.0, xerr=bar, fmt="o", color=_color(one, found), capsize=2)
        axes.annotate(one.name, (price, one.offer.small or 0.0), textcoords="offset points", xytext=(5, 4), fontsize=7)
    axes.axvline(1.0, color=LINE, linestyle="--", linewidth=1)
    axes.set(
        title="Price against offer (grey: too dear)",
        xlabel="time" if timed else "GFLOPs",
        ylabel="candidate anchors of a box under 16 px (median)",
    )
    axes.set_xlabel(f"{'time' if timed else 'GFLOPs'}, as a ratio to {found.like.name}")
    axes.spines[["top", "right"]].set_visible(False)
