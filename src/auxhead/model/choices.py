"""What a run adds to Ultralytics' own arguments, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from auxhead.keys.augmentation import CropsKeys, FlipsKeys
from auxhead.keys.convert import OnError, PoseKeys, SegmentKeys
from auxhead.keys.heads.base import HeadSpec
from auxhead.keys.heads.registry import head_spec
from auxhead.keys.train import ROUTE_KEYS, Metric, Route

PLAN_FILE = "auxhead.json"
"""File of a run's folder that holds its plan."""


@dataclass(frozen=True)
class RunPlan:
    """Heads and our other choices of one run.

    Attributes:
        heads: Keys of each head by name; empty for the plain detector.
        select: Validation metric that chooses best.pt.
        on_error: What bad labels or images do.
        cpu_bf16: bfloat16 autocast on CPUs; None: where the CPU has it.
        route: native, or the task of the Ultralytics model that is trained and stripped instead.
        labels: What a box becomes on that route; None on the native one.
        source: Detection data set that such a run has converted.
        flips: What a mirror does to classes.
        crops: Which training views are cut from native pixels.
        ignore: Whether no background is learned in ignored regions beside the labels.
        trust: Whether code in files may run; never written down, as a run's folder may come from somebody else.
        other_data: Whether a resume may go on with other data than the run's; never written down, but asked for.
    """

    heads: Mapping[str, HeadSpec] = field(default_factory=dict)
    select: Metric = "mAP50-95"
    on_error: OnError = "fail"
    cpu_bf16: bool | None = None
    route: Route = "native"
    labels: PoseKeys | SegmentKeys | None = None
    source: str | None = None
    flips: FlipsKeys = field(default_factory=FlipsKeys)
    crops: CropsKeys = field(default_factory=CropsKeys)
    ignore: bool = True
    trust: bool = False
    other_data: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back; checkpoints and json files hold it."""
        return {
            "heads": {name: spec.model_dump() for name, spec in self.heads.items()},
            "select": self.select,
            "on_error": self.on_error,
            "cpu_bf16": self.cpu_bf16,
            "route": self.route,
            "labels": self.labels and self.labels.model_dump(),
            "source": self.source,
            "flips": self.flips.model_dump(),
            "crops": self.crops.model_dump(by_alias=True),
            "ignore": self.ignore,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a plan from `to_dict`'s data."""
        heads = {name: head_spec(name, keys) for name, keys in data["heads"].items()}
        labels = data.get("labels")
        rebuilt = ROUTE_KEYS[data["route"]].model_validate(labels) if labels is not None else None
        shown = {
            "flips": FlipsKeys.model_validate(data.get("flips", {})),
            "crops": CropsKeys.model_validate(data.get("crops", {})),
        }
        return cls(**{**data, "heads": heads, "labels": rebuilt, **shown, "trust": False, "other_data": False})
