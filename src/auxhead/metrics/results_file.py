"""Predictions in COCO's results format: written with class indices, read in either numbering, never guessed."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np

from auxhead.errors import DataError
from auxhead.metrics.detections import Detections
from auxhead.metrics.truth import Truth

OUTSIDE = 0.1  # of the longer side, beyond the image: no detector puts a box there. Source: own choice
SHOWN = 5  # bad rows named in a message
EXPECTED = "a list of rows with image_id (or file_name), category_id, bbox [left, top, width, height] and score"


def read_json(path: Path, expected: str) -> Any:
    """Read a json file.

    Raises:
        DataError: It is missing or broken.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
        raise DataError(expected, found, str(path), "correct the path or the file") from error


def shared_folder(images: Sequence[PurePath]) -> PurePath | None:
    """Return the folder that predictions name images from: the nearest one that holds all of them.

    Args:
        images: Of the split, all of them, at least one.

    Returns:
        None where they share none.

    >>> str(shared_folder([PurePath("/data/a/1.png"), PurePath("/data/b/c/2.png")]))
    '/data'
    """
    folders = {image.parent for image in images}
    first = images[0].parent
    return next((up for up in (first, *first.parents) if all(one.is_relative_to(up) for one in folders)), None)


def name_below(shared: PurePath | None, image: PurePath) -> str:
    """Return the `file_name` of an image in predictions.

    >>> name_below(PurePath("/data"), PurePath("/data/b/c/2.png"))
    'b/c/2.png'
    """
    return str(image.relative_to(shared) if shared else image)


def to_rows(found: Detections, files: Sequence[str]) -> list[dict[str, Any]]:
    """Write detections as COCO results.

    Args:
        found: The detections.
        files: Image files by index.

    Returns:
        Rows with `image_id` (the file's stem, a number if it is one, as Ultralytics writes it), `file_name` (below the
        folder that all images share), `category_id` (class index), `bbox` (pixels, to 1e-4) and `score` (to 1e-7).
    """
    paths = [PurePath(file) for file in files]
    shared = shared_folder(paths)
    ids = [int(path.stem) if path.stem.isdecimal() else path.stem for path in paths]
    names = [name_below(shared, path) for path in paths]
    return [
        {
            "image_id": ids[image],
            "file_name": names[image],
            "category_id": cls,
            "bbox": [round(value, 4) for value in box],
            "score": round(score, 7),
        }
        for image, cls, box, score in zip(
            found.image.tolist(), found.cls.tolist(), found.boxes.tolist(), found.scores.tolist(), strict=True
        )
    ]


def read_results(path: Path, truth: Truth, categories: Literal["index", "ultralytics"] = "index") -> Detections:
    """Read COCO-format results of any detector.

    Args:
        path: The file.
        truth: Says which images and classes there are.
        categories: Whether `category_id` is the class index (for a COCO json: its own category id), or 1-based as
            Ultralytics' `save_json` writes it for custom data.

    Returns:
        The detections, in the order of the file.

    Raises:
        DataError: Rows are no results, name unknown images or classes, have scores that are no number of at least 0,
            negative or non-finite boxes, or boxes far outside of their image; or all ids fit the other numbering.
    """
    rows = read_json(path, EXPECTED)
    if not isinstance(rows, list):
        found = "a COCO data set, not results" if isinstance(rows, dict) and "annotations" in rows else "no list"
        raise DataError(EXPECTED, found, str(path), "name the results file (a list), such as predictions.json")
    find = _image_finder(truth)
    classes = _classes(truth, rows, categories, path)
    image, cls, boxes, scores, bad = [], [], [], [], []
    for place, row in enumerate(rows):
        try:
            which = find(row)
            box, score = [float(value) for value in row["bbox"]], float(row["score"])
            problem = _row_problem(box, score, truth.sizes[which].tolist())
            image.append(which)
            cls.append(_class(classes, row["category_id"]))
            boxes.append(box)
            scores.append(score)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            problem = f"no {error}" if isinstance(error, KeyError) else str(error)
        if problem:
            bad.append(f"row {place}: {problem}")
    if bad:
        raise _rows_error(bad, len(rows), path)
    return Detections(
        np.array(image, dtype=np.int64),
        np.array(cls, dtype=np.int64),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.array(scores, dtype=np.float64),
    )


def _image_finder(truth: Truth) -> Callable[[Mapping[str, Any]], int]:
    """Make a function that finds the image of a row."""
    by_id: dict[object, list[int]] = defaultdict(list)
    by_name: dict[str, list[int]] = defaultdict(list)
    for place, file in enumerate(truth.files):
        path = PurePath(file)
        by_name[path.name].append(place)
        for own in {truth.ids[place]} if truth.ids else {path.stem, _number(path.stem)}:
            by_id[own].append(place)
    known: dict[tuple[object, object], int] = {}

    def find(row: Mapping[str, Any]) -> int:
        name, own = row.get("file_name"), row.get("image_id")
        key = (name, own)
        if key not in known:
            known[key] = _only(_candidates(name, own), name if name is not None else own)
        return known[key]

    def _candidates(name: object, own: object) -> list[int]:
        if truth.ids and own in by_id:
            return by_id[own]
        if name is not None:
            parts = PurePath(str(name)).parts
            same = by_name.get(parts[-1] if parts else "", [])
            return [place for place in same if PurePath(truth.files[place]).parts[-len(parts) :] == parts]
        return by_id.get(own, [])

    return find


def _number(stem: str) -> int | str:
    return int(stem) if stem.isdecimal() else stem


def _only(places: Sequence[int], what: object) -> int:
    if len(places) == 1:
        return places[0]
    if not places:
        message = f"image {what!r} is not in the data"
    else:
        message = f"image {what!r} could be any of {len(places)} of that name; file_name must tell their folders apart"
    raise ValueError(message)


def _classes(truth: Truth, rows: Sequence[Any], categories: str, path: Path) -> dict[object, int]:
    """Map category ids to class indices, and refuse a file whose ids fit the other numbering only."""
    own: dict[object, int] = {name: place for place, name in enumerate(truth.categories or range(len(truth.names)))}
    ultralytics: dict[object, int] = {place + 1: place for place in range(len(truth.names))}
    known, other = (own, ultralytics) if categories == "index" else (ultralytics, own)
    used = {row["category_id"] for row in rows if isinstance(row, dict) and _is_id(row.get("category_id"))}
    if not used <= set(known) and used <= set(other):
        right = "ultralytics" if categories == "index" else "index"
        raise DataError(
            expected=f"category_id {_span(known)} (categories={categories})",
            found=f"ids {_span(used)}, which fit categories={right} only",
            where=str(path),
            fix=f"add categories={right} if that is what they are",
        )
    return known


def _class(classes: Mapping[object, int], category: object) -> int:
    if category not in classes:
        message = f"category_id {category!r} is none of {_span(classes)}"
        raise ValueError(message)
    return classes[category]


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _span(ids: Any) -> str:
    ordered = sorted(ids)
    whole = ordered == list(range(ordered[0], ordered[-1] + 1)) if ordered else False
    return f"{ordered[0]} to {ordered[-1]}" if whole else ", ".join(map(str, ordered[:10]))


def _row_problem(box: Sequence[float], score: float, size: Sequence[int]) -> str:
    """Say what is wrong with a box of [left, top, width, height] or its score; '' for nothing."""
    if len(box) != 4:
        return f"expected four numbers in bbox, found {len(box)}"
    if not all(map(math.isfinite, box)) or min(box[2:]) < 0:
        return f"expected finite numbers with width and height of at least 0 in bbox, found {list(box)}"
    if not math.isfinite(score) or score < 0:
        return f"expected a score of at least 0, found {score}"
    beyond = max(box[0] - size[0], box[1] - size[1], -box[0] - box[2], -box[1] - box[3])
    if beyond > OUTSIDE * max(size):
        return f"bbox {list(box)} lies outside of its image of {size[0]}x{size[1]} pixels: of another data set?"
    return ""


def _rows_error(bad: Sequence[str], rows: int, path: Path) -> DataError:
    listed = "".join(f"\n  {line}" for line in bad[:SHOWN])
    return DataError(
        expected=EXPECTED,
        found=f"{len(bad)} of {rows} rows that can't be used",
        where=f"{path}, the first {min(SHOWN, len(bad))}:{listed}",
        fix="predict on the images of this data set and split, and write pixels of the original images",
    )
