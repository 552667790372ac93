"""VisDrone-DET: folders of splits with images/ and annotations/, a text file a picture."""

from __future__ import annotations

from pathlib import Path

from auxhead.errors import DataError
from auxhead.foreign.data_set import Annotated, DataSet, Object, Split, numbered, splits_in_order
from auxhead.foreign.folders import Album, deeper, files_in, split_folders, unannotated
from auxhead.labels.problems import LabelProblem

EXPECTED = (
    "VisDrone-DET: folders such as VisDrone2019-DET-train and VisDrone2019-DET-val, with images/ and annotations/"
)
FIX = "name the folder that holds those of train and val"
ROW = "left,top,width,height,score,category,truncation,occlusion"
REGION, OTHERS = 0, 11  # categories that are no classes
NAMES = (
    "pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus", "motor",
)  # fmt: skip
"""Classes of the categories 1 to 10. Source: Ultralytics 8.4.190, cfg/datasets/VisDrone.yaml."""


def read_visdrone(folder: Path) -> DataSet:
    """Read a data set of VisDrone-DET.

    Rows with a score of 0 aren't considered in VisDrone's own evaluation: they are regions to pass over, of their
    class, and those of ignored regions (category 0) and others (11) of every class.

    Args:
        folder: The one that holds the folders of the splits; without val, test-dev serves as such.

    Raises:
        DataError: Train or val isn't there, or is there twice.

    Source:
        VisDrone2019-DET-toolkit, README.md; Ultralytics 8.4.190, cfg/datasets/VisDrone.yaml.
    """
    folders = split_folders(folder, lambda one: bool(files_in(one / "annotations", ".txt")), EXPECTED)
    if not folders:
        raise DataError(EXPECTED, "annotations, but no folders of splits", str(folder), FIX)
    splits, files, albums = {}, [], []
    for name, one in folders.items():
        album = Album([one / "images"])
        rows = files_in(one / "annotations", ".txt")
        splits[name] = Split(name, numbered([_picture(file, album) for file in rows], NAMES), one)
        files += rows
        albums.append(album)
    ordered, remarks = splits_in_order(splits, expected=EXPECTED, where=str(folder), fix=FIX)
    left = unannotated(albums, "an empty one")
    left += deeper([one / "annotations" for one in folders.values()], ".txt", len(files))
    return DataSet("VisDrone", NAMES, tuple(ordered), tuple(files), (*remarks, *left))


def _picture(file: Path, album: Album) -> Annotated:
    """Read the file of one picture."""
    image = album.of(file)
    objects, problems = [], []
    for number, line in enumerate(file.read_text("utf-8-sig", "replace").splitlines(), start=1):
        if line.strip():
            try:
                objects.append(_object(line))
            except ValueError as error:
                problems.append(LabelProblem(file, number, str(error), line[:200]))
    return Annotated(image, image.name, None, objects, tuple(problems))


def _object(line: str) -> Object:
    """Bring a row to its box."""
    cells = line.strip().removesuffix(",").split(",")
    try:
        left, top, width, height, score, category, _, _ = map(int, cells)
    except ValueError as error:
        message = f"expected {ROW}, eight whole numbers"
        raise ValueError(message) from error
    if not REGION <= category <= OTHERS or min(width, height) < 0:
        message = f"expected a category from {REGION} to {OTHERS} and no negative size"
        raise ValueError(message)
    if category in {REGION, OTHERS}:
        return Object("", left, top, width, height, ignored=True)
    return Object(NAMES[category - 1], left, top, width, height, score == 0)
