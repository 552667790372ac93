"""TT100K (Tsinghua-Tencent 100K): one json of all pictures, with their objects by picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from auxhead.errors import DataError
from auxhead.foreign.data_set import Annotated, DataSet, Object, Split, names_of, numbered, splits_in_order
from auxhead.foreign.folders import name_inside, split_of, walk
from auxhead.formats import plural
from auxhead.labels.problems import LabelProblem
from auxhead.metrics.results_file import read_json

FILES = ("annotations_all.json", "annotations.json")  # of 2021 and of 2016
EXPECTED = (
    "TT100K: annotations_all.json or annotations.json, with imgs and types, and the pictures that it names beside it"
)
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_tt100k(place: Path, pictures: str | None) -> DataSet:
    """Read TT100K.

    The split is the folder that a picture's path names; test serves as val, and pictures of other/ are left out, which
    is said. Classes are those that occur, in the order of `types`.

    Args:
        place: The json, or the folder that holds it.
        pictures: The folder in which the paths count; None: that of the json, or the one above.

    Raises:
        DataError: The json can't be used, or the pictures aren't found.

    Source:
        Zhu et al., "Traffic-Sign Detection and Classification in the Wild" (2016), and its code.
    """
    file = place if place.is_file() else _find(place)
    content = read_json(file, EXPECTED)
    images, types = (content.get(key) for key in ("imgs", "types")) if isinstance(content, dict) else (None, None)
    if not isinstance(images, dict) or not isinstance(types, list):
        raise DataError(EXPECTED, "a json without imgs and types", str(file), "correct the path or the file")
    order = [str(one) for one in types]
    folder = _folder(file, images, pictures)
    found: dict[str, list[Annotated]] = {}
    elsewhere: Counter[str] = Counter()
    for key, entry in images.items():
        path = str(entry.get("path") or "") if isinstance(entry, dict) else ""
        above = PurePosixPath(path).parent.name
        name = split_of(above)
        if name:
            found.setdefault(name, []).append(_picture(file, key, entry, folder, set(order)))
        else:
            elsewhere[f"{above}/" if path else "no path"] += 1
    occurring = names_of(one for some in found.values() for one in some)
    names = [name for name in dict.fromkeys(order) if name in occurring]
    splits = {name: Split(name, numbered(some, names), file) for name, some in found.items()}
    fix = "take the annotations of the whole data set"
    ordered, remarks = splits_in_order(splits, expected=EXPECTED, where=str(file), fix=fix)
    remarks += [f"{plural(count, 'picture')} of {above} left out" for above, count in elsewhere.items()]
    return DataSet("TT100K", tuple(names), tuple(ordered), (file,), tuple(remarks))


def _find(folder: Path) -> Path:
    """Find the json in a folder or below."""
    found = [file for files in walk(folder) for file in files if file.name in FILES]
    if len(found) != 1:
        told = ", ".join(map(str, found)) or "a json of another name"
        raise DataError(EXPECTED, told, str(folder), "name the one that counts: data=FOLDER/annotations_all.json")
    return found[0]


def _folder(file: Path, images: Mapping[str, Any], pictures: str | None) -> Path:
    """Find the folder in which the paths count, by the first one that is there."""
    paths = [name_inside(str(one["path"])) for one in images.values() if isinstance(one, dict) and one.get("path")]
    folders = [Path(pictures)] if pictures else [file.parent, file.parent.parent]
    for folder in folders:
        if any((folder / path).is_file() for path in paths):
            return folder
    told = f"none of {plural(len(paths), 'picture')} in {' or '.join(map(str, folders))}"
    raise DataError(EXPECTED, told, str(file), "name the folder in which the paths count: pictures=FOLDER")


def _picture(file: Path, key: str, entry: Mapping[str, Any], folder: Path, known: set[str]) -> Annotated:
    """Read one entry of imgs."""
    path = name_inside(str(entry["path"]))
    objects, problems = [], []
    listed = entry.get("objects", [])
    for place, one in enumerate(listed if isinstance(listed, list) else []):
        try:
            objects.append(_object(one, known))
        except ValueError as error:
            problems.append(LabelProblem(file, None, f"image {key}, object {place}: {error}", str(one)[:200]))
    if not isinstance(listed, list):
        problems.append(LabelProblem(file, None, f"image {key}: expected a list of objects", str(listed)[:200]))
    return Annotated(folder / path, PurePosixPath(path).name, None, objects, tuple(problems))


def _object(one: Any, known: set[str]) -> Object:
    """Bring an object to its name and box."""
    box = one.get("bbox") if isinstance(one, dict) else None
    if not isinstance(box, dict) or str(one.get("category")) not in known:
        message = "expected a bbox, and a category that is one of types"
        raise ValueError(message)
    try:
        left, top, right, bottom = (float(box[corner]) for corner in CORNERS)
    except (KeyError, TypeError, ValueError) as error:
        message = "expected a bbox with xmin, ymin, xmax and ymax"
        raise ValueError(message) from error
    if not (right >= left and bottom >= top and all(map(math.isfinite, (left, top, right, bottom)))):
        message = "expected xmin <= xmax and ymin <= ymax"
        raise ValueError(message)
    return Object(str(one["category"]), left, top, right - left, bottom - top)
