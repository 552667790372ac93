"""Predictions that a program holds in memory - supervision's, Ultralytics', SAHI's - as rows of a results file."""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from auxhead.errors import DataError
from auxhead.metrics.detections import Detections
from auxhead.metrics.results.categories import Categories, placeholder
from auxhead.metrics.results.images import image_finder
from auxhead.metrics.results.problems import BadRowError, Origin, rows_error
from auxhead.metrics.results.rows import Columns, each
from auxhead.metrics.results_file import read_rows
from auxhead.metrics.truth import Truth

EXPECTED = (
    "a results file (.json), a mapping from picture to supervision.Detections (or Results of Ultralytics, "
    "PredictionResult of SAHI), or a list of Ultralytics' Results"
)
WHERE = "predictions="
SHAPE = "give xyxy of shape (n, 4), and a confidence and a class_id for each box"
KINDS = {
    "supervision": ("xyxy", "confidence", "class_id"),
    "ultralytics": ("boxes",),
    "sahi": ("object_prediction_list",),
}
"""What detections are known by, whatever package they come from.

Source:
    supervision 0.31, Detections; Ultralytics 8.4, engine/results.py, Results; sahi 0.12, PredictionResult.
"""
Row = dict[str, Any]
Parts = tuple[Any, Any, Any, Sequence[Any]]
"""Corners, scores, classes, and names of these, as far as they are known."""


@dataclass(frozen=True)
class InMemory:
    """Predictions from memory.

    Attributes:
        pictures: As they are named there.
        counts: Detections of each.
        blocks: The rows of each, as a json list.
    """

    pictures: tuple[str, ...]
    counts: tuple[int, ...]
    blocks: tuple[bytes, ...]

    @cached_property
    def content(self) -> bytes:
        """The results file that says the same."""
        return b"[" + b", ".join(block[1:-1] for block in self.blocks if len(block) > len("[]")) + b"]"

    @cached_property
    def sha256(self) -> str:
        """Hash of that file."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def file_name(self) -> str:
        """What that file is called: other predictions have another name, the same ones the same."""
        return f"predictions-{self.sha256[:8]}.json"

    @property
    def origin(self) -> Origin:
        """How messages call them."""
        ends = list(accumulate(self.counts))

        def name(place: int) -> str:
            picture = bisect_right(ends, place)
            return f"{self.pictures[picture]}, detection {place - ends[picture] + self.counts[picture]}"

        return Origin(WHERE, EXPECTED, "detections", name)

    def read(self, truth: Truth, categories: Categories | None) -> tuple[Detections, int]:
        """Read them as a results file is read.

        Args:
            truth: Says which images and classes there are.
            categories: As read_rows.

        Returns:
            The detections, and how many images of the truth aren't among the pictures.

        Raises:
            DataError: A picture isn't one of the truth's, or is there twice; and what read_rows raises.
        """
        unseen = self._unseen(truth)
        return read_rows(Columns(map(json.loads, self.blocks)), truth, categories, self.origin), unseen

    def _unseen(self, truth: Truth) -> int:
        """Count the images of the truth that aren't here; pictures without a detection have no row to tell by."""
        rows = [{"file_name": picture} for picture in self.pictures]
        places, bad = each(dict(enumerate(rows)), image_finder(truth, rows))
        first: dict[int, int] = {}
        for own, image in places.items():
            if (other := first.setdefault(image, own)) != own:
                message = f"the same picture of the data as {self.pictures[other]!r}"
                bad[own] = BadRowError(message, "give each picture once, or name pictures by their paths")
        if bad:
            expected = "predictions for pictures of this data set and split, each once"
            origin = Origin(WHERE, expected, "pictures", lambda place: repr(self.pictures[place]))
            raise rows_error(dict(sorted(bad.items())), len(rows), origin)
        return len(truth.files) - sum(image < len(truth.files) for image in first)


def in_memory(predictions: object) -> InMemory | None:
    """Take predictions from memory.

    Args:
        predictions: A mapping from a picture's name or path to its detections, or Results, which name theirs. Known by
            their parts (KINDS); no package is needed.

    Returns:
        None for a path, and for whatever else the check of keys has to name. No pictures give no rows.

    Raises:
        DataError: Something else in a mapping or list, or detections without scores or classes; all pictures at once.
    """
    if _kind(predictions):
        raise _refused(f"a single {type(predictions).__name__}, not in a mapping or list")
    if isinstance(predictions, (str, bytes, os.PathLike)) or not isinstance(predictions, Iterable):
        return None
    pictures, counts, blocks = [], [], []
    bad: dict[int, BadRowError] = {}
    for place, (picture, found) in enumerate(_pairs(predictions)):
        read, wrong = each({place: (picture, found)}, lambda one: _rows(*one))
        bad |= wrong
        rows = read.get(place, [])
        pictures.append(picture)
        counts.append(len(rows))
        blocks.append(json.dumps(rows).encode())
    if bad:
        raise rows_error(bad, len(pictures), Origin(WHERE, EXPECTED, "pictures", pictures.__getitem__))
    return InMemory(tuple(pictures), tuple(counts), tuple(blocks))


def _pairs(predictions: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield pictures with their detections."""
    if isinstance(predictions, Mapping):
        for picture, found in predictions.items():
            if not isinstance(picture, (str, os.PathLike)):
                raise _refused(f"the key {picture!r:.80}, which is no picture's name or path")
            yield os.fsdecode(picture), found
        return
    for place, found in enumerate(predictions):
        if not (_kind(found) == "ultralytics" and isinstance(getattr(found, "path", None), (str, os.PathLike))):
            raise _refused(f"{type(found).__name__} in a list, at place {place}, which doesn't say of which picture")
        yield os.fsdecode(found.path), found


def _kind(found: object) -> str:
    """Name what detections are known by; '' for what are none."""
    return next((kind for kind, parts in KINDS.items() if all(hasattr(found, part) for part in parts)), "")


def _rows(picture: str, found: Any) -> list[Row]:
    """Write the detections of a picture as rows of a results file."""
    kind = _kind(found)
    if not kind:
        raise BadRowError(f"{type(found).__name__}, no detections", f"give {EXPECTED}")
    xyxy, confidence, class_id, names = READERS[kind](found)
    boxes = _array(xyxy)
    boxes = boxes if boxes.size else boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise BadRowError(f"xyxy of shape {boxes.shape}", SHAPE)
    scores, classes = (
        _column(values, len(boxes), name) for values, name in ((confidence, "confidence"), (class_id, "class_id"))
    )
    if not (np.isfinite(classes) & (classes == np.floor(classes))).all():
        raise BadRowError("a class_id that is no whole number", SHAPE)
    sides = boxes[:, 2:] - boxes[:, :2]
    rows: list[Row] = [
        {"file_name": picture, "category_id": int(cls), "bbox": [*corner, *side], "score": score}
        for cls, corner, side, score in zip(
            classes.tolist(), boxes[:, :2].tolist(), sides.tolist(), scores.tolist(), strict=True
        )
    ]
    for row, name in zip(rows, names, strict=False):
        if name is not None and not placeholder(str(name)):
            row["category_name"] = str(name)
    return rows


def _of_supervision(found: Any) -> Parts:
    names = (getattr(found, "data", None) or {}).get("class_name")
    return found.xyxy, found.confidence, found.class_id, () if names is None else list(names)


def _of_ultralytics(found: Any) -> Parts:
    if found.boxes is None:
        raise BadRowError(f"{type(found).__name__} without boxes", "predict with a detector")
    own = getattr(found, "names", None) or {}
    return found.boxes.xyxy, found.boxes.conf, found.boxes.cls, [own.get(int(cls)) for cls in _array(found.boxes.cls)]


def _of_sahi(found: Any) -> Parts:
    every = found.object_prediction_list
    names = [one.category.name for one in every]
    return (
        [one.bbox.to_xyxy() for one in every],
        [one.score.value for one in every],
        [one.category.id for one in every],
        names,
    )


READERS: dict[str, Callable[[Any], Parts]] = {
    "supervision": _of_supervision,
    "ultralytics": _of_ultralytics,
    "sahi": _of_sahi,
}


def _column(values: Any, count: int, name: str) -> Any:
    """Read a number for each box."""
    if values is None and count:
        raise BadRowError(f"no {name}", SHAPE)
    column = _array([] if values is None else values).ravel()
    if len(column) != count:
        raise BadRowError(f"{len(column)} values of {name} for {count} boxes", SHAPE)
    return column


def _array(values: Any) -> Any:
    """Read numbers of numpy, torch (on any device) or a list in double precision."""
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values, dtype=np.float64)


def _refused(found: str) -> DataError:
    fix = 'name the pictures: auxhead.evaluate(predictions={"a.jpg": detections, ...}, data=...)'
    return DataError(EXPECTED, found, WHERE, fix)
