"""The axis of sizes that plots share: its ticks, its bands, its label."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from auxhead.evaluation.result import Evaluation
from auxhead.metrics.bands import ALL, Band
from auxhead.metrics.truth import Floats

PANEL = 5.0  # inches: least width of a panel with sizes
LETTER = 0.06  # inches: a letter of the bands' names
QUIET, EDGE = "#555555", "#777777"


def size_axis(axes: Axes, edges: Floats, bands: Sequence[Band], *, named: bool) -> None:
    """Make the horizontal axis one of sizes, with the edges of the bands and, above it, their names."""
    low, high = float(edges[0]), float(edges[-1])
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    axes.minorticks_off()
    powers = np.arange(math.ceil(math.log2(low) - 1e-9), math.floor(math.log2(high) + 1e-9) + 1)
    axes.set_xticks(2.0**powers, [f"{2.0**power:g}" for power in powers.tolist()])
    shown = [band for band in bands if band.low < high and band.high > low]
    for band in shown:
        if band.low > low:
            axes.axvline(band.low, color=EDGE, linewidth=0.8, zorder=1.5)
    if not named:
        return
    ends = np.log2([(max(band.low, low), min(band.high, high)) for band in shown])
    middles, labels = ends.mean(axis=1), band_labels(shown)
    lengths = np.array([1 + max(map(len, label.split("\n"))) for label in labels])
    room = PANEL / LETTER / math.log2(high / low)  # letters an octave
    turned = bool((np.diff(middles) * room < (lengths[1:] + lengths[:-1]) / 2).any())
    if turned:  # a line is about as high as two letters are wide
        fits = (ends[:, 1] - ends[:, 0]) * room >= 2
        labels = [label.replace("\n", " ").strip() if fit else "" for label, fit in zip(labels, fits, strict=True)]
    names = axes.secondary_xaxis("top")
    names.set_xticks(2.0**middles, labels, rotation=90 if turned else 0)
    names.minorticks_off()
    names.tick_params(length=0, labelsize=8, labelcolor=QUIET)
    names.spines["top"].set_visible(False)


def legend(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Put the legend below the plots."""
    figure.legend(handles=handles, loc="outside lower center", handlelength=3)


def band_labels(bands: Sequence[Band]) -> list[str]:
    """Put the names of bands above their spans, or an empty line where others have a name."""
    parts = [("", "", "all sizes") if band is ALL else band.name.rpartition(" ") for band in bands]
    spans = [span.replace(">=", "≥ ").replace("<", "< ").replace("-", "–") for _, _, span in parts]  # noqa: RUF001
    named = any(title for title, _, _ in parts)
    return [f"{title}\n{span}" if named else span for (title, _, _), span in zip(parts, spans, strict=True)]


def size_label(evaluation: Evaluation) -> str:
    """Name what sizes are, with their pixels."""
    pixels = {"original": "pixels of the image", "network": "pixels of the network's input"}
    settings = evaluation.settings
    return f"size (square root of the {settings['area']} area), {pixels[settings['pixels']]}"
