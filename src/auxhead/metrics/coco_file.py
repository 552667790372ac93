"""Truth from a COCO json: crowds, polygon areas and ids as they are there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from auxhead.errors import DataError
from auxhead.metrics.results.boxes import MANY, ends_outside, lies_outside, shares, strays
from auxhead.metrics.results.problems import SHOWN
from auxhead.metrics.results_file import read_json
from auxhead.metrics.truth import Bools, Floats, Ints, Truth

EXPECTED = "a COCO data set: a json with images, annotations and categories"
SWAPPED = "name the truth in data=, and a detector's results in predictions="
BACKGROUND = {"background", "root"}  # names of a first category that nothing is annotated with. Source: own choice
NO, YES = (False, 0, "0"), (True, 1, "1")  # how files write iscrowd and ignore
LONGEST = 2**31  # pixels of a side: more than any format of pictures has


def read_coco(
    path: Path, area: Literal["box", "polygon"] = "box", broken: list[tuple[int | None, str]] | None = None
) -> Truth:
    """Read the boxes of a COCO json.

    Args:
        path: The file. Its images aren't opened; each needs `id`, `file_name`, `width` and `height`.
        area: What `areas` shall be: of the box, or the annotation's own `area` (of its polygon).
        broken: A list for annotations that can't be used: the place of their image (None: of none of the images), and
            what is wrong. Without it they are an error.

    Returns:
        Classes by rising category id. `iscrowd` boxes are crowds, and where there is no `iscrowd` those of `ignore`.
        Annotation ids aren't used.

    Raises:
        DataError: The file is none, has no annotation at all or crowds only, or has rows that can't be used.

    Source:
        pycocotools 2.0.8, cocoeval.py, _prepare, which writes iscrowd over ignore.
    """
    content = read_json(path, EXPECTED)
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            found = f"no list of {key}" if isinstance(content, dict) else f"a {type(content).__name__}"
            raise DataError(EXPECTED, found, str(path), SWAPPED)
    pictures = _read("image", content["images"], _picture, path, "add what is missing to the file")
    kinds = _read("category", content["categories"], _category, path, "add what is missing to the file")
    images, categories = sorted(pictures, key=_by_id), sorted(kinds, key=_by_id)
    ids = {image[0]: place for place, image in enumerate(images)}
    classes = {category[0]: place for place, category in enumerate(categories)}
    if not content["annotations"] or len(ids) < len(images) or len(classes) < len(categories):
        twice = [f"image {own}" for own, count in Counter(row[0] for row in images).items() if count > 1]
        twice += [f"category {own}" for own, count in Counter(row[0] for row in categories).items() if count > 1]
        found = f"ids that occur twice: {', '.join(twice[:SHOWN])}" if twice else "not one annotation"
        raise DataError("annotations to measure against, and ids of their own", found, str(path), "correct the file")
    rows, bad = _usable("annotation", content["annotations"], lambda one: _row(one, ids, classes, area))
    if bad and (broken is None or not rows):
        fix = "correct them, or take them out of the file"
        raise _cant_be_used("annotation", len(content["annotations"]), bad, path, fix)
    if broken is not None:
        broken += [(_image_of(content["annotations"][place], ids), told) for place, told in bad]
    table = np.array(sorted(rows, key=lambda row: row[0]), dtype=np.float64).reshape(-1, 8)
    sizes = np.array([image[2:] for image in images], dtype=np.int64).reshape(-1, 2)
    _require_pixels(table[:, 2:6], sizes[table[:, 0].astype(np.int64)], path)
    if table[:, 7].all():
        found, fix = f"{len(table)} crowds (iscrowd) and no other box", "write iscrowd 0 into annotations of one object"
        raise DataError("annotations to measure against", found, str(path), fix)
    return Truth(
        names=tuple(category[1] for category in categories),
        files=tuple(image[1] for image in images),
        sizes=sizes,
        image=table[:, 0].astype(np.int64),
        cls=table[:, 1].astype(np.int64),
        boxes=table[:, 2:6],
        areas=table[:, 6],
        crowd=table[:, 7] > 0,
        ids=tuple(ids),
        categories=tuple(classes),
        roots=_roots(categories, table[:, 1]),
    )


def _image_of(annotation: Any, ids: Mapping[object, int]) -> int | None:
    """Return the place of an annotation's image; None if it names none."""
    try:
        return ids.get(annotation["image_id"])
    except (KeyError, TypeError):
        return None


def _read(what: str, rows: Sequence[Any], read: Callable[[Any], Any], path: Path, fix: str) -> list[Any]:
    """Read rows of the file; those that can't be used are named by place and id, all at once."""
    made, bad = _usable(what, rows, read)
    if bad:
        raise _cant_be_used(what, len(rows), bad, path, fix)
    return made


def _usable(what: str, rows: Sequence[Any], read: Callable[[Any], Any]) -> tuple[list[Any], list[tuple[int, str]]]:
    """Read the rows that can be used; of each other one, tell its place and what is wrong with it."""
    made, bad = [], []
    for place, row in enumerate(rows):
        try:
            made.append(read(row))
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            own = f" (id {row['id']})" if isinstance(row, dict) and "id" in row else ""
            bad.append((place, f"{what} {place}{own}: {error if isinstance(row, dict) else 'no object'}"))
    return made, bad


def _cant_be_used(what: str, count: int, bad: Sequence[tuple[int, str]], path: Path, fix: str) -> DataError:
    """Build the error for rows that can't be used, for the caller to raise."""
    listed = "".join(f"\n  {told}" for _, told in bad[:SHOWN])
    found = f"{len(bad)} of {count} {what} entries that can't be used"
    return DataError(EXPECTED, found, f"{path}, the first {min(SHOWN, len(bad))}:{listed}", fix)


def _entry(row: Mapping[str, Any], key: str) -> Any:
    if row.get(key) is None:
        message = f"no {key}"
        raise ValueError(message)
    return row[key]


def _id(row: Mapping[str, Any]) -> int | str:
    own = _entry(row, "id")
    if not isinstance(own, (int, str)):
        message = f"id {own!r} is neither a whole number nor a text"
        raise ValueError(message)  # noqa: TRY004 - told as a wrong value of the file
    return own


def _picture(row: Mapping[str, Any]) -> tuple[int | str, str, int, int]:
    """Bring an image to id, file name, width and height."""
    own = _id(row)
    sides = []
    for key in ("width", "height"):
        value = _entry(row, key)
        try:
            sides.append(int(value))
        except (OverflowError, TypeError, ValueError):
            sides.append(0)
        if not 0 < sides[-1] < LONGEST:
            message = f"{key} {value!r} is no number of pixels"
            raise ValueError(message)
    return own, str(row.get("file_name") or own), sides[0], sides[1]


def _category(row: Mapping[str, Any]) -> tuple[int | str, str, str]:
    """Bring a category to id, name and supercategory."""
    return _id(row), str(_entry(row, "name")), str(row.get("supercategory") or "")


def _by_id(row: Sequence[Any]) -> tuple[bool, Any]:
    return isinstance(row[0], str), row[0]


def _row(
    annotation: Mapping[str, Any], ids: Mapping[object, int], classes: Mapping[object, int], area: str
) -> tuple[float, ...]:
    """Bring an annotation to image, class, left, top, width, height, area and crowd."""
    image, category = (_entry(annotation, key) for key in ("image_id", "category_id"))
    if image not in ids:
        message = f"image_id {image!r} is none of the images"
        raise ValueError(message)
    if category not in classes:
        message = f"category_id {category!r} is none of the categories"
        raise ValueError(message)
    box = _box(_entry(annotation, "bbox"))
    own = float(_entry(annotation, "area")) if area == "polygon" else box[2] * box[3]
    if not math.isfinite(own) or own < 0:
        message = f"area {own} is no area"
        raise ValueError(message)
    return ids[image], classes[category], *box, own, _crowd(annotation)


def _crowd(annotation: Mapping[str, Any]) -> bool:
    """Tell whether a box stands for a group, or is to be passed over; any text but "0" would be true by itself."""
    key = "ignore" if annotation.get("iscrowd") is None else "iscrowd"
    value = annotation.get(key)
    if value is not None and value not in NO + YES:
        message = f"{key} {value!r} is neither 0 nor 1"
        raise ValueError(message)
    return value in YES


def _box(value: Any) -> tuple[float, ...]:
    message = f"bbox {value!r} is no box of [left, top, width, height]"
    if not isinstance(value, (list, tuple)):  # a text or an object of four can be gone through, too
        raise ValueError(message)  # noqa: TRY004 - told as a wrong value of the file
    try:
        box = tuple(map(float, value))
    except (TypeError, ValueError) as error:
        raise ValueError(message) from error
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) < 0:
        raise ValueError(message)
    return box


def _require_pixels(boxes: Floats, sizes: Ints, path: Path) -> None:
    """Refuse a truth whose boxes can't be left, top, width and height in pixels of pictures of its sizes."""
    beyond, outside = ends_outside(boxes, sizes), lies_outside(boxes, sizes)
    fit_swapped = ends_outside(boxes, sizes[:, ::-1]).mean() * 10 < beyond.mean()
    if shares(boxes):
        found, fix = f"{len(boxes)} boxes below 1", "are these shares of the picture? write pixels"
    elif strays(outside) or (fit_swapped and beyond.sum() > max(1, MANY * len(boxes))):
        raise _wrong_sizes(boxes, sizes, outside | beyond, path, swapped=fit_swapped)
    elif beyond.mean() > MANY and beyond.sum() > 1:
        found = f"{beyond.sum()} of {len(boxes)} boxes that end outside of their picture"
        fix = "are these left, top, right, bottom? write width = right - left and height = bottom - top"
    else:
        return
    raise DataError("annotations with bbox [left, top, width, height] in pixels", found, str(path), fix)


def _wrong_sizes(boxes: Floats, sizes: Ints, outside: Bools, path: Path, *, swapped: bool) -> DataError:
    """Make the error for boxes that begin where their pictures have ended, as no form of boxes does."""
    first = int(np.flatnonzero(outside)[0])
    width, height = sizes[first].tolist()
    count = f"{outside.sum()} of {len(boxes)} boxes that begin or end outside of their picture"
    fix = "write the width and height of the pictures that the boxes were drawn in: are these placeholders?"
    if swapped:
        fix = "are width and height of the images swapped, or x and y of the boxes?"
    return DataError(
        expected="images with the width and height that their boxes lie in",
        found=f"{count}, such as bbox {boxes[first].tolist()} in one of width {width} and height {height}",
        where=str(path),
        fix=fix,
    )


def _roots(categories: Sequence[tuple[int | str, str, str]], used: Floats) -> tuple[int, ...]:
    """Find a first category that only heads the others or stands for the background: detectors don't count it."""
    if len(categories) < 2 or (used == 0).any():
        return ()
    name = categories[0][1]
    heads = any(above == name for _, _, above in categories[1:])
    return (0,) if heads or name.strip("_").lower() in BACKGROUND else ()
