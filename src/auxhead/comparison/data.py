"""The data of a comparison: what must be known of it, and caches and conversions made once before the runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from statistics import median
from typing import Any

from auxhead.comparison.plan import ComparisonPlan
from auxhead.host.datasets import cache_labels, read_source
from auxhead.host.models import fetch_weights
from auxhead.labels.listing import list_images
from auxhead.metrics.truth import image_size
from auxhead.training.converted_labels import convert_cached
from auxhead.training.resolve import resolve

LOOKED_AT = 500
"""Training pictures whose sizes are read, evenly over the split. Source: own choice: about a second."""


def prepare(data: str, arms: Iterable[Mapping[str, Any]]) -> None:
    """Do once what every run would do: download weights, scan labels into Ultralytics' caches, and convert them.

    Args:
        data: The data.yaml.
        arms: Training keys of each arm.

    Raises:
        DataError: The data can't be used.
        OutputError: Converted labels can't be written.
    """
    arms = list(arms)
    for weights in {str(keys.get(key)) for keys in arms for key in ("model", "pretrained")}:
        fetch_weights(weights)
    cache_labels(data, "detect")
    done = set()
    for keys in arms:
        plan, _ = resolve({**keys, "data": data})
        if plan.labels is None or (plan.route, str(plan.labels)) in done:
            continue
        done.add((plan.route, str(plan.labels)))
        cache_labels(str(convert_cached(data, plan.labels, plan.on_error).data), plan.route)


def without_detail(plan: ComparisonPlan) -> list[str]:
    """Name the arms whose images are larger than the control's and than the pictures themselves.

    Args:
        plan: The comparison.

    Returns:
        A sentence for each; none where half of the training pictures have the pixels, or no picture can be opened.

    Raises:
        DataError: The data can't be used.
    """
    usual = int(plan.keys[plan.control]["imgsz"])
    larger = {arm: int(keys["imgsz"]) for arm, keys in plan.keys.items() if int(keys["imgsz"]) > usual}
    if not larger:
        return []
    images = list_images(read_source(plan.data_file).splits["train"])
    sides = []
    for image in images[:: -(-len(images) // LOOKED_AT) or 1]:
        with suppress(OSError):  # the check of the labels names it
            sides.append(max(image_size(image)))
    detail = int(median(sides)) if sides else max(larger.values())
    return [
        f"warning: {arm}: imgsz={imgsz}, but half of the training pictures are at most {detail} px wide and high; "
        "enlarging them shows nothing new"
        for arm, imgsz in larger.items()
        if imgsz > detail
    ]
