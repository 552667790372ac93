"""The pictures of the demo.

A sign is a stack of polygons in unit coordinates (x right, y down, about -1 to 1), so that turning, mirroring and
scaling are exact; pixels appear only once it is drawn. Signs never cover each other: a label is the box of what can be
seen of its sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

FloatArray = NDArray[np.float32]
Color = tuple[int, int, int]
Box = tuple[float, float, float, float]  # x1, y1, x2, y2, pixels of the picture
Label = tuple[int, Box]
# Source of all numbers below: own choice, tuned by eye and by training YOLOv8n from scratch.
_FINE = 8  # subpixels a pixel, each way: a box is exact to 1/8 pixel, 2 % of the smallest sign
_SIGN_PX = (6.0, 32.0)  # longer side of a whole sign
_SIZE_SKEW = 1.5  # exponent on the uniform draw of log size; above 1 favors small signs
_SIGNS = (3, 12)  # signs a picture, both included
_DISTRACTORS = (3, 9)  # shapes a picture that are no class, both included
_MIN_VISIBLE = 0.45  # area share of a sign that has to lie inside the picture
_TILT_DEG = 10.0  # a sign leans by at most this much, either way

_RED, _BLUE, _YELLOW, _GREEN = (196, 28, 36), (22, 82, 176), (240, 188, 20), (18, 130, 74)
_WHITE, _BLACK = (238, 238, 234), (24, 24, 26)
_NO_SIGN_COLORS: tuple[Color, ...] = (
    (128, 130, 136),
    (120, 84, 60),
    (150, 70, 140),
    (230, 120, 30),
)  # gray, brown, purple, orange
_DISTRACTOR_COLORS: tuple[Color, ...] = (_RED, _BLUE, _YELLOW, _GREEN, _WHITE, _BLACK, *_NO_SIGN_COLORS)
_GROUNDS: tuple[tuple[Color, Color], ...] = (  # darkest and lightest of a background
    ((38, 52, 30), (138, 150, 96)),  # leaves
    ((70, 72, 76), (168, 168, 166)),  # asphalt
    ((86, 62, 48), (186, 158, 128)),  # brick, soil
    ((96, 124, 158), (214, 224, 232)),  # sky
    ((34, 38, 56), (112, 116, 138)),  # dusk
)


@dataclass(frozen=True)
class Sign:
    """A named stack of colored polygons, each of shape (N, 2) in unit coordinates; the first is the outline."""

    name: str
    layers: tuple[tuple[FloatArray, Color], ...]

    def mirrored(self, name: str) -> Sign:
        """Return the sign as a horizontal flip shows it."""
        flip = np.array([-1, 1], np.float32)
        return Sign(name, tuple((points * flip, color) for points, color in self.layers))


def _polygon(*points: tuple[float, float]) -> FloatArray:
    return np.array(points, np.float32)


def _regular(corners: int, radius: float = 1.0, first_deg: float = -90.0) -> FloatArray:
    """Return a regular polygon whose first corner points upwards unless told otherwise."""
    turns = np.deg2rad(first_deg) + np.arange(corners) * (2 * math.pi / corners)
    return (radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)).astype(np.float32)


def _bar(half_width: float, half_height: float, y: float = 0.0) -> FloatArray:
    """Return an upright rectangle centered on the vertical axis."""
    w, h = half_width, half_height
    return _polygon((-w, y - h), (w, y - h), (w, y + h), (-w, y + h))


def plain_signs() -> tuple[Sign, ...]:
    """Return six classes that look the same in a mirror and differ by shape, color and pictogram."""
    arrow = _polygon(
        (0, -0.78), (0.6, -0.08), (0.22, -0.08), (0.22, 0.68), (-0.22, 0.68), (-0.22, -0.08), (-0.6, -0.08)
    )
    exclamation = ((_bar(0.08, 0.19, -0.13), _BLACK), (_bar(0.08, 0.07, 0.2), _BLACK))
    cross = ((_bar(0.66, 0.22), _WHITE), (_bar(0.22, 0.66), _WHITE))
    return (
        Sign("prohibition", ((_regular(48), _RED), (_regular(48, 0.7), _WHITE), (_bar(0.4, 0.16), _BLACK))),
        Sign("ahead", ((_regular(48), _BLUE), (arrow, _WHITE))),
        Sign("priority", ((_regular(4), _WHITE), (_regular(4, 0.84), _YELLOW), (_regular(4, 0.3), _BLACK))),
        Sign("warning", ((_regular(3), _RED), (_regular(3, 0.6), _WHITE), *exclamation)),
        Sign("first_aid", ((_bar(1, 1), _GREEN), *cross)),
        Sign("stop", ((_regular(8, 1, 22.5), _WHITE), (_regular(8, 0.9, 22.5), _RED), (_bar(0.6, 0.17), _WHITE))),
    )


def flip_signs() -> tuple[Sign, ...]:
    """Return two of the symmetric classes and two pairs of mirror images on the same blue disc."""
    arrow = _polygon((-0.8, 0), (-0.05, -0.66), (-0.05, -0.23), (0.7, -0.23), (0.7, 0.23), (-0.05, 0.23), (-0.05, 0.66))
    curve = _polygon(
        (-0.8, -0.22), (-0.15, -0.74), (-0.15, -0.42), (0.3, -0.42), (0.5, -0.22),
        (0.5, 0.7), (0.1, 0.7), (0.1, -0.02), (-0.15, -0.02), (-0.15, 0.3),
    )  # fmt: skip
    arrow_left = Sign("arrow_left", ((_regular(48), _BLUE), (arrow, _WHITE)))
    curve_left = Sign("curve_left", ((_regular(48), _BLUE), (curve, _WHITE)))
    pairs = (arrow_left, arrow_left.mirrored("arrow_right"), curve_left, curve_left.mirrored("curve_right"))
    return (*(sign for sign in plain_signs() if sign.name in ("prohibition", "warning")), *pairs)


def _distractor(rng: np.random.Generator) -> Sign:
    """Return a shape of no class, as small as a sign: oblong, lopsided, half a disc or a sign in a wrong color."""
    shape, colors = rng.integers(4), _DISTRACTOR_COLORS
    if shape == 0:
        outline = _bar(1.0, rng.uniform(0.25, 0.55))
    elif shape == 1:
        turns = np.sort(rng.uniform(0, 2 * math.pi, 7))
        outline = (np.stack([np.cos(turns), np.sin(turns)], 1) * rng.uniform(0.45, 1, (7, 1))).astype(np.float32)
    elif shape == 2:
        outline = _regular(48)[:25]
    else:
        outline, colors = (_regular(48), _regular(4), _regular(3), _bar(1, 1))[rng.integers(4)], _NO_SIGN_COLORS
    first, second = rng.choice(len(colors), 2, replace=False)
    layers = [(outline, colors[first])]
    if rng.random() < 0.6:
        middle = outline.mean(axis=0, dtype=np.float32)
        smaller = (outline - middle) * np.float32(rng.uniform(0.4, 0.75)) + middle
        layers.append((smaller, colors[second]))
    return Sign("", tuple(layers))


@dataclass(frozen=True)
class _Patch:
    """A drawn sign: its corner in the picture (pixels), colors (H, W, 3) 0 to 255, fine mask (8H, 8W)."""

    left: int
    top: int
    rgb: FloatArray
    mask: NDArray[np.bool_]


def _draw(sign: Sign, center: tuple[float, float], length: float, tilt_deg: float) -> _Patch:
    """Draw a sign around a point of the picture, with its longer side as many pixels long after the tilt."""
    turn = np.deg2rad(tilt_deg)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    layers = [(points @ rotation, color) for points, color in sign.layers]
    low, high = layers[0][0].min(axis=0), layers[0][0].max(axis=0)
    scale = length / (high - low).max()
    shift = np.array(center) - (low + high) / 2 * scale
    corner = np.floor(low * scale + shift)
    width, height = (int(side) for side in np.ceil(high * scale + shift) - corner)
    fine = (width * _FINE, height * _FINE)
    colors, mask = Image.new("RGB", fine, layers[0][1]), Image.new("1", fine)
    for number, (points, color) in enumerate(layers):
        # Pillow counts from the center of the first subpixel.
        corners = [(float(x), float(y)) for x, y in (points * scale + shift - corner) * _FINE - 0.5]
        ImageDraw.Draw(colors).polygon(corners, fill=color)
        if number == 0:
            ImageDraw.Draw(mask).polygon(corners, fill=1)
    rgb = np.asarray(colors.reduce(_FINE), np.float32)
    return _Patch(int(corner[0]), int(corner[1]), rgb, np.asarray(mask, np.bool_))


def _inside(patch: _Patch, size: int) -> tuple[slice, slice]:
    """Return the rows and columns of a patch that lie inside the picture."""
    height, width = patch.rgb.shape[:2]
    return (
        slice(max(0, -patch.top), max(0, min(height, size - patch.top))),
        slice(max(0, -patch.left), max(0, min(width, size - patch.left))),
    )


def _visible(patch: _Patch, size: int) -> tuple[float, Box]:
    """Return the share of the sign's area inside the picture and the box around that part."""
    rows, columns = _inside(patch, size)
    part = patch.mask[rows.start * _FINE : rows.stop * _FINE, columns.start * _FINE : columns.stop * _FINE]
    ys, xs = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not xs.size:
        return 0.0, (0.0, 0.0, 0.0, 0.0)
    left, top = patch.left + columns.start, patch.top + rows.start
    box = (left + xs[0] / _FINE, top + ys[0] / _FINE, left + (xs[-1] + 1) / _FINE, top + (ys[-1] + 1) / _FINE)
    return float(part.sum() / patch.mask.sum()), box


def _paste(canvas: FloatArray, patch: _Patch, light: float, haze: float) -> None:
    """Blend a patch into a picture (S, S, 3): light scales its colors, haze (0 to 1) pulls them towards gray."""
    rows, columns = _inside(patch, len(canvas))
    height, width = patch.rgb.shape[:2]
    alpha = patch.mask.reshape(height, _FINE, width, _FINE).mean(axis=(1, 3), dtype=np.float32)[rows, columns, None]
    rgb = np.clip(patch.rgb[rows, columns] * light, 0, 255) * (1 - haze) + 128 * haze
    top, left = max(0, patch.top), max(0, patch.left)
    area = canvas[top : top + rgb.shape[0], left : left + rgb.shape[1]]
    area += alpha * (rgb - area)


def draw_picture(
    rng: np.random.Generator, size: int, signs: tuple[Sign, ...], *, empty: bool
) -> tuple[Image.Image, list[Label]]:
    """Return one picture and the class and box of each sign in it."""
    canvas = _background(rng, size)
    for _ in range(rng.integers(_DISTRACTORS[0], _DISTRACTORS[1] + 1)):
        _paste(canvas, _random_patch(rng, _distractor(rng), size, 180.0), *_random_light(rng))
    labels: list[Label] = []
    for _ in range(0 if empty else rng.integers(_SIGNS[0], _SIGNS[1] + 1)):
        kind = int(rng.integers(len(signs)))
        for _ in range(20):  # tries to find a free place; a crowded picture gets fewer signs
            patch = _random_patch(rng, signs[kind], size, _TILT_DEG)
            share, box = _visible(patch, size)
            if share >= _MIN_VISIBLE and not any(_touch(box, other) for _, other in labels):
                _paste(canvas, patch, *_random_light(rng))
                labels.append((kind, box))
                break
    return _expose(rng, canvas), labels


def _random_patch(rng: np.random.Generator, sign: Sign, size: int, tilt_deg: float) -> _Patch:
    """Draw a sign with random place, length and tilt."""
    shortest, longest = _SIGN_PX
    length = shortest * (longest / shortest) ** (rng.random() ** _SIZE_SKEW)
    x, y = rng.uniform(0, size, 2)
    return _draw(sign, (x, y), length, rng.uniform(-tilt_deg, tilt_deg))


def _random_light(rng: np.random.Generator) -> tuple[float, float]:
    """Return light and haze of one sign."""
    return rng.uniform(0.5, 1.1), rng.uniform(0, 0.45)


def _touch(box: Box, other: Box) -> bool:
    """Say whether two boxes come nearer to each other than one pixel."""
    return box[0] < other[2] + 1 and other[0] < box[2] + 1 and box[1] < other[3] + 1 and other[1] < box[3] + 1


def _noise(rng: np.random.Generator, size: int) -> FloatArray:
    """Return smooth noise of several octaves, shape (S, S), 0 to 1."""
    total = np.zeros((size, size), np.float32)
    roughness = rng.uniform(0.5, 0.75)
    for octave in range(6):
        cells = min(size, 3 * 2**octave)
        grid = Image.fromarray(rng.random((cells, cells), np.float32))
        total += roughness**octave * np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))
    total -= total.min()
    total /= total.max()
    return total


def _background(rng: np.random.Generator, size: int) -> FloatArray:
    """Return a textured scene without signs, shape (S, S, 3), 0 to 255: two grounds, patches, poles and wires."""
    scene = np.zeros((size, size, 3), np.float32)
    blend = np.clip((_noise(rng, size)[..., None] - 0.5) * 8 + 0.5, 0, 1)
    for number, weight in zip(rng.choice(len(_GROUNDS), 2, replace=False), (blend, 1 - blend), strict=True):
        dark, light = np.array(_GROUNDS[number], np.float32)
        scene += weight * (dark + (light - dark) * _noise(rng, size)[..., None])
    # Drawn at double size and shrunk, for smooth edges.
    image = Image.fromarray(scene.astype(np.uint8)).resize((2 * size, 2 * size), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(rng.integers(1, 5)):
        (x, y), (w, h) = rng.uniform(-0.2, 1, 2) * 2 * size, rng.uniform(0.1, 0.5, 2) * 2 * size
        lean = rng.uniform(-0.15, 0.15, 4) * w
        corners = [(x + lean[0], y), (x + w + lean[1], y), (x + w + lean[2], y + h), (x + lean[3], y + h)]
        pen.polygon(corners, fill=(*_muted(rng), int(rng.integers(90, 200))))
    for _ in range(rng.integers(2, 8)):
        start, turn = rng.uniform(0, 2 * size, 2), rng.uniform(0, math.pi)
        reach = rng.uniform(0.15, 1.2) * 2 * size * np.array([math.cos(turn), math.sin(turn)])
        line = [*(start - reach / 2).tolist(), *(start + reach / 2).tolist()]
        pen.line(line, fill=(*_muted(rng), int(rng.integers(120, 256))), width=int(rng.integers(1, 8)))
    return np.asarray(image.reduce(2), np.float32)


def _muted(rng: np.random.Generator) -> Color:
    """Return a random color near gray."""
    gray = rng.integers(30, 215)
    red, green, blue = np.clip(gray + rng.integers(-28, 29, 3), 0, 255).tolist()
    return red, green, blue


def _expose(rng: np.random.Generator, canvas: FloatArray) -> Image.Image:
    """Return the picture as a camera might take it: contrast, brightness, blur and noise."""
    canvas = (canvas - 128) * rng.uniform(0.75, 1.1) + 128 + rng.uniform(-22, 18)
    sharp = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
    blurred = np.asarray(sharp.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.8))), np.float32)
    grain = rng.standard_normal(blurred.shape, np.float32) * np.float32(rng.uniform(2, 11))
    return Image.fromarray(np.clip(blurred + grain, 0, 255).astype(np.uint8))
