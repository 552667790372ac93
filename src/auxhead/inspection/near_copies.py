"""Images of two splits that look nearly the same: neighbours of one video, or one picture saved twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.Image import open as open_image  # Ultralytics puts its own in its place, which looks for packages to install

from auxhead.labels.workers import in_order
from auxhead.progress import Steps

SIDE = 16  # of the grid whose neighbours are compared; 256 bits. Source: imagehash's dhash, hash_size
THUMB = 32  # side of the picture whose brightness is compared; pixels
# Source: own choice, by the pairs of val and train of hit_uav, gtsdb, dsb2018_nuclei and deeppcb (docs/inspect.md): all
# that were looked at and passed both show the same place, and roads that only resemble one another don't pass.
BITS = 56
CORRELATION = 0.75
ROWS = 256  # images that are held against all others at once; bounds the memory

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class NearCopy:
    """Two images of different splits that look nearly the same.

    Attributes:
        first: File of the first split.
        second: File of the second split.
        bits: Bits of 256 in which their difference hashes differ, 0 to 56.
        correlation: Of their brightness at 32 x 32 pixels, 0.75 to 1.
    """

    first: str
    second: str
    bits: int
    correlation: float


@dataclass(frozen=True)
class Near:
    """Near copies between the splits.

    Attributes:
        between: For each two splits ("train/val"), the images of the second that look nearly like one of the first,
            each with the nearest one; nearest pairs first. Images with the same bytes are `Copies`, and not here.
        unread: Images whose pixels Pillow can't read, and which were compared with none.
    """

    between: Mapping[str, tuple[NearCopy, ...]]
    unread: int


def find_near_copies(
    splits: Mapping[str, Sequence[str]], same: Mapping[str, str], progress: Steps | None = None
) -> Near:
    """Compare images of each two splits by what they look like.

    Two images are near copies if their difference hashes (dHash, 16 x 16) differ in at most 56 of 256 bits and their
    brightness at 32 x 32 pixels correlates by at least 0.75. So a change of size, compression or brightness, and a
    camera that moved by a few pixels, are seen through; cuts, turned and mirrored pictures are not found.

    Args:
        splits: Image files of each split; fewer than two splits give no pair.
        same: A word for each file, equal for files with the same bytes.
        progress: Called as progress(done, total) with numbers of files.
    """
    if len(splits) < 2:
        return Near({}, 0)
    files = sorted({file for own in splits.values() for file in own})
    looks: dict[str, tuple[Bytes, Bytes]] = {}
    with closing(in_order(look, files)) as found:
        for done, (file, one) in enumerate(zip(files, found, strict=True), start=1):
            if one is not None:
                looks[file] = one
            if progress:
                progress(done, len(files))
    names = list(splits)
    between = {}
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            known = {same[file] for file in splits[first]}
            own = [file for file in dict.fromkeys(splits[first]) if file in looks]
            others = [file for file in dict.fromkeys(splits[second]) if file in looks and same[file] not in known]
            between[f"{first}/{second}"] = _nearest(own, others, looks)
    return Near(between, len(files) - len(looks))


def look(file: str | Path) -> tuple[Bytes, Bytes] | None:
    """Say what an image looks like: its difference hash, 256 values 0 or 1, and its brightness, 1024 values.

    The hash is that of imagehash (`dhash(image, 16)`): whether each of 16 x 16 pixels is brighter than the one left of
    it.    None if Pillow can't read the image.

    Source: N. Krawetz, "Kind of Like That", hackerfactor.com, 2013.
    """
    try:
        gray = open_gray(file, (4 * SIDE, 4 * SIDE))
    except Exception:  # noqa: BLE001  broken files raise anything in PIL, and what it can't open more in Ultralytics' opener
        return None
    steps = np.asarray(gray.resize((SIDE + 1, SIDE), Image.Resampling.LANCZOS))
    thumb = np.asarray(gray.resize((THUMB, THUMB), Image.Resampling.BOX))
    return (steps[:, 1:] > steps[:, :-1]).ravel().astype(np.uint8), thumb.ravel()


def open_gray(file: str | Path, size: tuple[int, int]) -> Image.Image:
    """Open an image with 8 bits of gray a pixel; deeper ones from their darkest to their brightest pixel.

    Args:
        file: The image.
        size: Width and height below which a large JPEG must not be shrunk while it is decoded, pixels.

    Raises:
        Exception: Any, if Pillow can't read it.
    """
    with open_image(file) as image:
        image.draft("L", size)
        if not image.mode.startswith(("I", "F")):
            return image.convert("L")
        pixels = np.asarray(image, dtype=np.float64)
    span = float(np.ptp(pixels)) or 1.0
    return Image.fromarray(((pixels - pixels.min()) * (255 / span)).astype(np.uint8))


def _nearest(
    first: Sequence[str], second: Sequence[str], looks: Mapping[str, tuple[Bytes, Bytes]]
) -> tuple[NearCopy, ...]:
    """Find for each image of the second split the nearest one of the first, if it is near; nearest pairs first."""
    if not first or not second:
        return ()
    signs, tones = _vectors(first, looks)
    found = []
    for start in range(0, len(second), ROWS):
        some = second[start : start + ROWS]
        own_signs, own_tones = _vectors(some, looks)
        bits = (SIDE**2 - own_signs @ signs.T) / 2  # vectors of +1 and -1: each bit that differs costs 2
        correlation = own_tones @ tones.T
        bits[correlation < CORRELATION] = SIDE**2 + 1
        nearest = bits.argmin(1)
        for row, column in enumerate(nearest.tolist()):
            if bits[row, column] <= BITS:
                close = round(float(bits[row, column])), round(float(correlation[row, column]), 3)
                found.append(NearCopy(first[column], some[row], *close))
    return tuple(sorted(found, key=lambda one: (one.bits, -one.correlation, one.second)))


def _vectors(
    files: Sequence[str], looks: Mapping[str, tuple[Bytes, Bytes]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return hashes as +1 and -1, and brightness as vectors of length 1 and mean 0; one of a single gray is 0."""
    signs = np.stack([looks[file][0] for file in files]).astype(np.float32) * 2 - 1
    tones = np.stack([looks[file][1] for file in files]).astype(np.float32)
    tones -= tones.mean(1, keepdims=True)
    lengths = np.linalg.norm(tones, axis=1, keepdims=True)
    return signs, np.divide(tones, lengths, out=np.zeros_like(tones), where=lengths > 0)
