"""Predictions in COCO's results format: written with class indices, read in the numbering asked for, never guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from auxhead.errors import DataError
from auxhead.metrics.detections import Detections
from auxhead.metrics.results.categories import Categories, choose_numbering, class_of
from auxhead.metrics.results.images import image_finder
from auxhead.metrics.results.problems import EXPECTED, Origin, rows_error
from auxhead.metrics.results.rows import Codes, Columns, each, read_blocks
from auxhead.metrics.truth import Truth

WRITTEN = 10_000  # rows written at once. Source: own choice


def read_json(path: Path, expected: str) -> Any:
    """Read a json file, in UTF-8, 16 or 32, with or without a byte-order mark.

    Raises:
        DataError: It is missing or broken.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
        raise DataError(expected, found, str(path), "correct the path or the file") from error


def file_names(images: Sequence[PurePath]) -> list[str]:
    """Return the `file_name` of each image in predictions.

    Args:
        images: Of the split, all of them.

    Returns:
        Their paths below the nearest folder that holds all of them and from which none is the end of another.

    >>> file_names([PurePath("/data/a/1.png"), PurePath("/data/b/c/2.png")])
    ['a/1.png', 'b/c/2.png']
    >>> file_names([PurePath("/data/val/1.png"), PurePath("/data/val/a/1.png")])
    ['val/1.png', 'val/a/1.png']
    """
    shared = _shared_folder(images)
    for folder in (shared, *shared.parents) if shared else ():
        below = [image.relative_to(folder) for image in images]
        ends = {PurePath(*one.parts[cut:]) for one in below for cut in range(1, len(one.parts))}
        if ends.isdisjoint(below):
            return list(map(str, below))
    return list(map(str, images))


def _shared_folder(images: Sequence[PurePath]) -> PurePath | None:
    """Return the nearest folder that holds all images; None where they share none, or are none."""
    if not images:
        return None
    folders = {image.parent for image in images}
    first = images[0].parent
    return next((up for up in (first, *first.parents) if all(one.is_relative_to(up) for one in folders)), None)


def to_json(found: Detections, files: Sequence[str]) -> Iterator[bytes]:
    """Write detections as COCO results, some rows at a time: as a whole they may not fit into memory.

    Args:
        found: The detections.
        files: Image files by index.

    Returns:
        Parts of a json list. Rows have `image_id` (the file's stem, a number if it is one, as Ultralytics writes it),
        `file_name` (as `file_names` gives it), `category_id` (class index), `bbox` (pixels, to 1e-4) and
        `score` (to 1e-7).
    """
    paths = [PurePath(file) for file in files]
    ids = [int(path.stem) if path.stem.isdecimal() else path.stem for path in paths]
    names = file_names(paths)
    for start in range(0, len(found.image), WRITTEN):
        part = found.take(np.arange(start, min(start + WRITTEN, len(found.image))))
        rows = [
            {
                "image_id": ids[image],
                "file_name": names[image],
                "category_id": cls,
                "bbox": [round(value, 4) for value in box],
                "score": round(score, 7),
            }
            for image, cls, box, score in zip(
                part.image.tolist(), part.cls.tolist(), part.boxes.tolist(), part.scores.tolist(), strict=True
            )
        ]
        yield f"{', ' if start else '['}{json.dumps(rows)[1:-1]}".encode()
    yield b"]" if len(found.image) else b"[]"


def read_results(path: Path, truth: Truth, categories: Categories | None = "own") -> Detections:
    """Read COCO-format results of any detector from their file.

    Args:
        path: The file.
        truth: Says which images and classes there are.
        categories: As read_rows.

    Returns:
        The detections, in the order of the file; otherwise as read_rows.

    Raises:
        DataError: As read_rows, or it is no file of results.
    """
    return read_rows(_read_columns(path), truth, categories, Origin(str(path)))


def read_rows(rows: Columns, truth: Truth, categories: Categories | None, origin: Origin) -> Detections:
    """Read COCO-format results of any detector.

    Args:
        rows: What they say.
        truth: Says which images and classes there are.
        categories: How `category_id` counts: the data's `own` ids (of a COCO json; else the class index), the class
            `index` from 0, or from 1 as Ultralytics' `save_json` writes it for custom data; None: there is one class,
            whatever rows say.
        origin: Where they come from.

    Returns:
        The detections, in the order of the rows; without those on images that the truth leaves out, whatever they say.

    Raises:
        DataError: Rows are no results, name unknown images or classes, have scores that are no number of at least 0, or
            negative or non-finite boxes; what they say about their image or class contradicts itself; or all ids fit
            another numbering only. Whether boxes lie in their images isn't looked at.
    """
    places, no_image = each(dict(enumerate(rows.images.parts)), image_finder(truth, rows.images.parts))
    image = _by_row(rows.images.codes, places)
    kept = image < len(truth.files)
    used = np.unique(rows.classes.codes[kept]).tolist()
    parts = {code: rows.classes.parts[code] for code in used}
    known = choose_numbering(truth, list(parts.values()), categories, origin) if categories else None
    indices, no_class = each(parts, lambda row: 0 if known is None else class_of(known, row, truth.names))
    cls = _by_row(rows.classes.codes, indices)
    wrong = {place: no_class[code] for place, code in _rows_with(rows.classes.codes, no_class)} | rows.bad
    wrong = {place: problem for place, problem in wrong.items() if kept[place]}
    if wrong := wrong | {place: no_image[code] for place, code in _rows_with(rows.images.codes, no_image)}:
        raise rows_error(dict(sorted(wrong.items())), rows.rows, origin)
    left_out = rows.rows - int(kept.sum())
    found = Detections(image, cls, rows.boxes, rows.scores)
    return replace(found.take(kept) if left_out else found, left_out=left_out)


def _read_columns(path: Path) -> Columns:
    """Read rows block by block; whatever is no list is read as a whole, to say what it is instead."""
    try:
        return Columns(read_blocks(path))
    except (OSError, ValueError, RecursionError):
        content = read_json(path, EXPECTED)
        found = "a COCO data set, not results" if isinstance(content, dict) and "annotations" in content else "no list"
        fix = "name the results file (a list), such as predictions.json"
        raise DataError(EXPECTED, found, str(path), fix) from None


def _by_row(codes: Codes, values: Mapping[int, int]) -> Codes:
    """Say of each row what is said of its code; -1 for nothing."""
    table = np.full(int(codes.max(initial=-1)) + 1, -1, dtype=np.int32)
    table[list(values)] = list(values.values())
    return table[codes]


def _rows_with(codes: Codes, some: Mapping[int, object]) -> Iterator[tuple[int, int]]:
    """Yield the places of rows that have some of the codes, with their code."""
    places = np.flatnonzero(np.isin(codes, list(some))) if some else np.empty(0, dtype=np.int64)
    yield from zip(places.tolist(), codes[places].tolist(), strict=True)
