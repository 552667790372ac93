"""What the figures share: panels of the right width, marks of arms, intervals that are cut where they run away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from auxhead.formats import finite
from auxhead.reporting.arm_styles import Look
from auxhead.reporting.inline_svg import DOTS, GROUND, arm_color

Floats = npt.NDArray[np.float64]
Limits = tuple[float, float]

WIDE, NARROW = 1060, 380  # pixels
MEAN, SEED = 10.0, 5.0  # sizes of the marks of a mean and of a seed, pixels
APART = 0.025  # of the axis: arms that cost as little more or less are drawn so far apart. Source: own choice
REACH = 1.2
"""How far beyond the points an interval is drawn before it is cut, of their span.

Source: 95 % t intervals of three seeds reach at most 1.1 spans beyond them, and are whole so; those of two reach 5.9.
"""


def panels(
    wide: bool, height: int, count: int = 1, *, width: int = WIDE, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """Make a figure with panels side by side, or one above the other where it is narrow.

    Args:
        wide: Whether it is for screens and paper, or for phones.
        height: Of a panel, pixels.
        count: Number of panels.
        width: Of the wide figure, pixels.
        sharey: Whether panels have the same vertical axis.
    """
    rows, columns = (1, count) if wide else (count, 1)
    figure = Figure(figsize=((width if wide else NARROW) / DOTS, rows * height / DOTS))
    return figure, list(figure.subplots(rows, columns, squeeze=False, sharey=sharey).ravel())


def percents(values: Iterable[Any]) -> Floats:
    """Bring fractions to points, without those that were not measured; shape (n,)."""
    return np.array([100 * there for value in values if (there := finite(value)) is not None], dtype=np.float64)


def limits(core: Iterable[Any], ends: Iterable[Any] = ()) -> Limits:
    """Choose an axis that shows all points, and intervals as far as they don't squeeze the points.

    Args:
        core: Values that must be seen, fractions.
        ends: Ends of intervals, fractions.

    Returns:
        Lowest and highest, points.
    """
    inner = percents(core)
    low, high = (float(inner.min()), float(inner.max())) if len(inner) else (0.0, 1.0)
    reach = REACH * max(high - low, 1.0)
    outer = np.clip(percents(ends), low - reach, high + reach)
    low, high = float(outer.min(initial=low)), float(outer.max(initial=high))
    room = 0.06 * max(high - low, 1.0)
    return low - room, high + room


def interval_bar(axes: Axes, along: Literal["x", "y"], at: float, ends: Floats, within: Limits, **style: Any) -> None:
    """Draw an interval as a bar, with an arrow head where it goes on beyond the axis.

    Args:
        axes: Where.
        along: The direction of the values.
        at: Its place on the other axis.
        ends: Lowest and highest, points, shape (2,).
        within: Limits of the axis, points.
        **style: Of the line.
    """
    room = 0.02 * (within[1] - within[0])
    shown = np.clip(ends, within[0] + room, within[1] - room)
    places = [at, at]
    axes.plot(*((shown, places) if along == "x" else (places, shown)), solid_capstyle="butt", **style)
    heads = "<>" if along == "x" else "v^"
    for end, cut, head in zip(ends, shown, heads, strict=True):
        if end != cut:
            spot = (cut, at) if along == "x" else (at, cut)
            axes.plot(*spot, head, color=style["color"], markersize=7, clip_on=False)


def mean_mark(axes: Axes, x: float, y: float, look: Look, size: float = MEAN) -> None:
    """Draw the mark of an arm's mean."""
    axes.plot(
        x,
        y,
        look.marker,
        color=arm_color(look.place),
        markersize=size,
        markeredgecolor=GROUND,
        markeredgewidth=0.8,
        zorder=4,
    )


def seed_marks(axes: Axes, x: Floats | float, y: Floats | float, look: Look, size: float = SEED) -> None:
    """Draw a small dot for every seed; x or y is an array of shape (n,), the other one a number."""
    xs, ys = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    axes.plot(xs, ys, "o", color=arm_color(look.place), markersize=size, alpha=0.75, markeredgewidth=0, zorder=3)


def side_by_side(places: Sequence[float]) -> Floats:
    """Move places that are almost equal apart, around their middle, so that marks at them don't hide each other.

    Args:
        places: On an axis, at least one.

    Returns:
        Where to draw them, shape (n,), in the given order.
    """
    spots = np.array(places, dtype=np.float64)
    step = APART * (float(np.ptp(spots)) or abs(float(spots[0])) or 1.0)
    order = np.argsort(spots, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(spots[order]) >= step) + 1):
        middle = float(spots[group].mean())
        spots[group] = middle + step * (np.arange(len(group)) - (len(group) - 1) / 2)
    return spots
