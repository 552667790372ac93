"""Figures of an evaluation: precision and recall, AP by size, sizes and what became of them, recall by size.

Equal evaluations give equal bytes, whatever the user's own matplotlib settings are.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from auxhead.evaluation.curves import box_sizes, found_boxes, in_bins, precision_curve, size_edges
from auxhead.evaluation.result import Evaluation
from auxhead.evaluation.size_axis import QUIET, band_labels, legend, size_axis, size_label
from auxhead.files import write_atomic
from auxhead.formats import ELLIPSIS, NOTHING, plain, plural, points, shortened
from auxhead.metrics.bands import ALL
from auxhead.metrics.intervals import Estimate
from auxhead.metrics.measures import Matched
from auxhead.metrics.mistakes import BOXES
from auxhead.metrics.precision import RECALLS

# Source: Okabe and Ito, "Color Universal Design" (2008): told apart by color-blind readers too.
COLORS = ("#0072B2", "#D55E00")
VERDICTS = {"found": "#009E73", "loose": "#56B4E9", "wrong_class": "#E69F00", "missed": "#BBBBBB"}

WIDTH = 7.2  # inches: two columns of a paper
LONGEST = 36  # letters of a name
FEWEST = 10  # boxes below which a share says little. Source: own choice
RECALL_BINS, SIZE_BINS = 12, 24
FORMATS: Mapping[str, Mapping[str, Any]] = {"svg": {"Date": None}, "png": {"Software": None}}  # what would vary: None

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.titlesize": 11,
    "font.size": 9,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "auxhead",
    "text.parse_math": False,  # names may hold dollars
}


def plot_all(evaluation: Evaluation, matched: Sequence[Matched], folder: Path) -> list[Path]:
    """Draw all figures of an evaluation, each as .svg and .png.

    Args:
        evaluation: The results.
        matched: Its detectors, in the same order.
        folder: Where the files shall be.

    Returns:
        The files: pr_curves, ap_by_band, size_histogram and recall_by_size.

    Raises:
        OutputError: A file can't be written.
    """
    figures: tuple[Callable[[Evaluation, Sequence[Matched]], Figure], ...] = (
        pr_curves,
        ap_by_band,
        size_histogram,
        recall_by_size,
    )
    written = []
    with matplotlib.style.context(["default", STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # names in scripts the font lacks
        for draw in figures:
            figure = draw(evaluation, matched)
            ConstrainedLayoutEngine().execute(figure)  # once: as the figure's own it would run for each format
            for suffix, metadata in FORMATS.items():
                buffer = io.BytesIO()
                figure.savefig(buffer, format=suffix, metadata=metadata)
                path = folder / f"{draw.__name__}.{suffix}"
                write_atomic(path, buffer.getvalue())
                written.append(path)
    return written


def pr_curves(evaluation: Evaluation, matched: Sequence[Matched]) -> Figure:
    """Draw precision against recall by overlap and by center distance, a mean over the classes that have boxes."""
    figure = Figure(figsize=(WIDTH, 4.7 + 0.4 * len(matched)))
    axes = figure.subplots()
    place, distance = _middle(matched[0])
    lines = []
    for one, detector, name, color in zip(matched, evaluation.detectors, _names(evaluation), COLORS, strict=False):
        numbers = detector.numbers[ALL.name]
        for matching, at, style, title, average in (
            (one.by_overlap[ALL.name], 0, "-", "IoU 0.5", numbers["AP50"]),
            (one.by_center[ALL.name], place, "--", _near(distance), numbers[f"center_AP@{distance:g}"]),
        ):
            curve = 100 * precision_curve(one.scene, matching, at)
            label = f"{name}, {title}: AP {points(average.value)}"
            lines += axes.plot(100 * RECALLS, curve, style, color=color, label=label, clip_on=False)
    classes = sum(row["boxes"] > 0 for row in evaluation.detectors[0].classes)
    axes.set(xlabel="recall, %", ylabel="precision, %", xlim=(0, 100), ylim=(0, 100))
    mean = f", mean of the {classes} classes with boxes" if classes > 1 else ""
    figure.suptitle(f"Precision and recall{mean}\n{_split(evaluation)}")
    legend(figure, lines)
    return figure


def ap_by_band(evaluation: Evaluation, matched: Sequence[Matched]) -> Figure:
    """Draw AP50 and center AP of each size band, with their intervals."""
    bands, boxes = matched[0].setup.every_band, evaluation.data["bands"]
    detectors = list(zip(evaluation.detectors, _names(evaluation), COLORS, strict=False))
    figure = Figure(figsize=(max(WIDTH, 1.5 + 0.95 * len(bands)), 6.4))
    panels = figure.subplots(2, sharex=True)
    titles = {
        "AP50": "AP50: overlap of IoU 0.5 or more",
        "center_AP": f"center AP: {_near(*matched[0].setup.distances)}",
    }
    width = min(0.5, 0.8 / len(detectors))
    for axes, (measure, title) in zip(panels, titles.items(), strict=True):
        axes.set_title(title, loc="left")
        axes.set(ylabel=f"{title.partition(':')[0]}, %", ylim=(0, 112), yticks=range(0, 101, 20))
        axes.grid(visible=False, axis="x")
        axes.axvline(0.5, color=QUIET, linewidth=0.8)
        for place, (detector, _, color) in enumerate(detectors):
            for group, band in enumerate(bands):
                left = group + (place - (len(detectors) - 1) / 2) * width
                _bar(axes, left, 0.92 * width, detector.numbers[band.name][measure], color)
    labels = band_labels(bands)
    ticks = [f"{label}\n{plural(boxes[band.name], 'box')}" for label, band in zip(labels, bands, strict=True)]
    panels[-1].set_xticks(range(len(bands)), ticks)
    panels[-1].set(xlim=(-0.6, len(bands) - 0.4), xlabel=size_label(evaluation))
    whiskers = ", 95 % intervals" if evaluation.settings["resamples"] else ""
    figure.suptitle(f"Average precision by size{whiskers}\n{_split(evaluation)}")
    legend(figure, [Line2D([], [], color=color, linewidth=7, label=name) for _, name, color in detectors])
    return figure


def size_histogram(evaluation: Evaluation, matched: Sequence[Matched]) -> Figure:
    """Draw how many boxes of each size there are and what became of them."""
    sizes, crowd = box_sizes(matched[0]), matched[0].scene.truth.crowd
    edges = size_edges(sizes[~crowd], SIZE_BINS)
    figure = Figure(figsize=(WIDTH, 1.6 + 2.9 * len(matched)))
    panels = figure.subplots(len(matched), sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, one, detector, name in zip(panels, matched, evaluation.detectors, _names(evaluation), strict=True):
        made = detector.judged
        bottom = np.zeros(len(edges) - 1)
        for place, verdict in enumerate(BOXES):
            counts = in_bins(sizes, edges, made.boxes == place)
            label = f"{verdict.replace('_', ' ')} ({int(counts.sum()):,})"
            axes.bar(
                edges[:-1],
                counts,
                0.96 * np.diff(edges),
                bottom,
                align="edge",
                color=VERDICTS[verdict],
                label=label,
            )
            bottom += counts
        best = f"scores from {plain(made.score, 3)} on (best F1)" if math.isfinite(made.score) else "no right detection"
        axes.set_title(f"{name}\n{best}", loc="left")
        axes.set_ylabel("boxes")
        axes.grid(visible=False, axis="x")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1.2, reverse=True)
        size_axis(axes, edges, one.setup.bands, named=axes is panels[0])
    panels[-1].set_xlabel(size_label(evaluation))
    figure.suptitle(f"Sizes of the boxes, and what became of them\n{_split(evaluation)}")
    return figure


def recall_by_size(evaluation: Evaluation, matched: Sequence[Matched]) -> Figure:
    """Draw the share of the boxes that is found, by size, at one false positive an image."""
    sizes, counted = box_sizes(matched[0]), ~matched[0].scene.truth.crowd
    edges = size_edges(sizes[counted], RECALL_BINS)
    boxes = in_bins(sizes, edges, counted)
    there = boxes > 0
    middles = np.sqrt(edges[:-1] * edges[1:])[there]
    few = boxes[there] < FEWEST
    figure = Figure(figsize=(WIDTH, 5.0))
    axes = figure.subplots()
    place, distance = _middle(matched[0])
    lines = []
    for one, name, color in zip(matched, _names(evaluation), COLORS, strict=False):
        for at, style, marker, title in ((None, "-", "o", "IoU 0.5"), (place, "--", "s", _near(distance))):
            share = 100 * in_bins(sizes, edges, found_boxes(one, at))[there] / boxes[there]
            label = f"{name}, {title}"
            enough = np.where(few, np.nan, share)
            lines += axes.plot(middles, enough, style, marker=marker, color=color, label=label)
            axes.plot(middles[few], share[few], marker, color=color, markerfacecolor="white", zorder=3)
    if few.any():
        label = f"hollow: fewer than {FEWEST} boxes of that size"
        lines += axes.plot([], [], "o", color=QUIET, markerfacecolor="white", label=label)
    axes.set(ylabel="recall, %", ylim=(-2, 102), xlabel=size_label(evaluation))
    axes.grid(visible=False, axis="x")
    size_axis(axes, edges, matched[0].setup.bands, named=True)
    figure.suptitle(f"Recall by size, at 1 false positive per image over all sizes and classes\n{_split(evaluation)}")
    legend(figure, lines)
    return figure


def _bar(axes: Axes, middle: float, width: float, found: Estimate, color: str) -> None:
    """Draw a value with its interval and number, or the sign for nothing."""
    if found.value is None:
        axes.annotate(NOTHING, (middle, 0), (0, 3), textcoords="offset points", ha="center", fontsize=12)
        return
    axes.bar(middle, 100 * found.value, width, color=color)
    top = found.value
    if found.low is not None and found.high is not None:
        # A percentile interval needn't hold the value, which matplotlib's errors about the value can't express.
        center, half = 50 * (found.low + found.high), 50 * (found.high - found.low)
        axes.errorbar(middle, center, half, fmt="none", ecolor="black", elinewidth=1, capsize=3, clip_on=False)
        top = max(found.value, found.high)
    spot = (middle, 100 * top)
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "bottom", "fontsize": 7.5}
    axes.annotate(points(found.value), spot, (0, 2), **style)


def _names(evaluation: Evaluation) -> list[str]:
    """Shorten the detectors' names, and keep them apart."""
    short = [_short(one.name) for one in evaluation.detectors]
    return [f"{name} ({place})" if short.count(name) > 1 else name for place, name in enumerate(short, start=1)]


def _short(name: str) -> str:
    """Take the middle out of long names and all that can't be printed; legends hide names with a leading underscore."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    shown = shortened(shown, LONGEST, middle=True)
    return f" {shown}" if shown.startswith("_") else shown


def _middle(matched: Matched) -> tuple[int, float]:
    """Return the place and value of the middle center distance."""
    place = len(matched.setup.distances) // 2
    return place, matched.setup.distances[place]


def _near(*distances: float) -> str:
    listed = [f"{distance:g}" for distance in distances]
    if len(listed) > 5:
        listed[2:-1] = [ELLIPSIS]
    return f"center within {', '.join(listed)} box sizes{' (mean)' if len(listed) > 1 else ''}"


def _split(evaluation: Evaluation) -> str:
    data = evaluation.data
    return f"{data['split']} split: {plural(data['images'], 'image')}, {plural(data['boxes'], 'box')}"
