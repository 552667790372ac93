"""The data of a comparison: one hash over all of it, caches and conversions made once before the runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from auxhead.host.datasets import cache_labels
from auxhead.host.models import fetch_weights
from auxhead.labels.fingerprint import fingerprint
from auxhead.labels.listing import label_path, list_images
from auxhead.labels.source import Source
from auxhead.progress import Progress, named
from auxhead.training.converted_labels import convert_cached
from auxhead.training.resolve import resolve

SPLITS = ("train", "val", "test")


def data_hash(source: Source, tell: Progress) -> str:
    """Hash the pictures and label files of all splits; a copy elsewhere gives the same hash.

    Args:
        source: The data set.
        tell: Called as progress(task, done, total).

    Raises:
        DataError: A file can't be read.
    """
    images = [image for split in SPLITS if source.splits.get(split) for image in list_images(source.splits[split])]
    labels = [path for path in map(label_path, images) if path.is_file()]
    return fingerprint([*images, *labels], named(tell, "Hashing data"))


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
