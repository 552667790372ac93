"""One picture of a data set: how large its boxes are, how many each class has, what shape they have."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from auxhead.files import write_atomic
from auxhead.formats import percent, printable, shortened
from auxhead.inspection.result import Inspection

STRIDES = (4, 8, 16, 32)
BINS_PER_DOUBLING = 4
CLASSES = 30  # bars at most; the rest is summed
NAME = 28  # characters of a class name that are shown
COLORS = {"train": "#3b6fb6", "val": "#e39a35", "test": "#5aa469"}
LINE = "#6b6b6b"


def plot_inspection(inspection: Inspection, path: Path) -> None:
    """Draw sizes, classes and shapes of the boxes of all splits into a PNG.

    Args:
        inspection: What to draw. A data set without boxes gives empty axes that say so.
        path: Where the picture shall be; a file that stands there is replaced.

    Raises:
        OutputError: It can't be written.
    """
    bars = min(len(inspection.names), CLASSES + 1)
    figure = Figure(figsize=(16, max(5.2, 1.6 + 0.24 * bars)), dpi=110, layout="constrained")
    title = f"{Path(inspection.data).parent.name}/{Path(inspection.data).name} at imgsz={inspection.imgsz}"
    figure.suptitle(printable(title).replace("$", r"\$"), fontsize=14)
    sizes, classes, shapes = figure.subplots(1, 3, width_ratios=[1.15, 1, 1])
    if any(split.boxes for split in inspection.splits.values()):
        _sizes(sizes, inspection)
        _classes(classes, inspection)
        _shapes(shapes, figure, inspection)
    else:
        for axes in (sizes, classes, shapes):
            axes.set_axis_off()
            axes.text(0.5, 0.5, "no boxes", ha="center", va="center", fontsize=14, color=LINE)
    handles, labels = sizes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=11)
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    write_atomic(path, buffer.getvalue())


def _sizes(axes: Axes, inspection: Inspection) -> None:
    """Draw the histogram of sides, log-spaced, splits on top of each other."""
    sides = {name: np.sqrt(split.boxes_net.prod(axis=1)) for name, split in inspection.splits.items()}
    together = np.concatenate(list(sides.values()))
    low, high = _limits(together)
    edges = 2.0 ** np.arange(np.log2(low), np.log2(high) + 1e-9, 1 / BINS_PER_DOUBLING)
    stacked = [np.clip(values, low, high * 0.999) for values in sides.values()]
    labels = [f"{name} ({split.boxes:,})" for name, split in inspection.splits.items()]
    colors = [COLORS[name] for name in sides]
    axes.hist(stacked, bins=edges.tolist(), stacked=True, label=labels, color=colors, edgecolor="white", linewidth=0.5)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.1)  # room for the names of the strides
    for stride in STRIDES:
        if low <= stride <= high:
            axes.axvline(stride, color=LINE, linestyle="--", linewidth=1)
            share = (together < stride).mean()
            label = f"P{stride.bit_length() - 1}\n{percent(share)}"
            across = axes.get_xaxis_transform()
            axes.text(stride * 1.03, 0.99, label, transform=across, ha="left", va="top", fontsize=9, color=LINE)
    _log_axis(axes, "x", low, high)
    axes.set(
        title="Size (dashed: a cell of each level, share of smaller boxes)",
        xlabel="√(width · height), px",
        ylabel="boxes",
    )
    axes.spines[["top", "right"]].set_visible(False)


def _classes(axes: Axes, inspection: Inspection) -> None:
    """Draw boxes per class, the most frequent on top."""
    counts = np.array([split.per_class for split in inspection.splits.values()])
    order = np.argsort(-counts.sum(axis=0), kind="stable")
    shown, rest = order[:CLASSES], order[CLASSES:]
    labels = [_short(inspection.names[index]) for index in shown]
    bars = counts[:, shown]
    if len(rest):
        labels.append(f"{len(rest)} more")
        bars = np.column_stack((bars, counts[:, rest].sum(axis=1)))
    start = np.zeros(bars.shape[1])
    for name, lengths in zip(inspection.splits, bars, strict=True):
        axes.barh(range(len(labels)), lengths, left=start, color=COLORS[name], height=0.75)
        start += lengths
    for row, total in enumerate(start):
        axes.text(total, row, f" {total:,.0f}", va="center", ha="left", fontsize=9)
    axes.set_xlim(0, max(1.0, start.max()) * 1.18)
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylim(max(len(labels), 5) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.locator_params(axis="x", nbins=5)
    axes.set(title="Boxes per class", xlabel="boxes")
    axes.spines[["top", "right"]].set_visible(False)


def _shapes(axes: Axes, figure: Figure, inspection: Inspection) -> None:
    """Draw how often each width meets each height."""
    boxes = np.concatenate([split.boxes_net for split in inspection.splits.values()])
    low, high = _limits(boxes)
    edges = 2.0 ** np.arange(np.log2(low), np.log2(high) + 1e-9, 1 / BINS_PER_DOUBLING)
    width, height = np.clip(boxes, low, high * 0.999).T
    counts, _, _ = np.histogram2d(width, height, bins=(edges, edges))
    norm = LogNorm(1, max(2.0, counts.max()))
    image = axes.pcolormesh(edges, edges, np.ma.masked_less(counts.T, 1), cmap="viridis", norm=norm)
    axes.plot([low, high], [low, high], color=LINE, linewidth=0.8)
    bar = figure.colorbar(image, cax=axes.inset_axes((1.03, 0, 0.04, 1)), label="boxes")
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    _log_axis(axes, "x", low, high)
    _log_axis(axes, "y", low, high)
    axes.set_aspect("equal", anchor="N")
    axes.set(title="Shape (line: square)", xlabel="width, px", ylabel="height, px")


def _limits(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    """Return powers of two around the values; what is below one pixel is drawn at one."""
    low = max(1.0, float(values.min()))
    high = max(2 * low, float(values.max()))
    return 2.0 ** np.floor(np.log2(low)), 2.0 ** np.ceil(np.log2(high) + 1e-9)


def _log_axis(axes: Axes, which: str, low: float, high: float) -> None:
    """Mark powers of two as plain numbers."""
    (axes.set_xscale if which == "x" else axes.set_yscale)("log", base=2)
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator((2.0 ** np.arange(np.log2(low), np.log2(high) + 0.5)).tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _short(name: str) -> str:
    return shortened(name, NAME).replace("$", r"\$")  # else matplotlib reads formulas
