"""Images that Ultralytics leaves out for what they are, found as it finds them but without changing a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from PIL import UnidentifiedImageError
from PIL.Image import open as open_image  # Ultralytics puts its own in its place, which looks for packages to install

from auxhead.labels.listing import BEHIND, IMAGE_SUFFIXES, Sources, passed_over
from auxhead.labels.problems import LabelProblem
from auxhead.labels.workers import in_order
from auxhead.progress import Steps

# Source: Ultralytics 8.4.190, data/utils.py, check_image.
SMALLEST = 10  # pixels of each side
FORMATS = IMAGE_SUFFIXES | {"jpeg2000"}
JPEG_END = b"\xff\xd9"

UNPROVED = FORMATS - {"jpg", "jpeg", "png", "webp"}
"""Formats whose `verify` of PIL's sees no missing end."""

HEIF = b"ftyp"  # bytes 4 to 8 of HEIC and HEIF files, which Ultralytics opens with a package of its own
AVIF = {b"avif", b"avis"}  # bytes 8 to 12 of AVIF files, which begin alike and need no such package
LONG = {"F", "I"}  # PIL's modes of 32 bits a pixel, which OpenCV, and so Ultralytics, doesn't read


def split_usable(images: Sequence[Path], progress: Steps | None = None) -> tuple[list[Path], tuple[LabelProblem, ...]]:
    """Part images into those that Ultralytics reads and those that it leaves out, whatever their labels are.

    Args:
        images: The images of a split, as list_images gives them.
        progress: Called as progress(done, total), in images.

    Returns:
        Usable ones in their order, and for each other one what is wrong with it. No image gives two empty ones.
    """
    usable, problems = [], []
    with closing(in_order(image_problem, images)) as found:
        for done, (image, problem) in enumerate(zip(images, found, strict=True), start=1):
            if problem:
                problems.append(problem)
            else:
                usable.append(image)
            if progress:
                progress(done, len(images))
    return usable, tuple(problems)


def split_pictures(
    sources: Sources, images: Sequence[Path], progress: Steps | None = None
) -> tuple[list[Path], tuple[LabelProblem, ...]]:
    """Part the pictures of a split as `split_usable` does, with those that Ultralytics passes over for their suffix.

    Args:
        sources: Folders and lists of the split.
        images: What list_images gives for them.
        progress: Called as progress(done, total), in images.
    """
    usable, problems = split_usable(images, progress)
    return usable, (*problems, *map(other_suffix, passed_over(sources)))


def other_suffix(image: Path) -> LabelProblem:
    """Say that Ultralytics reads no picture of that suffix."""
    found, fix = image.suffix, "rename it to .jpg if it is a JPEG"
    if found != found.rstrip(BEHIND):
        found, fix = f"'{found}'", "take blanks and quotes off the line"
    what = f"expected a suffix that Ultralytics reads, found {found}: {fix}"
    return LabelProblem(image, None, what, "")


def image_problem(image: Path | str) -> LabelProblem | None:
    """Say why Ultralytics leaves an image out; None if it reads it.

    A damaged JPEG that Ultralytics repairs (and writes anew) while it reads it is none to leave out.

    Args:
        image: The file; headers and check sums are read, pixels only of a JPEG whose end is missing and of formats
            without check sums (BMP, TIFF, JPEG 2000, AVIF, ...).
    """
    fault = _no_file(image)
    if not fault:
        try:
            fault = _fault(image)
        except (UnidentifiedImageError, ImportError):  # ImportError: Ultralytics' opener, where it came first
            fault = "" if _is_heif(image) else "expected an image file, found no image in it"
        except Exception as error:  # noqa: BLE001  broken files raise anything in PIL, and Ultralytics catches it all
            found = getattr(error, "strerror", None) or str(error) or type(error).__name__
            fault = f"expected an image that can be read, found {found}"
    return LabelProblem(Path(image), None, fault, "") if fault else None


def _no_file(image: Path | str) -> str:
    """Say what stands in the place of a file; nothing if there is one. A pipe must not be waited for."""
    try:
        mode = os.stat(image).st_mode  # noqa: PTH116  strings: pathlib is slow
    except (OSError, ValueError):
        return "expected an image file, found nothing of that name"
    found = "" if stat.S_ISREG(mode) else "a folder" if stat.S_ISDIR(mode) else "no file"
    return found and f"expected an image file, found {found}"


def _fault(image: Path | str) -> str:
    """Look at an image as Ultralytics does; nothing if it is fine."""
    with open_image(image) as opened:
        opened.verify()
        (width, height), kind, mode = opened.size, (opened.format or "").lower(), opened.mode
    if min(width, height) < SMALLEST:
        return f"expected at least {SMALLEST} x {SMALLEST} pixels, found {width} x {height}"
    if kind not in FORMATS:
        return f"expected an image in a format that Ultralytics reads, found {kind.upper() or 'another'}"
    if kind in {"tif", "tiff"} and mode in LONG:
        return "expected a TIFF of 8 or 16 bits a pixel and channel, found 32"
    if kind in UNPROVED or (kind in {"jpg", "jpeg"} and not _ends(image)):
        with open_image(image) as opened:
            opened.load()
    return ""


def _ends(image: Path | str) -> bool:
    with open(image, "rb") as file:  # noqa: PTH123
        file.seek(-len(JPEG_END), os.SEEK_END)
        return file.read() == JPEG_END


def _is_heif(image: Path | str) -> bool:
    with open(image, "rb") as file:  # noqa: PTH123
        head = file.read(12)
    return head[4:8] == HEIF and head[8:] not in AVIF
