"""Pictures of the wall: a crop around the boxes of interest, and the boxes to draw over it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.Image import open as open_image  # Ultralytics puts its own in its place, which looks for packages to install

from auxhead.formats import plural, shortened
from auxhead.metrics.truth import Bools, Floats, shown_size
from auxhead.reporting.judged_boxes import Judged

WIDTH, HEIGHT = 320, 240  # of a picture in the page, pixels
LEAST = 40  # pixels of the image: no crop is narrower, so that something is seen around a box. Source: own choice
AROUND = 6  # widths of a typical box that a crop is wide. Source: own choice
TIGHT = 1.5  # the same for the largest box, which must be inside
QUALITIES = (80, 70, 60, 50, 40, 30)  # of JPEG, until it is small enough
MOST = 30  # boxes in a panel; the nearest to its middle
NAMED = 6  # boxes in a panel up to which their classes are written beside them
LONGEST = 16  # letters of a class's name there
LETTER, LINE, GAP = 9.5, 15.0, 3.0  # pixels: width and height of letters, distance to the box

Rectangle = tuple[float, float, float, float]
"""Left, top, width, height, pixels of the panel."""


class Window(NamedTuple):
    """A part of an image, in its pixels; four to three."""

    left: int
    top: int
    width: int
    height: int


class Box(NamedTuple):
    """A box to draw: truth, right, wrong or missed; in pixels of the panel; with its class's name, or ''."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    name: str


class Label(NamedTuple):
    """A class's name beside its box: left end and base line of the text, pixels of the panel."""

    kind: str
    x: float
    y: float
    name: str


@dataclass(frozen=True)
class Panel:
    """One of the views of a picture.

    Attributes:
        title: What is written below it.
        text: What screen readers say.
        boxes: To draw.
        labels: Names of their classes, where there is room.
        left_out: Boxes beyond those that are drawn.
    """

    title: str
    text: str
    boxes: Sequence[Box]
    labels: Sequence[Label]
    left_out: int


@dataclass(frozen=True)
class Picture:
    """One crop and its views.

    Attributes:
        name: File name of the image.
        caption: What the picture shows, in words.
        jpeg: The crop, in base64.
        panels: Truth, control, arm.
    """

    name: str
    caption: str
    jpeg: str
    panels: Sequence[Panel]


def window(boxes: Floats, size: Sequence[int]) -> Window:
    """Choose the part of an image that shows as many boxes as can be seen well.

    Args:
        boxes: Boxes of interest, shape (n, 4): left, top, width, height, pixels; n = 0 gives the middle of the image.
        size: Width and height of the image, pixels.

    Returns:
        Six typical boxes wide, at least 40 pixels, around the box with the most others beside it; inside the image.
    """
    ratio = WIDTH / HEIGHT
    widest = min(size[0], size[1] * ratio)
    if not len(boxes):
        return _inside(np.array(size) / 2, widest, size)
    typical = float(np.median(np.sqrt(boxes[:, 2] * boxes[:, 3])))
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    reach = np.maximum(boxes[:, 2], boxes[:, 3] * ratio)
    best: tuple[int, Floats, float] = (-1, middles[0], widest)
    for middle, own in zip(middles, reach, strict=True):
        width = min(max(LEAST, AROUND * typical, TIGHT * float(own)), widest)
        half = np.array([width, width / ratio]) / 2
        inside = (np.abs(middles - middle) + boxes[:, 2:] / 2 <= half).all(axis=1)
        if inside.sum() > best[0]:
            lows, highs = boxes[inside, :2], (boxes[:, :2] + boxes[:, 2:])[inside]
            center = (lows.min(axis=0) + highs.max(axis=0)) / 2 if inside.any() else middle
            best = (int(inside.sum()), center, width)
    return _inside(best[1], best[2], size)


def _inside(middle: Floats, width: float, size: Sequence[int]) -> Window:
    across = max(1, min(round(width), size[0]))
    down = max(1, min(round(width * HEIGHT / WIDTH), size[1]))
    left = min(max(round(float(middle[0]) - across / 2), 0), size[0] - across)
    top = min(max(round(float(middle[1]) - down / 2), 0), size[1] - down)
    return Window(left, top, across, down)


def cut(jobs: Iterable[tuple[str, Window]], most: int) -> dict[tuple[str, Window], str]:
    """Cut parts out of images, as JPEG in base64.

    Args:
        jobs: Path and part.
        most: Bytes of each, where the lowest quality still allows it.

    Returns:
        By job; images that can't be opened any more, or turned, are left out.
    """
    made = {}
    for path, windows in groupby(sorted(set(jobs)), key=itemgetter(0)):
        try:
            with open_image(path) as file:
                size = shown_size(file)
                image = _eight_bits(ImageOps.exif_transpose(file))
            if image.size != size:  # Pillow 13 leaves some grey TIFFs lying on their side
                continue
        except (OSError, ValueError, SyntaxError, ImportError, UnidentifiedImageError, Image.DecompressionBombError):
            continue
        for _, part in windows:
            made[path, part] = _jpeg(image, part, most)
    return made


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        image = Image.fromarray(((values - low) * (255 / ((high - low) or 1))).astype(np.uint8))
    return image.convert("RGB")


def _jpeg(image: Image.Image, part: Window, most: int) -> str:
    box = (part.left, part.top, part.left + part.width, part.top + part.height)
    small = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, box=box)
    content = b""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=quality, optimize=True)
        content = buffer.getvalue()
        if len(content) <= most:
            break
    return base64.b64encode(content).decode()


def panels(
    runs: Sequence[tuple[str, Judged]], image: int, part: Window, marks: Sequence[str] | None = None
) -> list[Panel]:
    """Draw the truth, and what runs make of it, in a part of an image.

    Args:
        runs: Names and judgments, on the same truth.
        image: Number of the image.
        part: What is shown of it.
        marks: What to write beside each box that is missed, by box; then also where there are many. None: nothing.
    """
    truth = runs[0][1].truth
    own = truth.image == image
    names = truth.names if len(truth.names) > 1 else ("",)
    boxes = _boxes("truth", truth.boxes[own], [names[cls] for cls in truth.cls[own]], part)
    views = [_panel("truth", f"{plural(len(boxes), 'box')} to be found", boxes)]
    for name, run in runs:
        there, right = run.found.image == image, run.right
        missed = np.flatnonzero(own & run.missed)
        beside = [marks[place] for place in missed.tolist()] if marks else []
        drawn = _boxes("missed", truth.boxes[missed], beside, part)
        drawn += _boxes("right", run.found.boxes[there & right], [], part)
        wrong = there & ~right
        few = len(drawn) + int(wrong.sum()) <= NAMED or not marks
        drawn += _boxes(
            "wrong", run.found.boxes[wrong], [names[cls] for cls in run.found.cls[wrong]] if few else [], part
        )
        count = {kind: sum(box.kind == kind for box in drawn) for kind in ("right", "missed", "wrong")}
        text = f"{count['right']} found, {count['missed']} missed, {plural(count['wrong'], 'wrong detection')}"
        views.append(_panel(name, text, drawn, MOST if marks else NAMED))
    return views


def _boxes(kind: str, boxes: Floats, names: Sequence[str], part: Window) -> list[Box]:
    """Bring boxes to the panel's pixels, without those that lie outside of it."""
    scale = np.array([WIDTH / part.width, HEIGHT / part.height])
    corners = (boxes[:, :2] - (part.left, part.top)) * scale
    sizes = boxes[:, 2:] * scale
    seen: Bools = ((corners < (WIDTH, HEIGHT)) & (corners + sizes > 0)).all(axis=1)
    labels = names or [""] * len(boxes)
    found = []
    for place in np.flatnonzero(seen).tolist():
        x, y, width, height = (round(value, 1) for value in (*corners[place].tolist(), *sizes[place].tolist()))
        found.append(Box(kind, x, y, width, height, labels[place]))
    return found


def _panel(title: str, text: str, boxes: Sequence[Box], named: int = NAMED) -> Panel:
    nearest = sorted(range(len(boxes)), key=lambda place: _off_center(boxes[place]))[:MOST]
    shown = [boxes[place] for place in sorted(nearest)]
    labels = _labels(shown) if len(shown) <= named else []
    return Panel(title, text, shown, labels, len(boxes) - len(shown))


def _labels(boxes: Sequence[Box]) -> list[Label]:
    """Find a place for each name: above, below, right or left of its box, and on nothing else."""
    taken: list[Rectangle] = [(box.x, box.y, box.width, box.height) for box in boxes]
    labels = []
    for box in boxes:
        name = shortened(box.name, LONGEST)
        width = LETTER * len(name)
        beside = box.y + box.height / 2 - LINE / 2
        places = [
            (box.x, box.y - LINE - GAP),
            (box.x, box.y + box.height + GAP),
            (box.x + box.width + GAP, beside),
            (box.x - width - GAP, beside),
            (box.x + box.width - width, box.y - LINE - GAP),
        ]
        spot = next((spot for x, y in places if _free(spot := (x, y, width, LINE), taken)), None)
        if name and spot:
            taken.append(spot)
            labels.append(Label(box.kind, round(spot[0], 1), round(spot[1] + 0.8 * LINE, 1), name))
    return labels


def _free(spot: Rectangle, taken: Sequence[Rectangle]) -> bool:
    x, y, width, height = spot
    inside = x >= 0 and y >= 0 and x + width <= WIDTH and y + height <= HEIGHT
    return inside and all(
        x >= left + across or left >= x + width or y >= top + down or top >= y + height
        for left, top, across, down in taken
    )


def _off_center(box: Box) -> float:
    return abs(box.x + box.width / 2 - WIDTH / 2) + abs(box.y + box.height / 2 - HEIGHT / 2)
