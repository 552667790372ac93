"""LabelMe: one json beside each picture, in folders of splits; objects get the boxes around their shapes."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from auxhead.errors import DataError
from auxhead.foreign.data_set import Annotated, DataSet, Object, Split, names_of, numbered, splits_in_order
from auxhead.foreign.folders import Album, deeper, files_in, split_folders, unannotated
from auxhead.formats import plural
from auxhead.labels.problems import LabelProblem

EXPECTED = "LabelMe: folders train/ and val/ of pictures, each with its json beside it"
FIX = "name the folder that holds these; else move pictures with their json files into train/ and val/"
BOXED = {"rectangle", "polygon", "mask"}  # shapes whose points lie around them
PARTS = {"polygon", "mask"}  # of which several may be one object
IGNORED, BACKGROUND = "__ignore__", "_background_"  # Source: LabelMe, examples/*/labels.txt


class _Shape(NamedTuple):
    """The corners of the box around a shape."""

    label: str
    group: str
    left: float
    top: float
    right: float
    bottom: float


def read_labelme(folder: Path) -> DataSet:
    """Read a data set of LabelMe.

    An object is a rectangle, a polygon, a circle or a mask, or all polygons and masks of one label that have the same
    `group_id`: the parts of one object. Classes are the labels, sorted; `__ignore__` is a region to pass over for every
    class.

    Args:
        folder: The one that holds train/ and val/; without val, test serves as such.

    Raises:
        DataError: Train or val isn't there, or is there twice.

    Source:
        LabelMe 5, label_file.py, and examples/instance_segmentation/labelme2coco.py, which joins groups so;
        examples/bbox_detection/labelme2voc.py, which makes each rectangle an object of its own.
    """
    folders = split_folders(folder, lambda one: bool(files_in(one, ".json")), EXPECTED)
    if not folders:
        raise DataError(EXPECTED, "json files of LabelMe, but no folders of splits", str(folder), FIX)
    left_out: Counter[str] = Counter()  # shapes by what they are
    joined: Counter[str] = Counter()
    read, files, albums = {}, [], []
    for name, one in folders.items():
        album = Album([one])
        jsons = files_in(one, ".json")
        read[name] = [_picture(file, album, left_out, joined) for file in jsons]
        files += jsons
        albums.append(album)
    names = sorted(names_of(picture for some in read.values() for picture in some))
    splits = {name: Split(name, numbered(some, names), folders[name]) for name, some in read.items()}
    ordered, remarks = splits_in_order(splits, expected=EXPECTED, where=str(folder), fix=FIX)
    remarks += [f"{plural(count, 'shape')} of the kind {kind} left out" for kind, count in sorted(left_out.items())]
    if joined["parts"]:
        remarks.append(f"{plural(joined['parts'], 'shape')} joined into {plural(joined['wholes'], 'box')} by group_id")
    remarks += unannotated(albums, "a json with no shapes")
    remarks += deeper(folders.values(), ".json", len(files))
    return DataSet("LabelMe", tuple(names), tuple(ordered), tuple(files), tuple(remarks))


def _picture(file: Path, album: Album, left_out: Counter[str], joined: Counter[str]) -> Annotated:
    """Read the json of one picture."""
    shapes, problems, content = [], [], {}
    try:
        content = json.loads(file.read_bytes())
        listed = content["shapes"]
        for place, one in enumerate(listed):
            try:
                shape = _shape(one, left_out)
                shapes += [shape] if shape else []
            except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
                what = f"shape {place}: expected a label and points of numbers, found {type(error).__name__}: {error}"
                problems.append(LabelProblem(file, None, what, str(one)[:200]))
    except json.JSONDecodeError as error:
        problems.append(LabelProblem(file, error.lineno, f"expected a json of LabelMe, found {error.msg}", ""))
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        what = f"expected a json of LabelMe, with shapes, found {type(error).__name__}: {error}"
        problems.append(LabelProblem(file, None, what, ""))
    content = content if isinstance(content, dict) else {}
    image = album.of(file, str(content.get("imagePath") or ""))
    return Annotated(image, image.name, _size(content), _objects(shapes, joined), tuple(problems))


def _size(content: dict[str, Any]) -> tuple[int, int] | None:
    width, height = content.get("imageWidth"), content.get("imageHeight")
    known = isinstance(width, int) and isinstance(height, int) and min(width, height) > 0
    return (int(width), int(height)) if known and width and height else None


def _shape(one: dict[str, Any], left_out: Counter[str]) -> _Shape | None:
    """Bring a shape to the box around it; None for one that is none, which is counted."""
    kind = str(one.get("shape_type") or "polygon")
    label = "" if one["label"] is None else str(one["label"]).strip()
    points = [(float(x), float(y)) for x, y in one["points"]]
    if not all(math.isfinite(number) for point in points for number in point) or not label:
        message = "no label, or points that are no finite numbers"
        raise ValueError(message)
    if label == BACKGROUND or kind not in {*BOXED, "circle"}:
        left_out[kind if label != BACKGROUND else BACKGROUND] += 1
        return None
    if kind == "circle":
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        points = [(x - radius, y - radius), (x + radius, y + radius)]
    xs, ys = zip(*points, strict=True)
    group = str(one["group_id"]) if kind in PARTS and one.get("group_id") is not None else ""
    return _Shape(label, group, min(xs), min(ys), max(xs), max(ys))


def _objects(shapes: list[_Shape], joined: Counter[str]) -> list[Object]:
    """Join the shapes of a group, which is counted, and make objects of them."""
    wholes: dict[object, _Shape] = {}
    parts: Counter[object] = Counter()
    for place, one in enumerate(shapes):
        key = (one.label, one.group) if one.group else place
        parts[key] += 1
        other = wholes.get(key, one)
        low, high = map(min, one[2:4], other[2:4]), map(max, one[4:], other[4:])
        wholes[key] = _Shape(one.label, one.group, *low, *high)
    several = [count for count in parts.values() if count > 1]
    joined.update(parts=sum(several), wholes=len(several))
    return [
        Object("" if one.label == IGNORED else one.label, *one[2:4], one.right - one.left, one.bottom - one.top,
               one.label == IGNORED)
        for one in wholes.values()
    ]  # fmt: skip
