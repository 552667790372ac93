"""Truth from a COCO json: crowds, polygon areas and ids as they are there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from auxhead.errors import DataError
from auxhead.metrics.results_file import SHOWN, read_json
from auxhead.metrics.truth import Truth

EXPECTED = "a COCO data set: a json with images, annotations and categories"


def read_coco(path: Path, area: Literal["box", "polygon"] = "box") -> Truth:
    """Read the boxes of a COCO json.

    Args:
        path: The file. Its images aren't opened; each needs `id`, `file_name`, `width` and `height`.
        area: What `areas` shall be: of the box, or the annotation's own `area` (of its polygon).

    Returns:
        Classes by rising category id. `iscrowd` and `ignore` boxes are crowds. Annotation ids aren't used.

    Raises:
        DataError: The file is none, has no annotation at all, or has rows that can't be used.
    """
    content = read_json(path, EXPECTED)
    try:
        images = sorted(content["images"], key=lambda image: image["id"])
        categories = sorted(content["categories"], key=lambda category: category["id"])
        ids = {image["id"]: place for place, image in enumerate(images)}
        classes = {category["id"]: place for place, category in enumerate(categories)}
        sizes = [(int(image["width"]), int(image["height"])) for image in images]
        files = tuple(str(image.get("file_name", image["id"])) for image in images)
        names = tuple(str(category["name"]) for category in categories)
        annotations = list(content["annotations"])
    except (KeyError, TypeError, ValueError) as error:
        fix = "name the truth in data=, and a detector's results in predictions="
        raise DataError(
            EXPECTED, f"no {error}" if isinstance(error, KeyError) else str(error), str(path), fix
        ) from error
    if not annotations or len(ids) < len(images) or len(classes) < len(categories):
        found = "not one annotation" if not annotations else "ids that occur twice"
        raise DataError("annotations to measure against, and ids of their own", found, str(path), "correct the file")
    rows, bad = [], []
    for place, annotation in enumerate(annotations):
        try:
            rows.append(_row(annotation, ids, classes, area))
        except (KeyError, TypeError, ValueError) as error:
            bad.append(f"annotation {place}: {error}")
    if bad:
        listed = "".join(f"\n  {line}" for line in bad[:SHOWN])
        found = f"{len(bad)} of {len(annotations)} annotations that can't be used"
        raise DataError(EXPECTED, found, f"{path}, the first {min(SHOWN, len(bad))}:{listed}", "correct them")
    table = np.array(sorted(rows, key=lambda row: row[0]), dtype=np.float64).reshape(-1, 8)
    return Truth(
        names=names,
        files=files,
        sizes=np.array(sizes, dtype=np.int64).reshape(-1, 2),
        image=table[:, 0].astype(np.int64),
        cls=table[:, 1].astype(np.int64),
        boxes=table[:, 2:6],
        areas=table[:, 6],
        crowd=table[:, 7] > 0,
        ids=tuple(ids),
        categories=tuple(classes),
    )


def _row(
    annotation: Mapping[str, Any], ids: Mapping[object, int], classes: Mapping[object, int], area: str
) -> tuple[float, ...]:
    """Bring an annotation to image, class, left, top, width, height, area and crowd."""
    left, top, width, height = (float(value) for value in annotation["bbox"])
    own = float(annotation["area"]) if area == "polygon" else width * height
    if not all(map(math.isfinite, (left, top, width, height, own))) or min(width, height, own) < 0:
        message = f"bbox {annotation['bbox']} is no box"
        raise ValueError(message)
    crowd = bool(annotation.get("iscrowd") or annotation.get("ignore"))
    return ids[annotation["image_id"]], classes[annotation["category_id"]], left, top, width, height, own, crowd
