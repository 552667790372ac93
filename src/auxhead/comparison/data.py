"""The data of a comparison: caches and conversions made once before the runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from auxhead.host.datasets import cache_labels
from auxhead.host.models import fetch_weights
from auxhead.training.converted_labels import convert_cached
from auxhead.training.resolve import resolve


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
