"""What a reader of a foreign format makes: pictures with their boxes, by split, whatever the files were like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from auxhead.errors import DataError
from auxhead.formats import plural
from auxhead.labels.listing import JPEG_SUFFIXES
from auxhead.labels.problems import LabelProblem
from auxhead.metrics.truth import Floats

EVERY = -1
"""Class of a region in which detections of every class are passed over."""
COLUMNS = 6  # class, left, top, width, height, ignored


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture with its boxes.

    Attributes:
        image: Where it should be.
        inside: Its name below the folder of its split.
        size: Width and height that the annotations tell, pixels; None: they don't, and the picture's own count.
        boxes: Class (EVERY only of ignored ones), left, top, width, height (pixels), and 1 for a region in which
            detections are passed over, shape (k, 6).
        problems: What is wrong with its annotations.
    """

    image: Path
    inside: str
    size: tuple[int, int] | None
    boxes: Floats
    problems: tuple[LabelProblem, ...] = ()


@dataclass(frozen=True, eq=False)
class Split:
    """One split: train, val or test.

    Attributes:
        name: Which.
        pictures: Its pictures, in the order of the source.
        where: The file or folder that says so, for messages.
    """

    name: str
    pictures: Sequence[Picture]
    where: Path


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set of whatever format.

    Attributes:
        format: What people call the format.
        names: Class names by index.
        splits: Train and val first, then test, if there is one.
        files: Every file that was read but the pictures.
        remarks: What of the source isn't here, in words.
        problems: What is wrong with annotations that belong to no picture.
    """

    format: str
    names: tuple[str, ...]
    splits: tuple[Split, ...]
    files: tuple[Path, ...]
    remarks: tuple[str, ...] = ()
    problems: tuple[LabelProblem, ...] = ()


class Object(NamedTuple):
    """A box whose class is a name still; "" stands for every class. Pixels."""

    name: str
    left: float
    top: float
    width: float
    height: float
    ignored: bool = False


class Annotated(NamedTuple):
    """A picture whose boxes have names still."""

    image: Path
    inside: str
    size: tuple[int, int] | None
    objects: Sequence[Object]
    problems: tuple[LabelProblem, ...] = ()


def names_of(pictures: Iterable[Annotated]) -> set[str]:
    """Return the names of all classes that occur."""
    return {one.name for picture in pictures for one in picture.objects if one.name}


def numbered(pictures: Iterable[Annotated], names: Sequence[str]) -> list[Picture]:
    """Give classes their numbers.

    Args:
        pictures: Whose objects have names of `names` alone, or "".
        names: Class names by index.
    """
    index = {name: place for place, name in enumerate(names)} | {"": EVERY}
    made = []
    for one in pictures:
        rows = [(index[each.name], *each[1:]) for each in one.objects]
        table = np.array(rows, dtype=np.float64).reshape(-1, COLUMNS)
        made.append(Picture(one.image, one.inside, one.size, table, one.problems))
    return made


def splits_in_order(
    found: Mapping[str, Split], *, expected: str, where: str, fix: str
) -> tuple[list[Split], list[str]]:
    """Put train, val and test into their order; where there is no val, test serves as such.

    Args:
        found: Splits by name.
        expected: What the format looks like, for the message.
        where: The folder or file that holds them.
        fix: What to do where one is missing.

    Returns:
        The splits, and a remark where test serves as val.

    Raises:
        DataError: There is no train, or neither val nor test.
    """
    known, remarks = dict(found), []
    if "val" not in known and "test" in known:
        known["val"] = replace(known.pop("test"), name="val")
        remarks.append("there is no val: test serves as val")
    if not {"train", "val"} <= known.keys():
        told = f"only {', '.join(known)}" if known else "neither of them"
        raise DataError(expected, told, where, fix)
    return [known[name] for name in ("train", "val", "test") if name in known], remarks


def with_read_suffixes(data: DataSet) -> DataSet:
    """Let JPEGs with a suffix that Ultralytics passes over (.jfif) end in .jpg in the new data set."""
    renamed = 0

    def named(picture: Picture) -> Picture:
        nonlocal renamed
        inside = Path(picture.inside)
        if inside.suffix[1:].lower() not in JPEG_SUFFIXES:
            return picture
        renamed += 1
        return replace(picture, inside=inside.with_suffix(".jpg").as_posix())

    splits = tuple(replace(split, pictures=[named(one) for one in split.pictures]) for split in data.splits)
    remark = f"{plural(renamed, 'picture')} renamed to .jpg: Ultralytics passes over .jfif and the like"
    return replace(data, splits=splits, remarks=(*data.remarks, remark)) if renamed else data


def without_rare(data: DataSet, least: int) -> DataSet:
    """Leave out classes with few boxes; what their boxes show is background then.

    Args:
        data: The data set.
        least: Boxes that a class must have in all splits together, ignored ones not counted; 0 keeps all.

    Raises:
        DataError: No class has as many.
    """
    tables = [picture.boxes for split in data.splits for picture in split.pictures]
    counts = Counter(int(row[0]) for table in tables for row in table if not row[5])
    kept = [cls for cls in range(len(data.names)) if counts[cls] >= least]
    if len(kept) == len(data.names):
        return data
    if not kept:
        most = f"at most {max(counts.values(), default=0)} of one class"
        raise DataError(f"classes with {least} boxes or more", most, data.format, "choose a lower min_boxes=")
    index = {cls: place for place, cls in enumerate(kept)} | {EVERY: EVERY}

    def thinned(picture: Picture) -> Picture:
        rows = [(index[int(row[0])], *row[1:]) for row in picture.boxes if int(row[0]) in index]
        return replace(picture, boxes=np.array(rows, dtype=np.float64).reshape(-1, COLUMNS))

    splits = tuple(replace(split, pictures=[thinned(one) for one in split.pictures]) for split in data.splits)
    gone = [cls for cls in range(len(data.names)) if cls not in index]
    rare = plural(len(gone), "class")
    remark = (
        f"{rare} with less than {plural(least, 'box')} left out, with {plural(sum(counts[c] for c in gone), 'box')}"
    )
    names = tuple(data.names[cls] for cls in kept)
    return replace(data, names=names, splits=splits, remarks=(*data.remarks, remark))
