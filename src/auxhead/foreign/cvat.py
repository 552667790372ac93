"""CVAT for images: one annotations.xml for many pictures; objects get the boxes around their shapes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree.ElementTree import Element
from xml.parsers.expat import ExpatError

from auxhead.errors import DataError
from auxhead.foreign.data_set import Annotated, DataSet, Object, Split, names_of, numbered, splits_in_order
from auxhead.foreign.folders import DEEPEST, ends_in, name_inside, split_of, walk
from auxhead.foreign.voc_xml import LINE, parse_xml
from auxhead.formats import plural
from auxhead.labels.problems import LabelProblem

EXPECTED = "CVAT for images: annotations.xml with images/ beside it, and subsets or folders called train and val"
FIX = "give the tasks the subsets Train and Validation in CVAT, or put each export into a folder train/ or val/"
LARGEST = 1 << 28  # bytes of a file: a million boxes. Source: own choice
HEAD = b"<annotations"
NONE = {"tag"}  # of whole pictures
SHOWN = 3  # pictures that a message names

Points = Sequence[tuple[float, float]]


class _Image(NamedTuple):
    """A picture, its split ('' where nothing tells it) and the name that it has in the file."""

    split: str
    name: str
    picture: Annotated


def read_cvat(folder: Path) -> DataSet:
    """Read exports of CVAT, in its format for images: of a project, or of a task for each split.

    A split is the subset of a task, else the folder that the picture or the export lies in. An object is a rectangle,
    turned or not, a polygon, an ellipse or a mask. Classes are the labels that occur, sorted.

    Args:
        folder: The one that holds annotations.xml, or a folder of one for each split.

    Raises:
        DataError: A file can't be read, or is one for videos; train or val isn't there; a picture is in no split.

    Source:
        CVAT's documentation, "XML annotation format", version 1.1.
    """
    left_out: Counter[str] = Counter()
    files = _files(folder)
    read = {file: _read(file, folder, left_out) for file in files}
    images = [one for some in read.values() for one in some]
    lost = [one.name for one in images if not one.split]
    if lost:
        found = f"{plural(len(lost), 'picture')} in neither train, val nor test: {', '.join(lost[:SHOWN])}"
        raise DataError(EXPECTED, found, str(folder), FIX)
    names = sorted(names_of(one.picture for one in images))
    splits = {}
    for name in dict.fromkeys(one.split for one in images):
        holding = [file for file in files if any(one.split == name for one in read[file])]
        pictures = [
            one.picture._replace(inside=_inside(file, folder, one.name, alone=len(holding) == 1))
            for file in holding
            for one in read[file]
            if one.split == name
        ]
        splits[name] = Split(name, numbered(pictures, names), holding[0])
    ordered, remarks = splits_in_order(splits, expected=EXPECTED, where=str(folder), fix=FIX)
    remarks += [f"{plural(count, 'shape')} of the kind {kind} left out" for kind, count in sorted(left_out.items())]
    return DataSet("CVAT", tuple(names), tuple(ordered), tuple(files), tuple(remarks))


def _files(folder: Path) -> list[Path]:
    """Find the xml files of CVAT."""
    return [file for files in walk(folder, DEEPEST) for file in files if ends_in(file, ".xml") and _is_cvat(file)]


def _is_cvat(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return HEAD in opened.read(1 << 12)
    except OSError:
        return False


def _inside(file: Path, folder: Path, name: str, *, alone: bool) -> str:
    """Name a picture below its split; two tasks may have pictures of one name."""
    below = name_inside(name)
    return below if alone else str(PurePosixPath(file.parent.relative_to(folder).as_posix()) / below)


def _read(file: Path, folder: Path, left_out: Counter[str]) -> list[_Image]:
    """Read one file."""
    try:
        if file.stat().st_size > LARGEST:
            raise _broken(file, f"a file of more than {LARGEST >> 20} MiB", "export tasks one by one")
        root = parse_xml(file.read_bytes())
    except ExpatError as error:
        raise _broken(file, f"broken xml: {error}", "export it anew") from error
    except (OSError, ValueError, LookupError) as error:  # LookupError: an encoding that there isn't
        raise _broken(file, getattr(error, "strerror", None) or str(error), "export it anew") from error
    images = root.findall("image")
    if root.find("track") is not None and not images:
        fix = 'in CVAT, export the task as "CVAT for images 1.1", with images'
        raise _broken(file, "CVAT for video: tracks instead of images", fix)
    above = [one.name for one in (file, *file.parents) if one != folder and folder in one.parents]
    return [_image(one, file, [Path(above[0]).stem, *above[1:]], left_out) for one in images]


def _broken(file: Path, found: str, fix: str) -> DataError:
    return DataError("an annotations.xml of CVAT for images", found, str(file), fix)


def _image(element: Element, file: Path, above: Sequence[str], left_out: Counter[str]) -> _Image:
    """Read a picture and its shapes.

    Args:
        element: Of the picture.
        file: The xml file.
        above: Names of the xml file and of the folders above it, the nearest first.
        left_out: Shapes that are no objects are counted here.
    """
    name, subset = element.get("name", ""), element.get("subset", "")
    objects, problems = [], []
    for one in element:
        try:
            objects += _objects(one, left_out)
        except (KeyError, ValueError) as error:
            what = f"expected a <{one.tag}> with a label and finite numbers, found {type(error).__name__}: {error}"
            shown = " ".join(f"{key}={value}" for key, value in one.attrib.items() if key != LINE)
            problems.append(LabelProblem(file, int(one.get(LINE, 0)), what, shown[:200]))
    folders = PurePosixPath(name_inside(name)).parts[:-1]
    split = split_of(subset, *reversed(folders), *above)
    image = _find(file.parent, name_inside(name), name_inside(subset))
    return _Image(split, name, Annotated(image, image.name, _size(element), objects, tuple(problems)))


def _find(folder: Path, name: str, subset: str) -> Path:
    """Return a picture where exports have it: in images/, in a folder of its subset, or beside the xml."""
    places = [folder / "images" / subset, folder / "images", folder / subset, folder]
    return next((place / name for place in places if (place / name).is_file()), places[1] / name)


def _size(element: Element) -> tuple[int, int] | None:
    try:
        width, height = int(element.get("width", "")), int(element.get("height", ""))
    except ValueError:
        return None
    return (width, height) if min(width, height) > 0 else None


def _objects(one: Element, left_out: Counter[str]) -> list[Object]:
    """Bring a shape to the box around it; one that has none is counted."""
    if one.tag in NONE:
        return []
    if one.tag not in CORNERS:
        left_out[one.tag] += 1
        return []
    label, corners = one.attrib["label"].strip(), CORNERS[one.tag](one)
    if not label or not corners or not all(math.isfinite(number) for point in corners for number in point):
        message = "no label, or no finite numbers"
        raise ValueError(message)
    xs, ys = zip(*corners, strict=True)
    return [Object(label, min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))]


def _numbers(one: Element, *keys: str) -> list[float]:
    return [float(one.attrib[key]) for key in keys]


def _box(one: Element) -> Points:
    """Return the corners of a rectangle, which may be turned about its center."""
    left, top, right, bottom = _numbers(one, "xtl", "ytl", "xbr", "ybr")
    if right < left or bottom < top:
        message = "xbr < xtl, or ybr < ytl"
        raise ValueError(message)
    angle = math.radians(float(one.get("rotation", 0)))
    if not angle:
        return [(left, top), (right, bottom)]
    x, y, wide, high = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    half_x, half_y = abs(wide * cos) + abs(high * sin), abs(wide * sin) + abs(high * cos)
    return [(x - half_x, y - half_y), (x + half_x, y + half_y)]


def _ellipse(one: Element) -> Points:
    """Return the corners of the box around an ellipse, which may be turned about its center."""
    x, y, across, down = _numbers(one, "cx", "cy", "rx", "ry")
    angle = math.radians(float(one.get("rotation", 0)))
    half_x = math.hypot(across * math.cos(angle), down * math.sin(angle))
    half_y = math.hypot(across * math.sin(angle), down * math.cos(angle))
    return [(x - half_x, y - half_y), (x + half_x, y + half_y)]


def _polygon(one: Element) -> Points:
    pairs = (point.split(",") for point in one.attrib["points"].split(";"))
    return [(float(x), float(y)) for x, y in pairs]


def _mask(one: Element) -> Points:
    """Return the corners of a mask, which is cut to what it covers."""
    left, top, width, height = _numbers(one, "left", "top", "width", "height")
    return [(left, top), (left + width, top + height)]


CORNERS: dict[str, Callable[[Element], Points]] = {"box": _box, "polygon": _polygon, "ellipse": _ellipse, "mask": _mask}
"""How each kind of shape becomes points on the border of the box around it; pixels count from 0."""
