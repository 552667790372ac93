"""Predictions in COCO's results format: written with class indices, read in the numbering asked for, never guessed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, TypeVar

import numpy as np

from auxhead.errors import DataError
from auxhead.metrics.detections import Detections
from auxhead.metrics.results.boxes import read_box
from auxhead.metrics.results.categories import Categories, Numbering, choose_numbering, class_of
from auxhead.metrics.results.images import image_finder
from auxhead.metrics.results.problems import EXPECTED, BadRowError, rows_error
from auxhead.metrics.truth import Truth

COMPLETE = "give every row numbers for bbox and score, and an id for its image and class"
Read = TypeVar("Read")


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


def read_results(path: Path, truth: Truth, categories: Categories | None = "own") -> Detections:
    """Read COCO-format results of any detector.

    Args:
        path: The file.
        truth: Says which images and classes there are.
        categories: How `category_id` counts: the data's `own` ids (of a COCO json; else the class index), the class
            `index` from 0, or from 1 as Ultralytics' `save_json` writes it for custom data; None: there is one class,
            whatever rows say.

    Returns:
        The detections, in the order of the file; without those on images that the truth leaves out, whatever they say.

    Raises:
        DataError: Rows are no results, name unknown images or classes, have scores that are no number of at least 0, or
            negative or non-finite boxes; what they say about their image or class contradicts itself; or all ids fit
            another numbering only. Whether boxes lie in their images isn't looked at.
    """
    rows = read_json(path, EXPECTED)
    if not isinstance(rows, list):
        found = "a COCO data set, not results" if isinstance(rows, dict) and "annotations" in rows else "no list"
        raise DataError(EXPECTED, found, str(path), "name the results file (a list), such as predictions.json")
    images, bad = _each(dict(enumerate(rows)), image_finder(truth, rows))
    left_out = {place for place, image in images.items() if image >= len(truth.files)}
    kept = {place: row for place, row in enumerate(rows) if place not in left_out}
    known = choose_numbering(truth, list(kept.values()), categories, path) if categories else None
    detections, others = _each(kept, lambda row: _detection(row, known, truth.names))
    if bad := others | bad:
        raise rows_error(dict(sorted(bad.items())), len(rows), path)
    return Detections(
        np.array([images[place] for place in detections], dtype=np.int64),
        np.array([cls for cls, _, _ in detections.values()], dtype=np.int64),
        np.array([box for _, box, _ in detections.values()], dtype=np.float64).reshape(-1, 4),
        np.array([score for _, _, score in detections.values()], dtype=np.float64),
        left_out=len(left_out),
    )


def _each(rows: Mapping[int, Any], read: Callable[[Any], Read]) -> tuple[dict[int, Read], dict[int, BadRowError]]:
    """Read rows; with what is wrong with the others, both by place."""
    made: dict[int, Read] = {}
    bad: dict[int, BadRowError] = {}
    for place, row in rows.items():
        try:
            made[place] = read(row)
        except BadRowError as problem:
            bad[place] = problem
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            bad[place] = BadRowError(f"no {error}" if isinstance(error, KeyError) else str(error), COMPLETE)
    return made, bad


def _detection(row: Mapping[str, Any], known: Numbering | None, names: Sequence[str]) -> tuple[int, list[float], float]:
    """Bring a row to class, box and score."""
    score = float(row["score"])
    box = read_box(row["bbox"], score)
    return 0 if known is None else class_of(known, row, names), box, score
