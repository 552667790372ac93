"""Windows of a picture: where they are cut, and what of its labels they keep."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ultralytics.utils.ops import resample_segments

from auxhead.keys.augmentation import CropsKeys

Floats = npt.NDArray[np.floating[Any]]
Window = tuple[int, int, int, int]
"""Left, top, right, bottom, pixels of a picture."""

NATIVE = 1.3
"""Times imgsz that the longer side of a picture needs, for its cuts to show more than the whole.

Source: own choice, after windows of 0.35 to 0.7 of it: at 1.3, half of them have at least 0.68 pixels for one shown.
"""
VISIBLE = 0.3
"""Share of a box's area that must lie in the window. Source: as in the published experiments with such cuts."""
POINTS = 1000
"""Least points of an outline that is cut. Source: Ultralytics 8.4.190, data/dataset.py, update_labels_info."""
AROUND = 0.5
"""Share of the cuts that hold a small object, where there is one. Source: likewise."""


@dataclass(frozen=True)
class Crops:
    """Which views are cut.

    Attributes:
        share: Of the views, 0 to 1.
        shortest: Side of the smallest window, of the picture's longer side, 0 to 1.
        longest: Of the largest.
        small: Pixels at imgsz below which an object is small.
        shrunk: Whether windows are cut from the picture at imgsz, as a control.
        imgsz: Side of the network input, pixels.
        least: Longer side from which on pictures are cut, pixels; smaller ones are shown whole.
    """

    share: float
    shortest: float
    longest: float
    small: float
    shrunk: bool
    imgsz: int
    least: float


def resolve_crops(asked: CropsKeys, imgsz: int) -> Crops | None:
    """Complete what was asked for with the size of the network input; None: no view is cut."""
    if not asked.share:
        return None
    return Crops(
        share=asked.share,
        shortest=asked.window[0],
        longest=asked.window[1],
        small=asked.small,
        shrunk=asked.source == "shrunk",
        imgsz=imgsz,
        least=0 if asked.force else NATIVE * imgsz,
    )


def draw_window(height: int, width: int, boxes_cxcywhn: Floats, crops: Crops) -> tuple[float, float, float, float]:
    """Draw a window of a picture: square, as far as the picture reaches.

    Args:
        height: Of the picture, pixels.
        width: Likewise.
        boxes_cxcywhn: Its boxes, shape (n, 4), shares of the picture; without small ones the window lies anywhere.
        crops: How large windows are, and what is small.

    Returns:
        Left, top, right, bottom, shares of the picture. Python's random numbers decide.
    """
    longer = max(height, width)
    side = random.uniform(crops.shortest, crops.longest) * longer  # noqa: S311  as Ultralytics' augmentation draws
    held = None
    if random.random() < AROUND:  # noqa: S311
        sides_net = np.sqrt(boxes_cxcywhn[:, 2] * width * boxes_cxcywhn[:, 3] * height) * (crops.imgsz / longer)
        small = np.flatnonzero(sides_net < crops.small)
        held = boxes_cxcywhn[random.choice(small)].tolist() if len(small) else None  # noqa: S311
    corner, size = [], [min(side / width, 1.0), min(side / height, 1.0)]
    for axis in range(2):
        low, high = 0.0, 1.0 - size[axis]
        if held is not None:
            low = max(low, held[axis] + held[axis + 2] / 2 - size[axis])
            high = min(high, held[axis] - held[axis + 2] / 2)
        start = random.uniform(low, max(low, high))  # noqa: S311  a box beyond the border may leave no range
        corner.append(min(max(start, 0.0), 1.0 - size[axis]))
    return corner[0], corner[1], corner[0] + size[0], corner[1] + size[1]


def in_pixels(window: tuple[float, float, float, float], height: int, width: int) -> Window:
    """Round a window to whole pixels of a picture, at least one of each axis."""
    left, top = min(round(window[0] * width), width - 1), min(round(window[1] * height), height - 1)
    return left, top, max(left + 1, round(window[2] * width)), max(top + 1, round(window[3] * height))


def cut_labels(label: Mapping[str, Any], window: Window, height: int, width: int) -> dict[str, Any]:
    """Keep what of a picture's labels lies in a window.

    Args:
        label: A label of Ultralytics' data sets, in shares of the picture: `cls` (n, 1), `bboxes` (n, 4) as center and
            size, `segments` one (k, 2) an object or none at all, `keypoints` (n, k, 3) or None.
        window: Pixels of the picture.
        height: Of the picture, pixels.
        width: Likewise.

    Returns:
        The label in shares of the window. An object stays when its box's center lies inside and 30 % of its area is
        visible; its box and polygon end at the window, and keypoints outside are marked as not visible.
    """
    cut = dict(label)
    start, end = np.array(window[:2], np.float32), np.array(window[2:], np.float32)
    picture, size = np.array([width, height], np.float32), end - start
    center, half = label["bboxes"][:, :2] * picture, label["bboxes"][:, 2:] * picture / 2
    left_top, right_bottom = np.maximum(center - half, start), np.minimum(center + half, end)
    seen, area = (right_bottom - left_top).prod(axis=1), 4 * half.prod(axis=1)
    keep = ((center >= start) & (center < end)).all(axis=1) & (area > 0) & (seen >= VISIBLE * area)
    left_top, right_bottom = left_top[keep], right_bottom[keep]
    cut["cls"] = label["cls"][keep]
    cut["bboxes"] = np.concatenate(
        [((left_top + right_bottom) / 2 - start) / size, (right_bottom - left_top) / size], 1
    )
    cut["segments"] = [
        _cut_outline((segment * picture - start) / size)
        for segment, kept in zip(label["segments"], keep, strict=False)
        if kept
    ]
    if label.get("keypoints") is not None:
        points = label["keypoints"][keep]
        points[..., :2] = (points[..., :2] * picture - start) / size
        points[..., 2][((points[..., :2] < 0) | (points[..., :2] > 1)).any(axis=-1)] = 0
        cut["keypoints"] = points
    return cut


def _cut_outline(outline: Floats) -> Floats:
    """End an outline at the window; of one that crosses its border the edges are cut, not their far ends moved.

    Args:
        outline: Corners in shares of the window, shape (k, 2).

    Source:
        Ultralytics 8.4.190, data/augment.py: outlines have 1000 points before they are clipped to a picture.
    """
    inside = outline.clip(0, 1)
    if len(outline) and (inside != outline).any():
        (outline,) = resample_segments([outline.copy()], n=max(POINTS, len(outline) + 1))
        inside = outline.clip(0, 1)
    return inside
