"""What the four numbers of a box may be: their order, and what they are measured in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from auxhead.metrics.truth import Floats, Ints

LAYOUTS: Mapping[str, Callable[[Floats], Floats]] = {
    "left, top, width, height": lambda box: box,
    "left, top, right, bottom": lambda box: np.c_[box[:, :2], box[:, 2:] - box[:, :2]],
    "center x, center y, width, height": lambda box: np.c_[box[:, :2] - box[:, 2:] / 2, box[:, 2:]],
    "left and top less half of width and height": lambda box: np.c_[box[:, :2] + box[:, 2:] / 2, box[:, 2:]],
    "right, bottom, left, top": lambda box: np.c_[box[:, 2:], box[:, :2] - box[:, 2:]],
    "top, left, height, width": lambda box: box[:, [1, 0, 3, 2]],
    "top, left, bottom, right": lambda box: np.c_[box[:, [1, 0]], box[:, [3, 2]] - box[:, [1, 0]]],
}

SHARES = "shares of the picture: "
SIDES = (320, 416, 512, 608, 640, 768, 800, 896, 960, 1024, 1280, 1536, 1920)
"""Longer sides, pixels, that detectors are fed with. Source: Ultralytics' and other detectors' usual image sizes."""


class Unit(NamedTuple):
    """What boxes may be measured in.

    Attributes:
        scale: Factor to pixels of the picture, from its width and height, shape (k, 2); gives shape (k, 2).
        padding: What lies left of and above the picture in that unit; gives shape (k, 2).
    """

    scale: Callable[[Ints], Floats]
    padding: Callable[[Ints], Floats] | None = None


def _units(side: int) -> dict[str, Unit]:
    """Name the ways to bring a picture to a longer side: keeping its shape, with a border around it, stretched."""

    def kept(sizes: Ints) -> Floats:
        return np.repeat(sizes.max(axis=1, keepdims=True) / side, 2, axis=1)

    def border(sizes: Ints) -> Floats:
        return (side - sizes / kept(sizes)) / 2

    return {
        f"pixels of pictures scaled to a longer side of {side}: ": Unit(kept),
        f"pixels of pictures in the middle of {side} x {side}: ": Unit(kept, border),
        f"pixels of pictures stretched to {side} x {side}: ": Unit(lambda sizes: sizes / side),
    }


UNITS: Mapping[str, Unit] = {
    SHARES: Unit(lambda sizes: sizes.astype(np.float64)),
    "percent of the picture: ": Unit(lambda sizes: sizes / 100),
    "thousandths of the picture: ": Unit(lambda sizes: sizes / 1000),
    **{name: unit for side in SIDES for name, unit in _units(side).items()},
}
FEW = ("left, top, width, height", "left, top, right, bottom")  # layouts that are tried with every unit


def split_layout(layout: str) -> tuple[str, str]:
    """Part a layout into its unit ('' for pixels) and the order of its numbers."""
    unit = next((name for name in UNITS if layout.startswith(name)), "")
    return unit, layout.removeprefix(unit)


def to_pixels(layout: str, boxes: Floats, sizes: Ints) -> Floats:
    """Bring boxes of a layout to left, top, width, height in pixels of their pictures.

    Args:
        layout: A key of LAYOUTS, after one of UNITS or alone.
        boxes: Shape (k, 4).
        sizes: Width and height of the picture of each, shape (k, 2), pixels.
    """
    unit, name = split_layout(layout)
    read = LAYOUTS[name](boxes)
    if not unit:
        return read
    scale, padding = UNITS[unit]
    if padding is not None:
        read = np.c_[read[:, :2] - padding(sizes), read[:, 2:]]
    return read * np.tile(scale(sizes), 2)
