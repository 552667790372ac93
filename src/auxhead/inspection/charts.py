"""How large the boxes of a data set are, how many each class has, what shape they have: a panel each.

Colors are those of the style in force, so that a panel serves the page and the picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from auxhead.formats import percent, printable, shortened
from auxhead.inspection.boxes import STRIDES
from auxhead.inspection.result import Inspection
from auxhead.metrics.truth import Floats

BINS_PER_DOUBLING = 4
CLASSES = 30  # bars at most; the rest is summed
NAME = 28  # characters of a class name that are shown
COLORS = {"train": "C0", "val": "C1", "test": "C2"}
SHADES = 5  # of the color that says how many boxes have a shape
GAP = 0.08  # of a cell, between it and the next one


def draw_sizes(axes: Axes, inspection: Inspection) -> None:
    """Draw the histogram of sides, log-spaced, splits on top of each other; at least one box."""
    sides = {name: np.sqrt(split.boxes_net.prod(axis=1)) for name, split in inspection.splits.items()}
    together = np.concatenate(list(sides.values()))
    low, high = _limits(together)
    stacked = [np.clip(values, low, high * 0.999) for values in sides.values()]
    colors = [COLORS[name] for name in sides]
    axes.hist(stacked, bins=_edges(low, high).tolist(), stacked=True, color=colors, rwidth=0.94)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.15)  # room for the names of the strides
    quiet = rcParams["axes.edgecolor"]
    for stride in STRIDES:
        if low <= stride <= high:
            axes.axvline(stride, color=quiet, linestyle="--", linewidth=1)
            label = f"P{stride.bit_length() - 1}\n{percent((together < stride).mean())}"
            place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "left", "va": "top"}
            axes.text(stride * 1.03, 0.99, label, fontsize=11, color=quiet, **place)
    _log_axis(axes, "x", low, high)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set(xlabel="√(width · height), px", ylabel="boxes")


def bars(inspection: Inspection) -> int:
    """Count the bars of the classes."""
    return min(len(inspection.names), CLASSES + 1)


def draw_classes(axes: Axes, inspection: Inspection, longest: int = NAME) -> None:
    """Draw boxes per class, the most frequent on top; names are cut to so many letters."""
    counts = np.array([split.per_class for split in inspection.splits.values()])
    order = np.argsort(-counts.sum(axis=0), kind="stable")
    shown, rest = order[:CLASSES], order[CLASSES:]
    labels = [shortened(printable(inspection.names[index]), longest) for index in shown]
    lengths = counts[:, shown]
    if len(rest):
        labels.append(f"{len(rest)} more")
        lengths = np.column_stack((lengths, counts[:, rest].sum(axis=1)))
    start = np.zeros(lengths.shape[1])
    for name, own in zip(inspection.splits, lengths, strict=True):
        axes.barh(range(len(labels)), own, left=start, color=COLORS[name], height=0.75)
        start += own
    for row, total in enumerate(start):
        axes.annotate(f"{total:,.0f}", (total, row), (4, 0), textcoords="offset points", va="center", fontsize=11)
    axes.set_xlim(0, max(1.0, start.max()) * 1.2)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(max(len(labels), 5) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.locator_params(axis="x", nbins=4)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="boxes")


def draw_shapes(axes: Axes, inspection: Inspection) -> None:
    """Draw how often each width meets each height, the more often the darker; at least one box."""
    boxes = np.concatenate([split.boxes_net for split in inspection.splits.values()])
    low, high = _limits(boxes)
    edges = _edges(low, high)
    width, height = np.clip(boxes, low, high * 0.999).T
    counts, _, _ = np.histogram2d(width, height, bins=(edges, edges))
    least = np.unique(np.geomspace(1, max(counts.max(), 1), SHADES + 1)[:-1].round().astype(int))
    share = 2 ** (GAP / BINS_PER_DOUBLING)
    keys = []
    for place, (start, end) in enumerate(zip(least, [*least[1:], np.inf], strict=True)):
        cells = [
            Rectangle((edges[x] * share, edges[y] * share), *(edges[k + 1] - edges[k] * share for k in (x, y)))
            for x, y in np.argwhere((counts >= start) & (counts < end)).tolist()
        ]
        look: dict[str, Any] = {"facecolor": "C0", "alpha": 0.15 + 0.85 * (place + 1) / len(least), "linewidth": 0}
        axes.add_collection(PatchCollection(cells, **look))
        keys.append(Patch(label=f"{start:,} or more", **look))
    axes.plot([low, high], [low, high], color=rcParams["axes.edgecolor"], linewidth=0.8)
    spot: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    axes.legend(handles=keys[::-1], title="boxes", frameon=False, fontsize=11, title_fontsize=11, **spot)
    _log_axis(axes, "x", low, high)
    _log_axis(axes, "y", low, high)
    axes.set_aspect("equal", anchor="NW")
    axes.set(xlabel="width, px", ylabel="height, px")


def _edges(low: float, high: float) -> Floats:
    edges: Floats = 2.0 ** np.arange(np.log2(low), np.log2(high) + 1e-9, 1 / BINS_PER_DOUBLING)
    return edges


def _limits(values: Floats) -> tuple[float, float]:
    """Return powers of two around the values; what is below one pixel is drawn at one."""
    low = max(1.0, float(values.min()))
    high = max(2 * low, float(values.max()))
    return float(2.0 ** np.floor(np.log2(low))), float(2.0 ** np.ceil(np.log2(high) + 1e-9))


def _log_axis(axes: Axes, which: str, low: float, high: float) -> None:
    """Mark powers of two as plain numbers."""
    (axes.set_xscale if which == "x" else axes.set_yscale)("log", base=2)
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator((2.0 ** np.arange(np.log2(low), np.log2(high) + 0.5)).tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
