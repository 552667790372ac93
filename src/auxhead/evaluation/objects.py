"""What became of every box and every detection, as COCO jsons: FiftyOne and other tools open them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auxhead.files import write_atomic
from auxhead.metrics.bands import Band
from auxhead.metrics.matching import NONE
from auxhead.metrics.mistakes import BOXES, EXTRAS, Mistakes
from auxhead.metrics.truth import Floats, Ints, Truth

CROWD = "crowd"  # of crowds, and of detections in them: neither right nor wrong


def write_objects(
    folder: Path, name: str, made: Mistakes, bands: Sequence[Band], *, factors: Floats | None, beside: Path
) -> None:
    """Write boxes-NAME.json and detections-NAME.json.

    Args:
        folder: Where.
        name: The detector's.
        made: What became of boxes and detections.
        bands: The size bands.
        factors: Pixels that sizes are counted in for each of the picture, by image, shape (n,); None: the same.
        beside: The folder that relative names of images are read from; in the files all are absolute.
    """
    boxes, detections = coco(made, bands, factors=factors, beside=beside)
    write_atomic(folder / f"boxes-{name}.json", json.dumps(boxes).encode())
    write_atomic(folder / f"detections-{name}.json", json.dumps(detections).encode())


def coco(
    made: Mistakes, bands: Sequence[Band], *, factors: Floats | None, beside: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Lay boxes and detections out as COCO data sets; arguments as write_objects.

    Returns:
        The boxes, and the detections at or above the score, with `score`. Each has `judged`, a kind of `BOXES` or
        `EXTRAS` or "crowd", and `band`, the name of its size band. Ids count from 1; boxes are in pixels of
        the picture.
    """
    truth = made.truth
    areas = made.found.boxes[:, 2] * made.found.boxes[:, 3]
    back = None if factors is None else 1 / factors
    on_box = made.claims != NONE
    claimed = np.where(on_box, made.boxes[made.claims], NONE) if len(made.boxes) else made.claims
    verdicts = [CROWD if place == NONE else BOXES[place] for place in made.boxes.tolist()]
    told = [
        EXTRAS[extra] if extra != NONE else CROWD if place == NONE else BOXES[place]
        for extra, place in zip(made.extras.tolist(), claimed.tolist(), strict=True)
    ]
    shown = truth if back is None else truth.scaled(back)
    found = made.found if back is None else made.found.scaled(back)
    own = _annotations(shown.image, shown.cls, shown.boxes, verdicts, _bands(truth.areas, bands))
    own = [row | {"iscrowd": int(crowd)} for row, crowd in zip(own, truth.crowd.tolist(), strict=True)]
    theirs = _annotations(found.image, found.cls, found.boxes, told, _bands(areas, bands))
    theirs = [row | {"score": score} for row, score in zip(theirs, found.scores.tolist(), strict=True)]
    head = _head(truth, beside)
    return {**head, "annotations": own}, {**head, "annotations": theirs}


def _head(truth: Truth, beside: Path) -> dict[str, Any]:
    images = [
        {"id": place, "file_name": str((beside / file).absolute()), "width": width, "height": height}
        for place, (file, (width, height)) in enumerate(zip(truth.files, truth.sizes.tolist(), strict=True), start=1)
    ]
    return {"images": images, "categories": [{"id": place, "name": name} for place, name in enumerate(truth.names, 1)]}


def _annotations(
    image: Any, cls: Any, boxes: Floats, judged: Sequence[str], band: Sequence[str]
) -> list[dict[str, Any]]:
    keys = ("id", "image_id", "category_id", "bbox", "area", "judged", "band")
    areas = (boxes[:, 2] * boxes[:, 3]).tolist()
    columns = ((image + 1).tolist(), (cls + 1).tolist(), boxes.tolist(), areas, judged, band)
    return [dict(zip(keys, row, strict=True)) for row in zip(range(1, len(areas) + 1), *columns, strict=True)]


def _bands(areas: Floats, bands: Sequence[Band]) -> list[str]:
    """Name the band of each area, square pixels as they are counted."""
    places: Ints = np.searchsorted([band.low**2 for band in bands], areas, side="right") - 1
    return [bands[place].name for place in places.tolist()]
