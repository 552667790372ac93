"""YOLO data sets on disk: which images there are, where their labels lie, and whether Ultralytics will accept them."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from auxhead.errors import DataError
from auxhead.labels.problems import LabelProblem, LabelReport
from auxhead.labels.yolo_rows import RowsCheck, Rules, check_rows

# Source: Ultralytics 8.4.190, data/utils.py, IMG_FORMATS.
IMAGE_SUFFIXES = frozenset(
    {"avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp"}
)

Sources = Path | str | Sequence[Path | str]

THREADS = 8  # label files are small: the time goes into waiting for the disk
CHUNK = 64  # images a task: keeps the queue short for a million images, and the progress lively


def label_path(image: Path) -> Path:
    """Name the label file of an image: the last `/images/` becomes `/labels/`, the suffix `.txt`.

    Args:
        image: The image; needn't exist.

    Returns:
        The label file, which needn't exist either. Beside the image if no folder on its way is called `images`.

    Source:
        Ultralytics, data/utils.py, img2label_paths.
    """
    images, labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return Path(labels.join(str(image).rsplit(images, 1)).rsplit(".", 1)[0] + ".txt")


def list_images(sources: Sources) -> list[Path]:
    """List the images of a split, as one entry of data.yaml names them.

    Args:
        sources: A folder (searched recursively, hidden names left out), a text file with one image a line (lines that
            start with `./` count from its folder), or several of these.

    Returns:
        The images, sorted by name. Images that a text file lists are not looked for on disk.

    Raises:
        DataError: A source doesn't exist or is no UTF-8 text, or no image is found in any.

    Source:
        Ultralytics, data/base.py, BaseDataset.get_img_files.
    """
    entries = [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]
    names = [name for entry in entries for name in _names(entry)]
    images = sorted(name.replace("/", os.sep) for name in names if name.rpartition(".")[-1].lower() in IMAGE_SUFFIXES)
    if not images:
        raise DataError(
            expected=f"at least one image, with one of the suffixes {' '.join(sorted(IMAGE_SUFFIXES))} (in any case)",
            found=f"{len(names)} other names" if names else "nothing",
            where=", ".join(str(entry) for entry in entries) or "an empty list of folders",
            fix="name the folder that holds the images, or a text file with one image a line, in data.yaml",
        )
    return [_to_path(name) for name in images]


def _names(source: Path) -> list[str]:
    """List all names of one folder or text file, images or not."""
    if source.is_dir():
        # pathlib's glob differs: it doesn't leave out hidden names, nor follow links to folders.
        return glob.glob(str(Path(glob.escape(str(source))) / "**" / "*.*"), recursive=True)  # noqa: PTH207
    if not source.is_file():
        raise DataError(
            expected="a folder of images, or a text file with one image a line",
            found="nothing of that name",
            where=str(source),
            fix="correct the path in data.yaml; relative ones count from its `path`, or from its own folder",
        )
    try:
        lines = source.read_text(encoding="utf-8-sig").strip().splitlines()
    except UnicodeDecodeError as error:
        raise DataError(
            expected="a folder of images, or a UTF-8 text file with one image a line",
            found=f"a file that isn't UTF-8 (byte {error.start})",
            where=str(source),
            fix="name the folder of an image instead of the image itself, or save the list as UTF-8",
        ) from error
    folder = f"{source.parent}{os.sep}"
    return [line.replace("./", folder, 1) if line.startswith("./") else line for line in lines]


def _to_path(name: str) -> Path:
    """Make a path that keeps the meaning of `./images/...`: Path drops the `./` that label_path looks for."""
    path = Path(name)
    return path.absolute() if name.startswith(f".{os.sep}") and path.parts[0] == "images" else path


@dataclass(frozen=True, slots=True)
class _FileCheck:
    found: bool
    rows: RowsCheck


def check_labels(
    images: Sequence[Path],
    nc: int,
    *,
    single_cls: bool = False,
    kpt_shape: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LabelReport:
    """Scan the label files of images for rows that make Ultralytics ignore the whole image.

    A label file gets a problem exactly when Ultralytics would call it corrupt while it trains a detector. The images
    themselves are not opened.

    Args:
        images: The images, as list_images gives them.
        nc: Number of classes, at least 1.
        single_cls: Whether training treats all classes as one; class ids then have no upper limit.
        kpt_shape: The entry of the same name in data.yaml, if it has one: keypoints and values a keypoint. Pose rows of
            that shape are accepted, as a detector drops their keypoints.
        progress: Called in this thread with the number of images done and their total, every 64 images and at the end.

    Returns:
        Counts and problems. No image gives zeros.
    """
    pose_columns = 5 + kpt_shape[0] * kpt_shape[1] if kpt_shape and kpt_shape[0] else None
    rules = Rules(nc, single_cls, pose_columns)
    chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    total = _Total()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="auxhead-labels")
    try:
        for checks in pool.map(partial(_check_chunk, rules=rules), chunks):
            total.add(checks)
            if progress:
                progress(total.images, len(images))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C must not wait for the rest
    return total.report()


def _check_chunk(images: Iterable[Path], rules: Rules) -> list[_FileCheck]:
    return [_check_file(label_path(image), rules) for image in images]


def _check_file(path: Path, rules: Rules) -> _FileCheck:
    if not os.path.isfile(path):  # noqa: PTH113  a folder that can't be entered counts as missing, as in Ultralytics
        return _FileCheck(found=False, rows=RowsCheck(0, 0, ()))
    try:
        raw = path.read_bytes()
    except OSError as error:
        what = f"expected a file that can be read, found {type(error).__name__}: {error.strerror or error}"
        return _FileCheck(found=True, rows=RowsCheck(0, 0, (LabelProblem(path, None, what, ""),)))
    return _FileCheck(found=True, rows=check_rows(raw, rules, path))


class _Total:
    """The running sums of a scan."""

    def __init__(self) -> None:
        self.images = self.found = self.empty = self.corrupt = self.boxes = self.duplicates = 0
        self.problems: dict[LabelProblem, None] = {}  # images that share a label file would name its rows twice

    def add(self, checks: Iterable[_FileCheck]) -> None:
        """Add some files."""
        for check in checks:
            rows = check.rows
            self.images += 1
            self.found += check.found
            self.corrupt += bool(rows.problems)
            self.empty += check.found and not rows.rows and not rows.problems
            self.boxes += 0 if rows.problems else rows.rows - rows.duplicates
            self.duplicates += rows.duplicates
            self.problems.update(dict.fromkeys(rows.problems))

    def report(self) -> LabelReport:
        """Freeze the sums."""
        return LabelReport(
            images=self.images,
            found=self.found,
            missing=self.images - self.found,
            empty=self.empty,
            corrupt=self.corrupt,
            boxes=self.boxes,
            duplicates=self.duplicates,
            problems=tuple(self.problems),
        )
