"""What is in the pictures: annotated boxes in pixels, as flat arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError
from PIL.Image import open as open_image  # Ultralytics puts its own in its place, which looks for packages to install
from PIL.TiffImagePlugin import TiffImageFile

from auxhead.errors import DataError
from auxhead.labels.check import check_labels
from auxhead.labels.listing import label_path
from auxhead.labels.problems import problems_error
from auxhead.labels.rows import BOX_COLUMNS, Rules, class_and_box, pose_columns, read_rows
from auxhead.labels.workers import in_order
from auxhead.progress import Steps

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Area = Literal["box", "polygon"]

SHOWN = 10  # bad images named in a message
SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap width and height
BY_PILLOW = {"AVIF", "HEIF"}
"""Formats that Ultralytics reads by Pillow, which obeys an orientation in XMP; OpenCV obeys those of EXIF and TIFF.
Source: Ultralytics 8.4.190, utils/patches.py, imread."""
DECODED = 50_000_000  # pixels of an image: of larger ones only the header is read. Source: own choice


@dataclass(frozen=True, eq=False)
class Truth:
    """The annotated boxes of a split. n images, m boxes.

    Attributes:
        names: Class names by index.
        files: The images, n, in the order in which everything counts them.
        sizes: Width and height of each image, shape (n, 2), pixels, as it is shown (EXIF rotation applied).
        image: Image of each box, shape (m,), 0 to n - 1, ascending.
        cls: Class of each box, shape (m,), 0 to len(names) - 1.
        boxes: Left, top, width, height of each box, shape (m, 4), pixels.
        areas: What decides on the size band of each box, shape (m,), square pixels: of the box, or of its polygon.
        crowd: Whether a box stands for a group (COCO's `iscrowd`): detections in it count neither way. Shape (m,).
        ids: What prediction files call each image, n entries; empty: their files' names are all there is.
        categories: What prediction files call each class; empty: the index.
        roots: Classes that only head the others, as some tools list them: no detector counts them.
        left_out: Images of the split that aren't measured: predictions on them are passed over.
    """

    names: tuple[str, ...]
    files: tuple[str, ...]
    sizes: Ints
    image: Ints
    cls: Ints
    boxes: Floats
    areas: Floats
    crowd: Bools
    ids: tuple[int | str, ...] = ()
    categories: tuple[int | str, ...] = ()
    roots: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()

    def scaled(self, factors: Floats) -> Truth:
        """Return the same boxes in other pixels.

        Args:
            factors: New pixels for each old one, by image, shape (n,).
        """
        own = factors[self.image]
        return replace(self, boxes=self.boxes * own[:, None], areas=self.areas * own**2)


def as_one_class(truth: Truth) -> Truth:
    """Return the same boxes, all of one class.

    Source:
        Ultralytics 8.4.190, engine/trainer.py, which calls the class of single_cls `item`.
    """
    return replace(truth, names=("item",), cls=np.zeros_like(truth.cls), categories=(), roots=())


def network_scale(sizes: Ints, imgsz: int) -> Floats:
    """Tell how much Ultralytics' letterbox shrinks or grows images.

    Args:
        sizes: Width and height, shape (n, 2), pixels.
        imgsz: Longer side of the network's input, pixels.

    Returns:
        New pixels for each old one, shape (n,).

    Source:
        Ultralytics, data/base.py, load_image: imgsz / max(height, width).

    Examples:
        >>> network_scale(np.array([[1280, 720], [320, 320]]), 640).tolist()
        [0.5, 2.0]
    """
    factors: Floats = imgsz / sizes.max(axis=1, initial=1).astype(np.float64)
    return factors


def read_yolo(
    images: Sequence[Path],
    names: Mapping[int, str],
    *,
    kpt_shape: Sequence[int] | None = None,
    area: Area = "box",
    progress: Steps | None = None,
) -> Truth:
    """Read the boxes of YOLO labels, as Ultralytics' validation sees them, in pixels of the original images.

    Args:
        images: The images of a split, as list_images gives them.
        names: Class names by id, 0 to n - 1.
        kpt_shape: The data.yaml's entry of that name, if it has one.
        area: What `areas` shall be; rows without polygon have only a box.
        progress: Called as progress(done, total) with numbers of images.

    Returns:
        Rows that repeat another are left out, as Ultralytics does. An image without label file has no box.

    Raises:
        DataError: A label row is wrong, or an image can't be opened; all of them at once.

    Source:
        Ultralytics 8.4.190, data/utils.py, verify_image_label.
    """
    report = check_labels(images, len(names), kpt_shape=kpt_shape)
    if report.problems:
        raise problems_error(report)
    rules = Rules(len(names), pose_columns=pose_columns(kpt_shape))
    sizes, rows, bad = [], [], []
    with closing(in_order(lambda path: (_size(path), _rows(label_path(path), rules)), images)) as read:
        for done, (path, (size, found)) in enumerate(zip(images, read, strict=True), start=1):
            if isinstance(size, str):
                bad.append(f"{path}: {size}")
            else:
                sizes.append(size)
                rows.append([_to_pixels(row, size, area) for row in found])
            if progress:
                progress(done, len(images))
    if bad:
        listed = "".join(f"\n  {line}" for line in bad[:SHOWN])
        raise DataError(
            expected="images that can be opened",
            found=f"{len(bad)} of {len(images)} that can't",
            where=f"the first {SHOWN} of them:{listed}" if len(bad) > SHOWN else f"these:{listed}",
            fix="fetch them again, or take them and their labels out of the data set",
        )
    table = np.array([row for image in rows for row in image], dtype=np.float64).reshape(-1, 6)
    return Truth(
        names=tuple(names[index] for index in sorted(names)),
        files=tuple(map(str, images)),
        sizes=np.array(sizes, dtype=np.int64).reshape(-1, 2),
        image=np.repeat(np.arange(len(rows)), [len(image) for image in rows]).astype(np.int64),
        cls=table[:, 0].astype(np.int64),
        boxes=table[:, 1:5],
        areas=table[:, 5],
        crowd=np.zeros(len(table), dtype=np.bool_),
    )


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height of an image as it is shown, from its header, however large it is.

    Raises:
        OSError: The file is missing, or no image.
    """
    try:
        with open_image(path) as image:
            return shown_size(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return _unchecked_size(path)


def shown_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Turn the size of an opened image as Ultralytics turns the image.

    What Ultralytics doesn't heed is forgotten, so that ImageOps.exif_transpose turns the image the same way. A huge one
    isn't decoded for what may stand behind its pixels. Pillow forgets the orientation of a TIFF when it loads it: ask
    before.
    """
    if isinstance(image, TiffImageFile):  # newer Pillows have turned the size already, older ones have not
        width, height = (image.tag_v2[tag] for tag in (ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength))
        orientation = image.tag_v2.get(ExifTags.Base.Orientation)
    else:
        width, height = image.size
        exif, written = image.getexif() if width * height <= DECODED else Image.Image.getexif(image), Image.Exif()
        written.load(image.info.get("exif", b""))
        if image.format not in BY_PILLOW and ExifTags.Base.Orientation not in written:
            exif.pop(ExifTags.Base.Orientation, None)  # which XMP told
        orientation = exif.get(ExifTags.Base.Orientation)
    return (height, width) if orientation in SIDEWAYS else (width, height)


def _unchecked_size(path: Path) -> tuple[int, int]:
    """Read the size of an image that Pillow refuses to open for its size, although no pixel is wanted; but WebP."""
    Image.init()
    with path.open("rb") as file:
        prefix = file.read(16)
        for factory, accept in (Image.OPEN[kind] for kind in Image.ID):
            if accept and accept(prefix) is True:
                file.seek(0)
                return shown_size(factory(file, str(path)))
    raise UnidentifiedImageError(path)


def _size(path: Path) -> tuple[int, int] | str:
    try:
        return image_size(path)
    except (UnidentifiedImageError, ImportError):  # ImportError: Ultralytics' opener, where it came first
        return "no image in it"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return getattr(error, "strerror", None) or str(error)


def _rows(path: Path, rules: Rules) -> list[npt.NDArray[np.float32]]:
    """Read a label file that has been checked; rows of the same numbers count once."""
    if not os.path.isfile(path):  # noqa: PTH113  missing, a folder or in one that can't be entered: as in the check
        return []
    numbers = read_rows(path.read_bytes(), rules, path).numbers
    zero = np.float32(0)  # adding it turns -0.0 into 0.0
    return list({(row + zero if len(row) == BOX_COLUMNS else row).tobytes(): row for row in numbers}.values())


def _to_pixels(row: npt.NDArray[np.float32], size: tuple[int, int], area: Area) -> tuple[float, ...]:
    """Bring a row to class, left, top, width, height and area in pixels."""
    cls, x, y, w, h = class_and_box(row).astype(np.float64)
    width, height = w * size[0], h * size[1]
    square = width * height
    if area == "polygon" and len(row) > BOX_COLUMNS:
        points = row[1:].astype(np.float64).reshape(-1, 2) * size
        square = polygon_area(points)
    return cls, (x - w / 2) * size[0], (y - h / 2) * size[1], width, height, square


def polygon_area(points: Floats) -> float:
    """Return the area inside a polygon.

    Args:
        points: Corners in order, shape (k, 2), pixels; fewer than three give 0.

    Source:
        The shoelace formula.

    Examples:
        >>> polygon_area(np.array([[0, 0], [4, 0], [4, 3.0]]))
        6.0
    """
    x, y = points.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
